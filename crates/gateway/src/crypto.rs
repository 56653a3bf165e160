//! RSA off the async workers: a bounded pool with a bounded queue.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_problem::{Code, Problem};
use tokio::sync::Semaphore;

use crate::answer::Refused;

/// Runs computations of milliseconds on blocking threads, a few at a time.
#[derive(Clone)]
pub struct CryptoPool {
    running: Arc<Semaphore>,
    queued: Arc<Semaphore>,
}

impl CryptoPool {
    /// At most `threads` computations at a time, at most `queue` waiting or running; more is "overloaded".
    pub fn new(threads: usize, queue: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(threads.max(1))),
            queued: Arc::new(Semaphore::new(queue.max(1))),
        }
    }

    /// Runs `work`. Dropping the future before it began leaves nothing running.
    pub async fn run<T, F>(&self, work: F) -> Result<T, Refused>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let overloaded = || Problem::new(Code::Overloaded).retry_after(Duration::from_secs(2));
        let _place = self
            .queued
            .clone()
            .try_acquire_owned()
            .map_err(|_| overloaded())?;
        let running = self
            .running
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| overloaded())?;
        let done = tokio::task::spawn_blocking(move || {
            let _running = running;
            work()
        });
        done.await.map_err(|error| {
            tracing::error!("a computation did not end: {error}");
            Refused::from(Code::Internal)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_refused_at_once() {
        let pool = CryptoPool::new(1, 1);
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let (began, has_begun) = tokio::sync::oneshot::channel::<()>();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move {
                pool.run(move || {
                    let _ = began.send(());
                    wait.recv()
                })
                .await
            }
        });
        has_begun.await.unwrap();
        let refused = pool.run(|| ()).await.unwrap_err();
        assert_eq!(refused.problem().code, Code::Overloaded);
        release.send(()).unwrap();
        assert!(busy.await.unwrap().is_ok());
        assert!(pool.run(|| 1).await.is_ok());
    }
}

//! One signal to stop, heard by everything that runs.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells when to stop: on SIGTERM, SIGINT, or when asked.
#[derive(Clone)]
pub(crate) struct Stop {
    asked: watch::Sender<bool>,
}

impl Stop {
    /// Stops when asked only.
    pub(crate) fn new() -> Self {
        Self {
            asked: watch::Sender::new(false),
        }
    }

    /// Stops on SIGTERM and SIGINT, too.
    pub(crate) fn on_signals() -> Result<Self> {
        let stop = Self::new();
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be heard")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be heard")?;
        let asked = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            asked.ask();
        });
        Ok(stop)
    }

    /// Asks everything to stop.
    pub(crate) fn ask(&self) {
        self.asked.send_replace(true);
    }

    /// Resolves when it is time to stop.
    pub(crate) fn wait(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut asked = self.asked.subscribe();
        async move {
            // The sender lives in this program's main; if it is gone, it is time to stop as well.
            let _ = asked.wait_for(|asked| *asked).await;
        }
    }
}

//! The accept loop: time-outs, connection limits, TLS, orderly shutdown. `axum::serve` has none of these.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::ServiceExt as _;

/// Time for the last bytes of answers, once no request is open any more.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Bounds of the accept loop.
#[derive(Debug, Clone, Copy)]
pub struct ServerSettings {
    /// Connections at a time; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Time for the TLS handshake.
    pub handshake_max: Duration,
    /// Time for a request's header; also for the first one to begin.
    pub header_read_max: Duration,
    /// Time for open requests when shutting down.
    pub drain_max: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            handshake_max: Duration::from_secs(10),
            header_read_max: Duration::from_secs(30),
            drain_max: Duration::from_secs(25),
        }
    }
}

/// A bound listener, ready to serve.
pub struct Server {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    settings: ServerSettings,
}

impl Server {
    /// Binds `address` (port 0 = any). With `tls`, speaks nothing else.
    pub async fn bind(
        address: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
        settings: ServerSettings,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self {
            listener,
            tls: tls.map(TlsAcceptor::from),
            settings,
        })
    }

    /// The bound address, with the real port.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` resolves, then finishes open requests within the limit.
    pub async fn run(self, router: Router, stop: impl Future<Output = ()>) {
        let slots = Arc::new(Semaphore::new(self.settings.connections_max));
        let graceful = GracefulShutdown::new();
        let open = TaskTracker::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else {
                break;
            };
            let stream = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Out of file descriptors or the peer is gone: breathe, then go on.
                        tracing::warn!(error = %error, "a connection could not be accepted: {error}");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
                () = &mut stop => break,
            };
            let connection = Connection {
                router: router.clone(),
                settings: self.settings,
                tls: self.tls.clone(),
                open: open.clone(),
            };
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                connection.serve(stream, watcher).await;
                drop(slot);
            });
        }
        drop(self.listener);
        open.close();
        // A connection without a request is not waited for: half a header may never become a whole one.
        let answered = async {
            open.wait().await;
            tokio::time::sleep(FLUSH_MAX).await;
        };
        tokio::select! {
            () = graceful.shutdown() => {}
            ended = tokio::time::timeout(self.settings.drain_max, answered) => if ended.is_err() {
                tracing::warn!("some requests were still open at the end of the drain time");
            },
        }
    }
}

struct Connection {
    router: Router,
    settings: ServerSettings,
    tls: Option<TlsAcceptor>,
    /// Requests whose answers are not out yet.
    open: TaskTracker,
}

impl Connection {
    async fn serve(self, stream: TcpStream, watcher: hyper_util::server::graceful::Watcher) {
        // Small answers must not wait for Nagle; failing to set it costs milliseconds, nothing else.
        let _ = stream.set_nodelay(true);
        let Some(acceptor) = self.tls.clone() else {
            return self.speak(stream, watcher).await;
        };
        match tokio::time::timeout(self.settings.handshake_max, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.speak(stream, watcher).await,
            Ok(Err(error)) => tracing::debug!(error = %error, "a TLS handshake failed: {error}"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn speak<S>(self, stream: S, watcher: hyper_util::server::graceful::Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.settings.header_read_max)
            .max_buf_size(64 * 1024);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(100)
            .keep_alive_interval(Duration::from_secs(30))
            .max_header_list_size(32 * 1024);
        let begun = Arc::new(AtomicBool::new(false));
        let service = hyper::service::service_fn({
            let (router, open, begun) = (self.router, self.open, begun.clone());
            move |request: Request<Incoming>| {
                begun.store(true, Ordering::Relaxed);
                answer(router.clone(), request, open.token())
            }
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let mut connection = std::pin::pin!(watcher.watch(connection));
        let ended = tokio::select! {
            ended = &mut connection => ended,
            // Until it knows which version is spoken, hyper waits without limit.
            () = tokio::time::sleep(self.settings.header_read_max) => {
                if !begun.load(Ordering::Relaxed) {
                    tracing::debug!("a connection brought no request in time");
                    return;
                }
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = %error, "a connection ended early: {error}");
        }
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    open: TaskTrackerToken,
) -> Result<Response<OpenBody>, std::convert::Infallible> {
    let response = router.oneshot(request).await?;
    Ok(response.map(|body| OpenBody { body, _open: open }))
}

/// An answer's body; its request counts as open until it is sent or given up.
struct OpenBody {
    body: Body,
    _open: TaskTrackerToken,
}

impl http_body::Body for OpenBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(task)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// Serves `/slow`, which answers when told to; ends when the sender is dropped or used.
    async fn serve(
        settings: ServerSettings,
    ) -> (
        SocketAddr,
        Arc<Semaphore>,
        oneshot::Sender<()>,
        JoinHandle<()>,
    ) {
        let told = Arc::new(Semaphore::new(0));
        let waiting = told.clone();
        let router = Router::new().route(
            "/slow",
            get(async move || {
                let _told = waiting.acquire().await;
                "done"
            }),
        );
        let address = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(address, None, settings).await.unwrap();
        let address = server.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(router, async move {
            let _ = stopped.await;
        }));
        (address, told, stop, running)
    }

    #[tokio::test]
    async fn a_connection_that_brings_no_request_is_closed() {
        let settings = ServerSettings {
            header_read_max: Duration::from_millis(50),
            ..ServerSettings::default()
        };
        let (address, _told, _stop, _running) = serve(settings).await;
        for part in [
            "",
            "GET",
            "GET /slow HTTP/1.1\r\nhost:",
            "PRI * HTTP/2.0\r\n",
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(part.as_bytes()).await.unwrap();
            let mut said = Vec::new();
            timeout(SOON, stream.read_to_end(&mut said))
                .await
                .expect(part)
                .ok();
        }
    }

    #[tokio::test]
    async fn a_slow_answer_is_waited_for_although_the_header_time_is_over() {
        let settings = ServerSettings {
            header_read_max: Duration::from_millis(50),
            ..ServerSettings::default()
        };
        let (address, told, stop, running) = serve(settings).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        // The silent one is closed by the same timer, so the slow one's has passed as well.
        let mut silent = TcpStream::connect(address).await.unwrap();
        timeout(SOON, silent.read(&mut [0; 8]))
            .await
            .unwrap()
            .unwrap();
        stop.send(()).unwrap();
        told.add_permits(1);
        let mut said = String::new();
        timeout(SOON, slow.read_to_string(&mut said))
            .await
            .unwrap()
            .unwrap();
        assert!(said.ends_with("done"), "{said}");
        timeout(SOON, running).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn stopping_waits_for_requests_and_not_for_connections() {
        let (address, told, stop, mut running) = serve(ServerSettings::default()).await;
        let silent = TcpStream::connect(address).await.unwrap();
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET /slow HTTP/1.1\r\nhost:")
            .await
            .unwrap();
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        // Answered in order of arrival at the latest: another one on the same connection list has been seen by then.
        let mut other = TcpStream::connect(address).await.unwrap();
        other
            .write_all(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        timeout(SOON, other.read(&mut [0; 8]))
            .await
            .unwrap()
            .unwrap();
        stop.send(()).unwrap();
        timeout(Duration::from_millis(200), &mut running)
            .await
            .expect_err("it left an open request");
        told.add_permits(1);
        let mut said = String::new();
        timeout(SOON, slow.read_to_string(&mut said))
            .await
            .unwrap()
            .unwrap();
        assert!(said.ends_with("done"), "{said}");
        // Well before the drain time, although half a header is still there.
        timeout(Duration::from_secs(5), running)
            .await
            .unwrap()
            .unwrap();
        drop((silent, half));
    }
}

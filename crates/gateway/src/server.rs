//! The accept loop: time-outs, connection limits, TLS, orderly shutdown. `axum::serve` has none of these.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// Bounds of the accept loop.
#[derive(Debug, Clone, Copy)]
pub struct ServerSettings {
    /// Connections at a time; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Time for the TLS handshake.
    pub handshake_max: Duration,
    /// Time for a request's header.
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
            };
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                connection.serve(stream, watcher).await;
                drop(slot);
            });
        }
        drop(self.listener);
        if tokio::time::timeout(self.settings.drain_max, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("some requests were still open at the end of the drain time");
        }
    }
}

struct Connection {
    router: Router,
    settings: ServerSettings,
    tls: Option<TlsAcceptor>,
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
        let service = TowerToHyperService::new(self.router);
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(error = %error, "a connection ended early: {error}");
        }
    }
}

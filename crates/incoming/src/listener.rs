//! The accept loop.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use http_body::Body;
use hyper::body::Incoming;
use hyper::{Request, Response};
use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Bounds;
use crate::connection::Connection;

/// Who answers.
pub trait Host: Send + Sync + 'static {
    /// What is known of a peer as long as it is connected.
    type Guest: Send + Sync + 'static;
    /// The bodies of answers.
    type Body: Body<Data: Buf + Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// A peer is there; with its own certificate, if it showed one of an authority that is trusted.
    fn meet(&self, shown: Option<&CertificateDer<'_>>) -> Self::Guest;

    /// Answers a request; `None` closes the connection, since nobody hears.
    fn answer(
        &self,
        guest: Arc<Self::Guest>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Option<Response<Self::Body>>> + Send;
}

/// A bound listener, ready to serve.
pub struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    bounds: Bounds,
}

impl Listener {
    /// Binds `address` (port 0 = any). With `tls`, speaks nothing else.
    pub async fn bind(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        bounds: Bounds,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        Ok(Self {
            socket,
            tls: tls.map(TlsAcceptor::from),
            bounds,
        })
    }

    /// The bound address, with the real port.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop` resolves, then finishes open requests within the limit. Nobody can connect any more when `stopped` is
    /// called.
    pub async fn run<H: Host>(
        self,
        host: Arc<H>,
        stop: impl Future<Output = ()>,
        stopped: impl FnOnce(),
    ) {
        let slots = Arc::new(Semaphore::new(self.bounds.connections_max));
        let (stopping, connections) = (CancellationToken::new(), TaskTracker::new());
        let mut stop = std::pin::pin!(stop);
        loop {
            let slot = tokio::select! {
                slot = slots.clone().acquire_owned() => slot,
                () = &mut stop => break,
            };
            let Ok(slot) = slot else { break };
            let stream = tokio::select! {
                accepted = accept(&self.socket) => accepted,
                () = &mut stop => break,
            };
            let connection = Connection {
                host: host.clone(),
                bounds: self.bounds,
                tls: self.tls.clone(),
                stop: stopping.clone(),
            };
            connections.spawn(async move {
                connection.serve(stream).await;
                drop(slot);
            });
        }
        drop(self.socket);
        stopped();
        stopping.cancel();
        connections.close();
        let ended = tokio::time::timeout(self.bounds.drain_max, connections.wait()).await;
        if ended.is_err() {
            tracing::warn!("some requests were still open at the end of the drain time");
        }
    }
}

async fn accept(socket: &TcpListener) -> TcpStream {
    loop {
        match socket.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                // Out of file descriptors or the peer is gone: breathe, then go on.
                tracing::warn!(error = %error, "a connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

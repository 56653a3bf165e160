//! The listener: mutual TLS, bounds, orderly end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::service::Service;

const CONNECTIONS_MAX: usize = 64;
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
const HEADER_READ_MAX: Duration = Duration::from_secs(30);
/// Of one connection, however lively: many messages of the largest size.
const CONNECTION_MAX: Duration = Duration::from_hours(6);
const DRAIN_MAX: Duration = Duration::from_secs(25);

/// TLS of the listener is not usable.
#[derive(Debug, thiserror::Error)]
pub enum NotSecured {
    /// No certificate in the chain's file.
    #[error("the server's certificate file holds no certificate in PEM form")]
    Chain,
    /// No key in the key's file.
    #[error("the server's key file holds no private key in PEM form")]
    Key,
    /// No authority in the file of those that issue client certificates.
    #[error(
        "the file of authorities for client certificates holds no usable certificate in PEM form"
    )]
    ClientAuthorities,
    /// The parts do not fit together.
    #[error("TLS cannot be set up with these certificates and this key")]
    Tls(#[source] rustls::Error),
}

/// TLS that asks every client for a certificate of these authorities. All in PEM.
pub fn mutual_tls(
    chain: &[u8],
    key: &[u8],
    client_authorities: &[u8],
) -> Result<Arc<ServerConfig>, NotSecured> {
    let certificates = |pem| CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let chain = certificates(chain)
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or(NotSecured::Chain)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| NotSecured::Key)?;
    let mut roots = RootCertStore::empty();
    for certificate in
        certificates(client_authorities).map_err(|_| NotSecured::ClientAuthorities)?
    {
        roots
            .add(certificate)
            .map_err(|_| NotSecured::ClientAuthorities)?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|_| NotSecured::ClientAuthorities)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(NotSecured::Tls)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(NotSecured::Tls)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A bound listener, ready to serve.
pub struct Server {
    listener: TcpListener,
    tls: TlsAcceptor,
    service: Arc<Service>,
}

impl Server {
    /// Binds `address` (port 0 = any).
    pub async fn bind(
        address: SocketAddr,
        tls: Arc<ServerConfig>,
        service: Service,
    ) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            tls: TlsAcceptor::from(tls),
            service: Arc::new(service),
        })
    }

    /// The bound address, with the real port.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` resolves, then finishes open requests within a limit.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let slot = tokio::select! {
                slot = slots.clone().acquire_owned() => slot,
                () = &mut stop => break,
            };
            let Ok(slot) = slot else { break };
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
            let (tls, service, watcher) =
                (self.tls.clone(), self.service.clone(), graceful.watcher());
            tokio::spawn(async move {
                if tokio::time::timeout(CONNECTION_MAX, connection(stream, tls, service, watcher))
                    .await
                    .is_err()
                {
                    tracing::debug!("a connection lasted too long");
                }
                drop(slot);
            });
        }
        drop(self.listener);
        if tokio::time::timeout(DRAIN_MAX, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("some requests were still open at the end of the drain time");
        }
    }
}

async fn connection(stream: TcpStream, tls: TlsAcceptor, service: Arc<Service>, watcher: Watcher) {
    // Small answers must not wait for Nagle; failing to set it costs milliseconds, nothing else.
    let _ = stream.set_nodelay(true);
    let stream = match tokio::time::timeout(HANDSHAKE_MAX, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(error = %error, "a TLS handshake failed: {error}"),
        Err(_) => return tracing::debug!("a TLS handshake took too long"),
    };
    let certificate = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first);
    let account = certificate.and_then(|certificate| service.account(certificate));
    if account.is_none() {
        tracing::warn!("a client certificate belongs to no account");
    }
    let serve = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (service, account) = (service.clone(), account.clone());
        async move { service.answer(account.as_ref(), request).await.ok_or(Gone) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_MAX)
        .max_buf_size(64 * 1024);
    let connection = builder.serve_connection(TokioIo::new(stream), serve);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error = %error, "a connection ended early: {error}");
    }
}

/// The peer is gone; the connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("the peer is gone")]
struct Gone;

//! The service at its listener: mutual TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use amtsbote_incoming::{Bounds, ClientCertificates, Host, Listener, NotSecured, Speaks};
use http::{Request, Response};
use hyper::body::Incoming;
use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;

use crate::accounts::Account;
use crate::respond::Body;
use crate::service::Service;

/// TLS that asks every client for a certificate of these authorities. All in PEM.
pub fn mutual_tls(
    chain: &[u8],
    key: &[u8],
    client_authorities: &[u8],
) -> Result<Arc<ServerConfig>, NotSecured> {
    let clients = ClientCertificates::Required(client_authorities);
    amtsbote_incoming::server_tls((chain, key), clients, Speaks::Http1)
}

/// A bound listener, ready to serve.
pub struct Server {
    listener: Listener,
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
            listener: Listener::bind(address, Some(tls), Bounds::of_agents()).await?,
            service: Arc::new(service),
        })
    }

    /// The bound address, with the real port.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` resolves, then finishes open requests within a limit.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        self.listener.run(self.service, stop, || ()).await;
    }
}

impl Host for Service {
    type Guest = Option<Arc<Account>>;
    type Body = Body;

    fn meet(&self, shown: Option<&CertificateDer<'_>>) -> Self::Guest {
        let account = shown.and_then(|certificate| self.account(certificate));
        if account.is_none() {
            tracing::warn!("a client certificate belongs to no account");
        }
        account
    }

    async fn answer(
        &self,
        guest: Arc<Self::Guest>,
        request: Request<Incoming>,
    ) -> Option<Response<Body>> {
        Self::answer(self, guest.as_ref().as_ref(), request).await
    }
}

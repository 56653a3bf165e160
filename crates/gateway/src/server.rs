//! The gateway at its listener.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use amtsbote_incoming::{Bounds, Host, Listener};
use axum::Router;
use axum::body::Body;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use rustls_pki_types::CertificateDer;
use tower::ServiceExt as _;

/// A bound listener, ready to serve.
pub struct Server(Listener);

impl Server {
    /// Binds `address` (port 0 = any). With `tls`, speaks nothing else.
    pub async fn bind(
        address: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
        bounds: Bounds,
    ) -> io::Result<Self> {
        Listener::bind(address, tls, bounds).await.map(Self)
    }

    /// The bound address, with the real port.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Serves until `stop` resolves, then finishes open requests within the limit.
    pub async fn run(self, router: Router, stop: impl Future<Output = ()>) {
        self.0.run(Arc::new(Gateway(router)), stop, || ()).await;
    }
}

struct Gateway(Router);

impl Host for Gateway {
    type Guest = ();
    type Body = Body;

    fn meet(&self, _: Option<&CertificateDer<'_>>) {}

    async fn answer(&self, _: Arc<()>, request: Request<Incoming>) -> Option<Response<Body>> {
        let version = request.version();
        let answered: Result<_, Infallible> = self.0.clone().oneshot(request).await;
        answered.ok().map(|response| elsewhere(version, response))
    }
}

/// Who cannot do it now is left: behind a balancer that deals out connections, the next try would come to this gateway again, which may be the
/// only one that does not reach database or bucket. HTTP/2 knows no such header.
fn elsewhere(version: Version, mut response: Response<Body>) -> Response<Body> {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE && version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

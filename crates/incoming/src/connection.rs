//! One connection, from the handshake to its end.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::activity::{Activity, Answering, Patience, Useless};
use crate::watched::Watched;
use crate::{Bounds, Host, Speaks};

/// Time for the last bytes of answers, once no request is open any more.
const FLUSH_MAX: Duration = Duration::from_secs(1);

pub(crate) struct Connection<H> {
    pub(crate) host: Arc<H>,
    pub(crate) bounds: Bounds,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) stop: CancellationToken,
}

impl<H: Host> Connection<H> {
    pub(crate) async fn serve(self, stream: TcpStream) {
        // Small answers must not wait for Nagle; failing to set it costs milliseconds, nothing else.
        let _ = stream.set_nodelay(true);
        let activity = Activity::new();
        let stream = Watched::new(stream, activity.clone());
        let Some(acceptor) = self.tls.clone() else {
            return self.speak(stream, None, activity).await;
        };
        let handshake = tokio::time::timeout(self.bounds.handshake_max, acceptor.accept(stream));
        let stream = tokio::select! {
            done = handshake => match done {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(error = %error, "a TLS handshake failed: {error}"),
                Err(_) => return tracing::debug!("a TLS handshake took too long"),
            },
            () = self.stop.cancelled() => return,
        };
        let shown = stream.get_ref().1.peer_certificates();
        let shown = shown.and_then(<[_]>::first).cloned();
        self.speak(stream, shown, activity).await;
    }

    async fn speak<S>(self, stream: S, shown: Option<CertificateDer<'static>>, activity: Activity)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let guest = Arc::new(self.host.meet(shown.as_ref()));
        let service = hyper::service::service_fn({
            let (host, activity) = (self.host, activity.clone());
            move |request| answer(host.clone(), guest.clone(), request, activity.clone())
        });
        let builder = builder(self.bounds);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let patience = Patience {
            first: self.bounds.header_read_max,
            idle: self.bounds.idle_max,
            stalled: self.bounds.stall_max,
        };
        let life = self.bounds.connection_max;
        tokio::select! {
            ended = connection.as_mut() => return told(ended),
            why = activity.useless(patience) => match why {
                // hyper waits without limit until it knows which version is spoken, and for whom does not read.
                Useless::NeverBegun => return tracing::debug!("a connection brought no request in time"),
                Useless::Stalled => return tracing::debug!("an answer was not taken in time"),
                Useless::Idle => {}
            },
            () = tokio::time::sleep(life) => {}
            () = self.stop.cancelled() => {}
        }
        // Requests that are open are answered; a peer that does not hear of the end is not waited for, nor is half a header.
        connection.as_mut().graceful_shutdown();
        let patience = Patience {
            first: FLUSH_MAX,
            idle: FLUSH_MAX,
            ..patience
        };
        tokio::select! {
            ended = connection => told(ended),
            _ = activity.useless(patience) => {}
            () = tokio::time::sleep(life) => tracing::debug!("a request lasted too long"),
        }
    }
}

fn told(ended: Result<(), Box<dyn Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection ended early: {error}");
    }
}

fn builder(bounds: Bounds) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_read_max)
        .max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .keep_alive_interval(Duration::from_secs(30))
        .max_header_list_size(32 * 1024);
    match bounds.speaks {
        Speaks::Http1 => builder.http1_only(),
        Speaks::Http2 => builder,
    }
}

async fn answer<H: Host>(
    host: Arc<H>,
    guest: Arc<H::Guest>,
    request: Request<Incoming>,
    activity: Activity,
) -> Result<Response<Answering<H::Body>>, Gone> {
    let open = activity.begin();
    let response = host.answer(guest, request).await.ok_or(Gone)?;
    Ok(response.map(|body| open.answering(body)))
}

/// The host has no answer: the connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("there is no answer")]
struct Gone;

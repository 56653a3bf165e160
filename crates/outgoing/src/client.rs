//! The way out itself.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::Stream;
use reqwest::header::{CONTENT_LENGTH, HeaderValue};
use reqwest::{Client, ClientBuilder, Method, Request, RequestBuilder, Response};
use tokio::time::timeout;
use url::Url;

use crate::answer::Download;
use crate::resolver::{Guard, GuardedResolver, Names, SystemNames};
use crate::upload::{self, Progress};
use crate::{Failure, NotOpened, Settings, Timeouts, tls};

/// On idle connections, and while an answer is waited for: the other machine is asked after this, and then so often, whether it is there.
const ASKED_AFTER: Duration = Duration::from_secs(3);
const ASKED_EVERY: Duration = Duration::from_secs(1);
/// A machine that acknowledges nothing for so long is gone, or the way to it: early enough that another process can stand in within ten seconds.
const UNHEARD_MAX: Duration = Duration::from_secs(5);
/// A peer that is there and takes nothing of a long body for so long, as the kernel counts it, is gone.
const NOT_TAKEN_MAX: Duration = Duration::from_secs(30);
/// A body up to this is in the buffers at once, so that only the way can hold it up.
const SHORT_BYTES: usize = 64 * 1024;

/// A guarded HTTP client. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Outgoing {
    /// For calls whose body is short: who is not heard of is given up soon.
    client: Client,
    /// For long bodies. The kernel does not tell a way that is cut from a peer that takes nothing for a while.
    patient: Client,
    guard: Guard,
    timeouts: Timeouts,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

impl Outgoing {
    /// Opens the way out. Reads the system's authorities once; starts no tasks, makes no calls.
    pub fn open(settings: Settings) -> Result<Self, NotOpened> {
        Self::open_with(settings, Arc::new(SystemNames))
    }

    pub(crate) fn open_with(settings: Settings, names: Arc<dyn Names>) -> Result<Self, NotOpened> {
        let agent =
            HeaderValue::from_str(&settings.user_agent).map_err(|_| NotOpened::UserAgent)?;
        if agent.is_empty() {
            return Err(NotOpened::UserAgent);
        }
        let tls = tls::config(&settings)?;
        let guard = Guard::new(settings.reach, settings.plain_http);
        let resolver = Arc::new(GuardedResolver {
            guard: guard.clone(),
            names,
        });
        let builder = |unheard_max: Duration| {
            let builder = Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .user_agent(agent.clone())
                .connect_timeout(settings.timeouts.connect)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .no_proxy()
                .dns_resolver(resolver.clone());
            listening(builder, unheard_max).build()
        };
        let client = builder(UNHEARD_MAX).map_err(NotOpened::Http)?;
        let patient = builder(NOT_TAKEN_MAX).map_err(NotOpened::Http)?;
        Ok(Self {
            client,
            patient,
            guard,
            timeouts: settings.timeouts,
        })
    }

    /// The limits of each call.
    pub const fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Whether the guard would let a call to `url` out, as far as can be said without looking its name up.
    pub fn check(&self, url: &Url) -> Result<(), Failure> {
        self.guard.check(url).map_err(Failure::RefusedTarget)
    }

    /// The client itself, for a library that builds its calls to a peer of the operator's choice on its own. It has no
    /// limit on a whole call: the caller sets one. A peer that is not heard of for five seconds, or takes nothing of a body, is given up.
    pub fn stream_client(&self) -> Client {
        self.client.clone()
    }

    /// Begins a call. Its whole length is limited by [`Timeouts::total`] unless the caller sets another
    /// [`RequestBuilder::timeout`]. Hand it to [`Self::send`] to have it made under the guard.
    pub fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Failure> {
        self.check(&url)?;
        Ok(self
            .client
            .request(method, url)
            .timeout(self.timeouts.total))
    }

    /// Begins a call whose body, up or down, is a stream: limited by [`Timeouts::idle`] and [`Timeouts::transfer`].
    /// Hand it to [`Self::send_stream`] or [`Self::send_upload`].
    pub fn stream_request(&self, method: Method, url: Url) -> Result<RequestBuilder, Failure> {
        self.check(&url)?;
        Ok(self
            .client
            .request(method, url)
            .timeout(self.timeouts.transfer))
    }

    /// Makes the call. Any HTTP status is an answer, redirects too. Read it with [`crate::read_bounded`].
    pub async fn send(&self, call: RequestBuilder) -> Result<Response, Failure> {
        self.execute(built(call)?).await
    }

    /// Makes a call that may be carried out twice: reading, or fetching a token. Kept connections break at the moment they are
    /// used when the peer closes them then, for having been idle or for having answered early; so a call whose connection broke
    /// before any answer is made once more, on another one.
    pub async fn send_repeatable(&self, call: RequestBuilder) -> Result<Response, Failure> {
        let request = built(call)?;
        let again = request.try_clone().ok_or(Failure::Unsendable)?;
        let began = Instant::now();
        match self.execute(request).await {
            // After a silence it was not the peer's closing, and another try is as long.
            Err(Failure::Broken { .. }) if began.elapsed() < ASKED_AFTER => {
                self.execute(again).await
            }
            outcome => outcome,
        }
    }

    /// Makes the call and hands out the answer as a stream; the peer's first word must come within [`Timeouts::idle`].
    pub async fn send_stream(&self, call: RequestBuilder) -> Result<Download, Failure> {
        let request = built(call)?;
        let host = host_of(request.url());
        let limit = self.timeouts.connect + self.timeouts.idle;
        let sent = timeout(limit, self.execute(request)).await;
        let response = sent.map_err(|_| Failure::TimedOut { host })??;
        Ok(Download::new(response, self.timeouts.idle))
    }

    /// Makes the call with `body` as its stream. Ends when no piece was taken by the peer for [`Timeouts::idle`]
    /// (noticed at the latest after twice that).
    pub async fn send_upload<S>(&self, call: RequestBuilder, body: S) -> Result<Response, Failure>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let mut request = built(call)?;
        let host = host_of(request.url());
        let progress = Progress::new();
        *request.body_mut() = Some(upload::body(body, progress.clone()));
        tokio::select! {
            answer = self.execute(request) => answer,
            () = progress.stalled(self.timeouts.idle) => Err(Failure::TimedOut { host }),
        }
    }

    async fn execute(&self, request: Request) -> Result<Response, Failure> {
        // Again, since the builder's URL may have been changed meanwhile.
        self.check(request.url())?;
        let host = host_of(request.url());
        let client = if length_of(&request).is_some_and(|length| length <= SHORT_BYTES) {
            &self.client
        } else {
            &self.patient
        };
        let answer = client.execute(request).await;
        answer.map_err(|error| Failure::of(error, host))
    }
}

/// Of its body, as far as it is known before.
fn length_of(request: &Request) -> Option<usize> {
    let Some(body) = request.body() else {
        return Some(0);
    };
    let told = || {
        request
            .headers()
            .get(CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok()
    };
    body.as_bytes().map(<[u8]>::len).or_else(told)
}

/// Notices that the other machine is not heard of any more, also while it owes nothing but an answer.
fn listening(builder: ClientBuilder, unheard_max: Duration) -> ClientBuilder {
    let builder = builder
        .tcp_keepalive(ASKED_AFTER)
        .tcp_keepalive_interval(ASKED_EVERY)
        .tcp_keepalive_retries(3);
    // Elsewhere the kernel counts the questions only.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let builder = builder.tcp_user_timeout(unheard_max);
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    let _ = unheard_max;
    builder
}

fn built(call: RequestBuilder) -> Result<Request, Failure> {
    call.build().map_err(|_| Failure::Unsendable)
}

/// Name and port; nothing else of a URL goes into texts.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

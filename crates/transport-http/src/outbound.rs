//! One try: look up, send, understand the answer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::placement::Names;
use amtsbote_adapter::transport::settings_of;
use amtsbote_adapter::{Arrival, Fault, Lineage, Outbound, Parcel, Receipt, Reply, Transport};
use amtsbote_model::ParcelId;
use amtsbote_outgoing::{Failure, Outgoing, read_bounded};
use futures_util::stream::unfold;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response};
use tokio::sync::mpsc;
use tokio::time::timeout;
use url::Url;
use uuid::Uuid;

use crate::answer::{Answer, Meaning, Presence};
use crate::auth::{Age, Proof};
use crate::settings::{Method, Settings, UrlTemplate};
use crate::tls_words::tls_words;
use crate::wire::Letter;

const ANSWER_MAX_BYTES: usize = 1024 * 1024;
/// For the rest of an answer whose status is known.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// REST interfaces, by settings.
#[derive(Debug)]
pub struct Http;

impl Transport for Http {
    fn name(&self) -> &'static str {
        crate::NAME
    }

    fn open(&self, settings: toml::Table, base: &Path) -> Result<Arc<dyn Outbound>, Fault> {
        let settings: Settings = settings_of(self, settings)?;
        Ok(Arc::new(HttpOutbound::open(settings.below(base))?))
    }

    fn said(&self, settings: toml::Table, files: usize) -> Result<Vec<Lineage>, Fault> {
        let settings: Settings = settings_of(self, settings)?;
        Ok(crate::said::said(&settings, files))
    }

    fn names(&self, settings: toml::Table) -> Result<Names, Fault> {
        let settings: Settings = settings_of(self, settings)?;
        Ok(settings.names())
    }
}

/// The way out to one REST interface.
#[derive(Debug)]
pub struct HttpOutbound {
    pub(crate) settings: Settings,
    outgoing: Outgoing,
    proof: Proof,
}

/// What one call asks for.
pub(crate) struct Question<'a> {
    pub(crate) method: reqwest::Method,
    pub(crate) url: Url,
    /// By which the procedure recognises a repeat.
    pub(crate) key: String,
    pub(crate) letter: Option<&'a Letter<'a>>,
}

impl HttpOutbound {
    /// Checks the settings and reads certificates. Calls nobody.
    pub fn open(settings: Settings) -> Result<Self, Fault> {
        settings.check()?;
        let outgoing = settings.access().outgoing()?;
        Ok(Self {
            proof: Proof::new(settings.auth.clone()),
            settings,
            outgoing,
        })
    }

    async fn bring(&self, parcel: &Parcel) -> Result<Receipt, Fault> {
        if let Some(steps) = &self.settings.steps {
            return self.in_steps(parcel, steps).await;
        }
        let letter = Letter::of(&self.settings.body, parcel)?;
        if let Some(answer) = self.found(parcel.id).await? {
            return self.receipt(parcel.id, &answer, Arrival::Repeated);
        }
        amtsbote_names::fail_point!(LookedUp);
        let (answer, arrival) = self.send_first(parcel.id, &letter).await?;
        self.receipt(parcel.id, &answer, arrival)
    }

    /// The first call, which most often is the only one.
    pub(crate) async fn send_first(
        &self,
        parcel: ParcelId,
        letter: &Letter<'_>,
    ) -> Result<(Answer, Arrival), Fault> {
        let method = match self.settings.method {
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let answer = self
            .ask(&Question {
                method,
                url: url_of(&self.settings.url, parcel)?,
                key: parcel.to_string(),
                letter: Some(letter),
            })
            .await?;
        match answer.meaning(&self.settings.answers) {
            Meaning::Accepted => Ok((answer, Arrival::New)),
            Meaning::Repeated => Ok((answer, Arrival::Repeated)),
            Meaning::Refused => Err(answer.refused()),
            Meaning::Busy => Err(answer.busy()),
            Meaning::Misconfigured => Err(answer.misconfigured()),
        }
    }

    /// The look-up's answer, if there is one and the procedure has the parcel.
    pub(crate) async fn found(&self, id: ParcelId) -> Result<Option<Answer>, Fault> {
        let Some(lookup) = &self.settings.lookup else {
            return Ok(None);
        };
        let answer = self.get(&lookup.url, id).await?;
        Ok(match answer.presence(lookup, &self.settings.answers)? {
            Presence::There => Some(answer),
            Presence::Absent => None,
        })
    }

    async fn get(&self, url: &UrlTemplate, id: ParcelId) -> Result<Answer, Fault> {
        self.ask(&Question {
            method: reqwest::Method::GET,
            url: url_of(url, id)?,
            key: id.to_string(),
            letter: None,
        })
        .await
    }

    /// Calls; once more with a new token if the old one is refused.
    pub(crate) async fn ask(&self, question: &Question<'_>) -> Result<Answer, Fault> {
        let answer = self.call(question, Age::Any).await?;
        if answer.status == 401 && self.proof.is_renewable() {
            return self.call(question, Age::Fresh).await;
        }
        Ok(answer)
    }

    async fn call(&self, question: &Question<'_>, age: Age) -> Result<Answer, Fault> {
        let (method, url) = (question.method.clone(), question.url.clone());
        let mut call = match question.letter {
            None => self.outgoing.request(method, url),
            Some(_) => self.outgoing.stream_request(method, url),
        }
        .map_err(unanswered)?;
        for (name, value) in &self.settings.headers {
            call = call.header(name, value);
        }
        call = call.header(&self.settings.id_header, &question.key);
        call = self.proof.show(call, &self.outgoing, age).await?;
        let response = match question.letter {
            // Look-ups and probes: GET and OPTIONS.
            None => {
                let answer = self.outgoing.send_repeatable(call).await;
                answer.map_err(unanswered)?
            }
            Some(letter) => self.send(call, letter).await?,
        };
        Ok(read(response).await)
    }

    /// Sends the body while it is read, until the answer comes, which may be before its end.
    async fn send(&self, call: RequestBuilder, letter: &Letter<'_>) -> Result<Response, Fault> {
        let mut call = call.header(CONTENT_LENGTH, letter.length);
        if letter.length > 0 {
            call = call.header(CONTENT_TYPE, &letter.content_type);
        }
        let (pieces, taken) = mpsc::channel(1);
        let body = unfold(taken, |mut taken| async move {
            taken.recv().await.map(|piece| (piece, taken))
        });
        let sending = self.outgoing.send_upload(call, body);
        let feeding = letter.feed(pieces);
        tokio::pin!(sending, feeding);
        tokio::select! {
            answer = &mut sending => answer.map_err(unanswered),
            fed = &mut feeding => {
                let answer = sending.await;
                // A source that failed broke the body off: whatever was answered, it was not to the whole parcel.
                fed?;
                answer.map_err(unanswered)
            }
        }
    }

    pub(crate) fn receipt(
        &self,
        id: ParcelId,
        answer: &Answer,
        arrival: Arrival,
    ) -> Result<Receipt, Fault> {
        let url = url_of(&self.settings.url, id)?;
        let host = url.host_str().unwrap_or_default();
        let file_number = answer.file_number(self.settings.file_number.as_ref());
        if file_number.is_none() && self.settings.file_number.is_some() && arrival == Arrival::New {
            tracing::warn!(submission.id = %id,
                "the procedure took {id}, but its answer has no file number where file_number says; look at its place");
        }
        // Host, path and id: a query may hold what is nobody's business.
        Ok(Receipt {
            place: format!("{host}{} {id}", url.path()),
            arrival,
            file_number,
        })
    }

    async fn look(&self) -> Result<(), Fault> {
        let nobody = ParcelId::from_uuid(Uuid::nil());
        // Many servers do not know OPTIONS, which is no fault.
        let (method, url, fine) = match &self.settings.probe_url {
            Some(url) => (reqwest::Method::GET, url, &[][..]),
            None => (
                reqwest::Method::OPTIONS,
                &self.settings.url,
                &[405, 501][..],
            ),
        };
        let question = Question {
            method,
            url: url_of(url, nobody)?,
            key: nobody.to_string(),
            letter: None,
        };
        let answer = self.ask(&question).await?;
        if (200..=299).contains(&answer.status) || fine.contains(&answer.status) {
            return Ok(());
        }
        match answer.meaning(&crate::settings::Answers::default()) {
            Meaning::Busy => Err(answer.busy()),
            Meaning::Accepted | Meaning::Repeated | Meaning::Refused | Meaning::Misconfigured => {
                Err(answer.misconfigured())
            }
        }
    }
}

/// The status is what counts; a body that is too long, silent or cut is left aside.
async fn read(response: Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = timeout(ANSWER_MAX, read_bounded(response, ANSWER_MAX_BYTES)).await;
    Answer {
        status,
        headers,
        body: body.ok().and_then(Result::ok),
    }
}

fn url_of(template: &UrlTemplate, id: ParcelId) -> Result<Url, Fault> {
    template.of(id).ok_or_else(|| {
        Fault::misconfigured(
            "eine URL ist mit der Kennung dieser Sendung nicht brauchbar",
            "a URL is not usable with this parcel's id",
        )
    })
}

/// A call without an answer. What it had for an effect is unknown; the repeat finds out.
#[expect(
    clippy::needless_pass_by_value,
    reason = "for map_err; the failure ends here"
)]
pub(crate) fn unanswered(failure: Failure) -> Fault {
    match &failure {
        Failure::RefusedTarget(refusal) => Fault::misconfigured(
            format!("{}: {}", failure.told().de, refusal.told().de),
            format!("{failure}: {refusal}"),
        ),
        Failure::Tls { host, source } => {
            let (de, en) = tls_words(source);
            Fault::misconfigured(
                format!("keine vertrauenswürdige TLS-Verbindung zu {host}: {de}"),
                format!("no trusted TLS connection to {host}: {en}"),
            )
        }
        Failure::Unsendable => Fault::Misconfigured {
            what: failure.told(),
        },
        Failure::Unreachable { .. }
        | Failure::TimedOut { .. }
        | Failure::TooLarge { .. }
        | Failure::Broken { .. }
        | Failure::Source(_) => Fault::Unavailable {
            reason: failure.told(),
            retry_after: None,
        },
    }
}

pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        Err(Fault::unavailable(
            "es dauerte länger als erlaubt",
            "it took longer than the limit",
        ))
    })
}

impl Outbound for HttpOutbound {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        limit: Duration,
    ) -> Reply<'a, Result<Receipt, Fault>> {
        Box::pin(within(limit, self.bring(parcel)))
    }

    /// Asks `probe_url` with GET, or `url` with OPTIONS.
    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        Box::pin(within(limit, self.look()))
    }

    fn names(&self) -> Names {
        self.settings.names()
    }
}

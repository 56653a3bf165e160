//! Whether an event log is to be believed (SET payload 1.2.2; public documentation, "Event-Log", checks of clients).
//!
//! Pure: tokens and keys in, a [`VerifiedLog`] or findings out. A case's log may hold events of other submissions and
//! replies; they are passed over, since leaving them out is all that a forger could gain by them.

use std::collections::BTreeSet;

use amtsbote_fit_connect::event::{
    AuthenticationTags, Claims, Issuer, Payload, SchemaRule, Subject,
};
use amtsbote_fit_connect::reply::ReplyRef;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_jose::{Jws, KeySet};
use amtsbote_model::reply::{self, Party};
use amtsbote_model::submission::{self, State};
use amtsbote_model::{CaseId, DestinationId, EventId, Timestamp};
use amtsbote_problem::{Bilingual, Finding, Findings};

/// One token, at most.
const TOKEN_MAX_BYTES: usize = 256 * 1024;
/// Events of one submission, at most: a life has seven, and `notify-submission` comes once per way.
const EVENTS_MAX: usize = 64;
/// Findings, at most.
const FINDINGS_MAX: usize = 100;
/// Keys that one log may make us fetch.
const NAMED_KEYS_MAX: usize = 16;
const TYP: &str = "secevent+jwt";

/// Whose log it must be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// `iss` of the service's events; a slash at the end makes no difference.
    pub service: &'a str,
    /// The submission.
    pub ids: SubmissionRef,
}

/// Whose log it must be, of a reply.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedReply<'a> {
    /// `iss` of the service's events; a slash at the end makes no difference.
    pub service: &'a str,
    /// The reply.
    pub ids: ReplyRef,
    /// The destination it comes from: that of the case's submissions.
    pub destination_id: DestinationId,
}

/// What both have in common.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    service: &'a str,
    subject: Subject,
    case_id: CaseId,
    destination_id: DestinationId,
}

/// The keys to check with.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Of the delivery service.
    pub service: KeySet,
    /// Signature keys of the submission's destination.
    pub destination: KeySet,
}

/// The key ids that a log's tokens name (anybody may have written them), at most 16 of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedKeys {
    /// Of the service.
    pub service: BTreeSet<String>,
    /// Of a destination.
    pub destination: BTreeSet<String>,
}

/// One event that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEvent {
    /// Its `jti`.
    pub id: EventId,
    /// Its `iat`.
    pub at: Timestamp,
    /// What happened.
    pub event: submission::Event,
    /// Who says so.
    pub issuer: submission::Issuer,
    /// What it carries.
    pub payload: Payload,
    /// The token, a receipt that can be checked again.
    pub token: String,
}

/// The history of one submission or reply, every event of it verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedLog {
    state: State,
    tags: Option<AuthenticationTags>,
    events: Vec<VerifiedEvent>,
}

impl VerifiedLog {
    /// The present state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// The authentication tags of the one submit event; none before it.
    pub const fn tags(&self) -> Option<&AuthenticationTags> {
        self.tags.as_ref()
    }

    /// The events, oldest first.
    pub fn events(&self) -> &[VerifiedEvent] {
        &self.events
    }
}

/// Collects the key ids that [`log`] will want.
pub fn named_keys(tokens: &[String]) -> NamedKeys {
    let mut named = NamedKeys::default();
    for token in tokens {
        let Ok(jws) = Jws::parse(token, TOKEN_MAX_BYTES) else {
            continue;
        };
        let Ok(claims) = Claims::parse(jws.unverified_payload(), SchemaRule::OptionalAny) else {
            continue;
        };
        let kids = match claims.issuer {
            Issuer::Service(_) => &mut named.service,
            Issuer::Destination(_) => &mut named.destination,
        };
        if kids.len() < NAMED_KEYS_MAX {
            kids.insert(jws.header().kid().to_owned());
        }
    }
    named
}

/// Verifies the log of a case for one submission. All findings at once; places are `/eventLog/<index>`.
pub fn log(
    tokens: &[String],
    expected: &Expected<'_>,
    keys: &Keys,
) -> Result<VerifiedLog, Findings> {
    let wanted = Wanted {
        service: expected.service,
        subject: expected.ids.submission_id.into(),
        case_id: expected.ids.case_id,
        destination_id: expected.ids.destination_id,
    };
    log_of(tokens, wanted, keys)
}

/// Verifies the log of a case for one reply, like [`log`]. Its answers are the service's to sign, on behalf of the receiver
/// (unconfirmed, see `docs/spec/fit-connect.md`).
pub fn reply_log(
    tokens: &[String],
    expected: &ExpectedReply<'_>,
    keys: &Keys,
) -> Result<VerifiedLog, Findings> {
    let wanted = Wanted {
        service: expected.service,
        subject: expected.ids.reply_id.into(),
        case_id: expected.ids.case_id,
        destination_id: expected.destination_id,
    };
    log_of(tokens, wanted, keys)
}

fn log_of(tokens: &[String], wanted: Wanted<'_>, keys: &Keys) -> Result<VerifiedLog, Findings> {
    let mut findings = Findings::new();
    let mut events = Vec::new();
    for (place, token) in tokens.iter().enumerate() {
        match check(token, wanted, keys) {
            Ok(Some(event)) => events.push((place, event)),
            Ok(None) => {}
            Err(broken) => findings.push(broken.at(place)),
        }
        // Each check costs a signature: a log that is past the bound is not followed further.
        if events.len() > EVENTS_MAX {
            findings.push(Broken::TooMany.at(place));
            return Err(findings);
        }
        if findings.len() >= FINDINGS_MAX {
            return Err(findings);
        }
    }
    let history = follow(events, wanted.subject, &mut findings);
    match history {
        Some(history) if findings.is_empty() => Ok(history),
        Some(_) | None => Err(findings),
    }
}

/// What can be wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Form,
    Typ,
    Claims,
    Case,
    Service,
    Destination,
    Key,
    Signature,
    Pairing,
    Repeated,
    Order,
    Tags,
    TooMany,
    Empty,
}

impl Broken {
    const fn entry(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Form => (
                "set-form",
                "ist kein mit PS512 signiertes Token",
                "is not a token signed with PS512",
            ),
            Self::Typ => (
                "set-typ",
                "ist nicht vom Typ secevent+jwt",
                "is not of type secevent+jwt",
            ),
            Self::Claims => (
                "set-claims",
                "enthält fehlende oder falsche Angaben",
                "has missing or wrong claims",
            ),
            Self::Case => (
                "set-case",
                "gehört zu einem anderen Vorgang",
                "belongs to another case",
            ),
            Self::Service => (
                "set-issuer",
                "stammt von einem anderen Zustelldienst",
                "comes from another delivery service",
            ),
            Self::Destination => (
                "set-issuer",
                "stammt von einem anderen Zustellpunkt",
                "comes from another destination",
            ),
            Self::Key => (
                "set-key",
                "nennt einen unbekannten Schlüssel",
                "names an unknown key",
            ),
            Self::Signature => (
                "set-signature",
                "ist falsch signiert",
                "has a wrong signature",
            ),
            Self::Pairing => (
                "set-pairing",
                "darf von diesem Aussteller nicht kommen",
                "is not for its issuer to send",
            ),
            Self::Repeated => ("set-repeated", "kommt zweimal vor", "is there twice"),
            Self::Order => (
                "set-order",
                "folgt nicht auf den vorigen Stand",
                "does not follow the state before",
            ),
            Self::Tags => (
                "set-tags",
                "nennt andere Prüfwerte als die Einreichung",
                "names other tags than the submission",
            ),
            Self::TooMany => (
                "set-too-many",
                "ist eines von mehr als 64 Ereignissen dieser Einreichung",
                "is one of more than 64 events of this submission",
            ),
            Self::Empty => (
                "set-missing",
                "enthält kein Ereignis dieser Einreichung",
                "holds no event of this submission",
            ),
        }
    }

    fn at(self, place: usize) -> Finding {
        self.finding(format!("/eventLog/{place}"))
    }

    fn finding(self, at: String) -> Finding {
        let (rule, de, en) = self.entry();
        Finding::new(at, rule, Bilingual::new(de, en))
    }
}

/// One token: `None` if it is about something else.
fn check(token: &str, wanted: Wanted<'_>, keys: &Keys) -> Result<Option<VerifiedEvent>, Broken> {
    let jws = Jws::parse(token, TOKEN_MAX_BYTES).map_err(|_| Broken::Form)?;
    if jws.header().typ() != Some(TYP) {
        return Err(Broken::Typ);
    }
    let claims = Claims::parse(jws.unverified_payload(), SchemaRule::OptionalAny)
        .map_err(|_| Broken::Claims)?;
    if claims.case_id != wanted.case_id {
        return Err(Broken::Case);
    }
    let Some(event) = event_of(&claims, wanted.subject) else {
        return Ok(None);
    };
    let (issuer, keys) = issuer_of(&claims, wanted, keys)?;
    let key = keys.find(jws.header().kid()).ok_or(Broken::Key)?;
    jws.verify(key).map_err(|_| Broken::Signature)?;
    let (id, at) = (claims.id, claims.issued_at);
    Ok(Some(VerifiedEvent {
        id,
        at,
        event,
        issuer,
        payload: claims.payload,
        token: token.to_owned(),
    }))
}

fn event_of(claims: &Claims, subject: Subject) -> Option<submission::Event> {
    let event = match subject {
        Subject::Submission(_) => claims.kind.submission_event(),
        Subject::Reply(_) => claims.kind.reply_event(),
    };
    event.filter(|_| claims.subject == subject)
}

fn issuer_of<'k>(
    claims: &Claims,
    wanted: Wanted<'_>,
    keys: &'k Keys,
) -> Result<(submission::Issuer, &'k KeySet), Broken> {
    match &claims.issuer {
        Issuer::Service(url)
            if url.trim_end_matches('/') == wanted.service.trim_end_matches('/') =>
        {
            Ok((submission::Issuer::Service, &keys.service))
        }
        Issuer::Service(_) => Err(Broken::Service),
        Issuer::Destination(id) if *id == wanted.destination_id => {
            Ok((submission::Issuer::Subscriber, &keys.destination))
        }
        Issuer::Destination(_) => Err(Broken::Destination),
    }
}

/// Order, pairing and tags, by the state machine of what the log is about.
fn follow(
    events: Vec<(usize, VerifiedEvent)>,
    subject: Subject,
    findings: &mut Findings,
) -> Option<VerifiedLog> {
    if events.is_empty() {
        if findings.is_empty() {
            findings.push(Broken::Empty.finding("/eventLog".to_owned()));
        }
        return None;
    }
    let mut state = None;
    let mut tags = None;
    let mut seen = BTreeSet::new();
    let mut kept = Vec::with_capacity(events.len());
    for (place, event) in events {
        if !seen.insert(event.id) {
            findings.push(Broken::Repeated.at(place));
            continue;
        }
        match step(state, &event, subject) {
            Ok(next) => state = Some(next),
            Err(broken) => findings.push(broken.at(place)),
        }
        if let Err(broken) = note_tags(&event, &mut tags) {
            findings.push(broken.at(place));
        }
        kept.push(event);
    }
    findings.truncate(FINDINGS_MAX);
    Some(VerifiedLog {
        state: state?,
        tags,
        events: kept,
    })
}

fn step(state: Option<State>, event: &VerifiedEvent, subject: Subject) -> Result<State, Broken> {
    let Some(state) = state else {
        return match (event.event, event.issuer) {
            (submission::Event::Create, submission::Issuer::Service) => Ok(State::Created),
            (submission::Event::Create, submission::Issuer::Subscriber) => Err(Broken::Pairing),
            (_, submission::Issuer::Service | submission::Issuer::Subscriber) => Err(Broken::Order),
        };
    };
    match subject {
        Subject::Submission(_) => {
            state
                .step(event.event, event.issuer)
                .map_err(|refusal| match refusal {
                    submission::Refusal::WrongIssuer { .. } => Broken::Pairing,
                    submission::Refusal::IllegalStep { .. } => Broken::Order,
                })
        }
        Subject::Reply(_) => {
            let party = match (event.event, event.issuer) {
                // On behalf of the receiver.
                (submission::Event::Accept, submission::Issuer::Service) => Party::Receiver,
                (_, submission::Issuer::Service) => Party::Service,
                (_, submission::Issuer::Subscriber) => Party::Sender,
            };
            reply::step(state, event.event, party).map_err(|refusal| match refusal {
                reply::Refusal::WrongParty { .. } => Broken::Pairing,
                reply::Refusal::IllegalStep { .. } => Broken::Order,
            })
        }
    }
}

/// Takes the tags of the one submit event and holds later ones against them.
fn note_tags(event: &VerifiedEvent, tags: &mut Option<AuthenticationTags>) -> Result<(), Broken> {
    use submission::Event as E;
    let named = match &event.payload {
        Payload::Tags(named) => Some(named),
        Payload::Empty | Payload::Notify(_) | Payload::Problems(_) => None,
    };
    match (event.event, named) {
        // A second one is already out of order; the first ones stay.
        (E::Submit, Some(named)) => {
            tags.get_or_insert_with(|| named.clone());
            Ok(())
        }
        (E::Submit, None) => Err(Broken::Claims),
        (E::Accept, Some(named)) if tags.as_ref() != Some(named) => Err(Broken::Tags),
        (E::Create | E::Notify | E::Forward | E::Accept | E::Reject | E::Delete, _) => Ok(()),
    }
}

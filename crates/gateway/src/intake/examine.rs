//! Where a request goes and whether it is right: all that is wrong is said at once.

use amtsbote_fit_connect::intake::{IntakeRequest, Reading, Target};
use amtsbote_model::{Destination, Personal};
use amtsbote_problem::{Bilingual, Code, Finding, Findings, Problem};
use bytes::Bytes;

use super::check::judge;
use super::route::{Matter, Routed, Sealing, route};
use crate::Context;
use crate::answer::Refused;
use crate::auth::Caller;

/// A request that may be sealed and stored.
#[derive(Debug)]
pub(crate) struct Examined {
    /// What was asked; its attachments' contents are moved to `attachments`.
    pub(crate) request: IntakeRequest,
    /// Decoded attachments, in the order of the request.
    pub(crate) attachments: Vec<Personal<Bytes>>,
    /// Whose it is.
    pub(crate) destination: Destination,
    /// What it is about.
    pub(crate) matter: Matter,
    /// Where the key to seal for is.
    pub(crate) sealing: Sealing,
}

/// Reads, routes and checks. Nothing is stored.
pub(crate) async fn examine(
    context: &Context,
    caller: &Caller,
    body: Bytes,
) -> Result<Examined, Refused> {
    let reading = context.crypto().run(move || Reading::parse(&body)).await?;
    let reading =
        reading.map_err(|findings| Problem::new(Code::MalformedJson).findings(findings))?;
    let place = match &reading.target {
        Some(target) => place(context, caller, target).await?,
        None => Place::Unnamed,
    };
    let too_many = reading.attachments.len() > context.limits().attachments;
    let (place, judged) = judged(context, reading, place).await?;
    match (place, judged) {
        (Place::Found(routed), Ok((request, attachments))) => Ok(Examined {
            request,
            attachments,
            destination: routed.destination,
            matter: routed.matter,
            sealing: routed.sealing,
        }),
        (Place::Lost(problem, at), judged) => {
            Err(refusal(problem, at, judged.err().unwrap_or_default()))
        }
        (Place::Found(_) | Place::Unnamed, judged) => {
            let code = if too_many {
                Code::TooManyAttachments
            } else {
                Code::SchemaViolated
            };
            Err(violated(code, judged.err().unwrap_or_default()))
        }
    }
}

/// Where the request goes.
enum Place {
    /// There.
    Found(Box<Routed>),
    /// Nowhere, for the sender's fault; the member that is to blame.
    Lost(Problem, &'static str),
    /// The request does not say.
    Unnamed,
}

async fn place(context: &Context, caller: &Caller, target: &Target) -> Result<Place, Refused> {
    match route(context, target).await {
        Ok(routed) => {
            permit(caller, &routed)?;
            Ok(Place::Found(Box::new(routed)))
        }
        Err(refused) if refused.problem().code.entry().status < 500 => {
            let problem = refused.problem().clone();
            let at = to_blame(problem.code, target);
            Ok(Place::Lost(problem, at))
        }
        Err(refused) => Err(refused),
    }
}

fn to_blame(code: Code, target: &Target) -> &'static str {
    match (code, target) {
        (Code::NoRoute | Code::RouteAmbiguous, _) => "/region",
        (Code::DestinationNotFound | Code::DestinationStateInvalid, Target::Named { .. }) => {
            "/destinationId"
        }
        (_, Target::Named { .. } | Target::Routed { .. }) => "/service",
    }
}

// A sender bound to regions or services by its scopes stays within them at the intake, too.
fn permit(caller: &Caller, routed: &Routed) -> Result<(), Refused> {
    if caller.sends(&routed.matter.service, &routed.regions) {
        return Ok(());
    }
    let detail = "the token's scopes do not cover this service and region";
    Err(Problem::new(Code::NotPermitted).detail(detail).into())
}

type Content = (IntakeRequest, Vec<Personal<Bytes>>);

// Also a request that goes nowhere is judged by the service it names, as far as that is known.
async fn judged(
    context: &Context,
    reading: Reading,
    place: Place,
) -> Result<(Place, Result<Content, Findings>), Refused> {
    let uri = match (&place, &reading.service) {
        (Place::Found(routed), _) => Some(routed.matter.schema.schema_uri.clone()),
        (Place::Lost(..) | Place::Unnamed, Some(service)) => {
            let known = context.services().by_service(service).last();
            known.map(|service| service.schema_uri().to_owned())
        }
        (Place::Lost(..) | Place::Unnamed, None) => None,
    };
    let inside = context.clone();
    let work = move || {
        let service = uri.and_then(|uri| inside.services().by_schema(&uri));
        let destination = match &place {
            Place::Found(routed) => Some(&routed.destination),
            Place::Lost(..) | Place::Unnamed => None,
        };
        let judged = judge(reading, service, destination, inside.limits());
        (place, judged)
    };
    context.crypto().run(work).await
}

fn violated(code: Code, findings: Findings) -> Refused {
    let detail = match findings.len() {
        1 => "one finding; its place is a JSON pointer into the request body".to_owned(),
        count => format!("{count} findings; their places are JSON pointers into the request body"),
    };
    Problem::new(code).detail(detail).findings(findings).into()
}

// The problem itself is among its findings, so that who shows the findings shows everything.
fn refusal(mut problem: Problem, at: &str, mut others: Findings) -> Refused {
    let entry = problem.code.entry();
    if problem.findings.is_empty() {
        let text = Bilingual::new(entry.title_de, entry.title);
        let hint = Bilingual::new(entry.hint_de, entry.hint);
        problem
            .findings
            .push(Finding::new(at, entry.code, text).hint(hint));
    }
    problem.findings.append(&mut others);
    problem.into()
}

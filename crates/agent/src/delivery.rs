//! One try of one delivery: open, translate, hand over, decide.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use amtsbote_adapter::{Fault as WayFault, Opened, Parcel, Product};
use amtsbote_client::Fault;
use amtsbote_fit_connect::event::{AuthenticationTags, EventProblem, Part, Violation};
use amtsbote_model::delivery::{Cause, Decision, Delivery, Event, Failure, Verdict};
use amtsbote_model::{ParcelId, Personal};
use amtsbote_problem::{Finding, Findings, Whose};
use amtsbote_store::{DeliveryRow, Error as StoreError};
use futures_util::FutureExt as _;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::attachments::{Shelf, Spooled};
use crate::circuit::{Heard, Side};
use crate::opening::Content;
use crate::work::Inner;
use crate::{Activated, Outcome, Served};

/// Why a try did not end with a hand-over.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The submission is refused for good.
    Refused(Vec<EventProblem>),
    /// The try failed; another may succeed.
    Failed(Failure),
    /// The log has a verdict already.
    Decided(Verdict),
    /// The lease ended while we worked, and somebody else goes on: nothing more may be done here.
    TakenOver,
}

impl Stopped {
    pub(crate) fn refused(violation: Violation, part: Part, detail: impl Into<String>) -> Self {
        Self::Refused(vec![violation.problem(part, detail)])
    }

    pub(crate) const fn failed(cause: Cause) -> Self {
        Self::Failed(failure(cause))
    }
}

pub(crate) const fn failure(cause: Cause) -> Failure {
    Failure {
        cause,
        retry_after: None,
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        tracing::warn!(error = %fault, "the delivery service: {fault}");
        let (cause, retry_after) = match fault {
            // Perhaps a fault with this one submission alone: `doubt.rs` asks.
            Fault::Unavailable {
                retry_after: None,
                silence,
            } if silence.may_be_of_one() => (Cause::ServiceFaulty, None),
            Fault::Unavailable { retry_after, .. } => (Cause::ServiceUnavailable, retry_after),
            Fault::Refused { .. }
            | Fault::NotFound
            | Fault::Malformed { .. }
            | Fault::Misconfigured(_) => (Cause::ServiceRefused, None),
            Fault::OwnEnd(_) => (Cause::Internal, None),
        };
        Self::Failed(Failure { cause, retry_after })
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        crate::work::log_store(&error);
        let retry_after = match error {
            StoreError::Unavailable { retry_after, .. } => retry_after,
            StoreError::Unreadable { .. } => None,
        };
        Self::Failed(Failure {
            cause: Cause::Internal,
            retry_after,
        })
    }
}

impl From<WayFault> for Stopped {
    fn from(fault: WayFault) -> Self {
        tracing::warn!(error = %fault, "{fault}");
        match fault {
            WayFault::Unavailable { retry_after, .. } => Self::Failed(Failure {
                cause: Cause::ProcedureUnavailable,
                retry_after,
            }),
            WayFault::Misconfigured { .. } => Self::failed(Cause::ProcedureMisconfigured),
            WayFault::Rejected { findings } => refused_by_findings(&findings),
        }
    }
}

/// Findings as one problem: places and rules, German, never a value.
pub(crate) fn refused_by_findings(findings: &Findings) -> Stopped {
    Stopped::refused(Violation::SchemaViolation, Part::Data, listed(findings))
}

/// Whether the package, or the destination's settings, have to be mended first. Nothing is refused for that. Tells what to mend.
fn is_ours_to_mend(row: &DeliveryRow, package: &str, findings: &Findings) -> bool {
    let ours = |one: &&Finding| one.whose == Whose::Receiver;
    for one in findings.iter().filter(ours).take(LISTED_MAX) {
        tracing::error!(submission.id = %row.submission_id, destination.id = %row.destination_id, package.name = package,
            "{} cannot be translated by {package}: {}: {} [{}]", row.submission_id, one.at, one.detail.en, one.rule);
    }
    findings.iter().any(|one| ours(&one))
}

const LISTED_MAX: usize = 20;
/// One finding's text in an event, at most: the whole event has to stay below 256 KiB.
const TEXT_MAX_CHARS: usize = 1000;

pub(crate) fn listed(findings: &Findings) -> String {
    let one = |finding: &amtsbote_problem::Finding| {
        let label = finding
            .place
            .as_ref()
            .or(finding.label.as_ref())
            .map(|label| format!("{} ", label.de))
            .unwrap_or_default();
        let text = format!(
            "{label}({}): {} [{}]",
            finding.at, finding.detail.de, finding.rule
        );
        text.chars().take(TEXT_MAX_CHARS).collect()
    };
    let mut lines: Vec<String> = findings.iter().take(LISTED_MAX).map(one).collect();
    if findings.len() > LISTED_MAX {
        lines.push(format!("… und {} weitere", findings.len() - LISTED_MAX));
    }
    lines.join("; ")
}

/// The rules alone, each once.
pub(crate) fn rules(findings: &Findings) -> String {
    let rules: BTreeSet<&str> = findings.iter().map(|f| f.rule.as_str()).collect();
    rules.into_iter().collect::<Vec<_>>().join(", ")
}

/// The row as it was stored last.
struct Latest(Mutex<DeliveryRow>);

impl Latest {
    fn get(&self) -> DeliveryRow {
        let row = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        row.clone()
    }

    fn set(&self, row: DeliveryRow) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = row;
    }
}

/// What a hand-over leaves behind.
struct HandedOver {
    tags: AuthenticationTags,
    outcome: Outcome,
}

impl Inner {
    /// Works on a claimed row until its next state is stored, or until the lease is `lost`. `None`: it could not be moved.
    pub(crate) async fn deliver(
        self: &Arc<Self>,
        row: DeliveryRow,
        lost: &Notify,
    ) -> Option<DeliveryRow> {
        let Some(served) = self.served(row.destination_id) else {
            return self.fail(&row, failure(Cause::PackageFaulty)).await;
        };
        let shelf = Shelf::default();
        // Moves once while the try runs: when the package is noted.
        let row = Latest(Mutex::new(row));
        let tried = async {
            tokio::select! {
                biased;
                () = lost.notified() => Err(Stopped::TakenOver),
                tried = self.try_once(&row, served, &shelf) => tried,
            }
        };
        let tried = tokio::time::timeout(self.parts.policy.try_limit, tried);
        // A mapping or transport that panics must cost this delivery a try, not the agent its life.
        let tried = AssertUnwindSafe(tried).catch_unwind().await;
        let row = row.get();
        let moved = match tried {
            Ok(Ok(Ok(handed))) => self.decide_accept(&row, served, handed).await,
            Ok(Ok(Err(stopped))) => self.stop(&row, served, stopped).await,
            Ok(Err(_elapsed)) => self.fail(&row, failure(Cause::Silence)).await,
            Err(_panic) => {
                tracing::error!(submission.id = %row.submission_id, destination.id = %row.destination_id,
                    "the delivery of {} ended with a fault of ours", row.submission_id);
                let moved = self.settle(&row, Event::LeaseEnded).await;
                moved.inspect(log_parked)
            }
        };
        // Whatever came of it, also if it was cut off. What a dying process leaves is swept at the next start.
        shelf.clear(self.parts.spool.as_ref()).await;
        moved
    }

    async fn stop(
        self: &Arc<Self>,
        row: &DeliveryRow,
        served: &Served,
        stopped: Stopped,
    ) -> Option<DeliveryRow> {
        match stopped {
            Stopped::Refused(problems) => self.decide_reject(row, served, problems).await,
            Stopped::Failed(failure) => self.fail(row, failure).await,
            Stopped::Decided(verdict) => {
                // An empty event: nothing left to say.
                let event = String::new();
                let decision = Decision { verdict, event };
                let row = self.settle(row, Event::Decided(decision)).await?;
                self.settle(&row, Event::Posted).await
            }
            Stopped::TakenOver => {
                tracing::warn!(submission.id = %row.submission_id, destination.id = %row.destination_id,
                    "the delivery of {} is no longer in our hands: another worker may go on", row.submission_id);
                // If nobody has it yet, it does not have to wait for the end of the lease, nor count as a death.
                self.give_back(std::iter::once(row.submission_id)).await;
                None
            }
        }
    }

    async fn fail(&self, row: &DeliveryRow, failure: Failure) -> Option<DeliveryRow> {
        tracing::warn!(submission.id = %row.submission_id, destination.id = %row.destination_id,
            delivery.cause = failure.cause.name(), "delivery of {} failed: {}", row.submission_id, failure.cause.name());
        let moved = self.settle(row, Event::Failed(failure)).await;
        moved.inspect(log_parked)
    }

    async fn try_once(
        self: &Arc<Self>,
        latest: &Latest,
        served: &Served,
        shelf: &Shelf,
    ) -> Result<HandedOver, Stopped> {
        let row = latest.get();
        if let Some(detail) = row.delivery.refusal() {
            let (rule, part) = (Violation::TechnicalError, Part::Submission);
            return Err(Stopped::refused(rule, part, detail));
        }
        let began = Instant::now();
        let opened = self.service.open(self, &row, (served, shelf)).await;
        let opened = match opened {
            Err(Stopped::Failed(failure)) => Err(Stopped::Failed(
                self.heard_failure(&row, failure, began.elapsed()).await,
            )),
            Err(Stopped::TakenOver) => Err(Stopped::TakenOver),
            opened @ (Ok(_) | Err(Stopped::Refused(_) | Stopped::Decided(_))) => {
                self.heard(Side::Service, Heard::Answer);
                opened
            }
        };
        let (content, spooled) = opened?;
        amtsbote_names::fail_point!(Opened);
        let outcome = self.hand_over(latest, served, &content, &spooled).await?;
        Ok(HandedOver {
            tags: content.tags,
            outcome,
        })
    }

    /// Findings of a translation point into the data, but know nothing of the form it came by.
    fn in_words_of_the_form(&self, mut findings: Findings, content: &Content) -> Findings {
        if let Some(service) = self.parts.services.by_schema(&content.schema_uri) {
            service
                .schema()
                .explain(content.data.reveal(), &mut findings);
        }
        findings
    }

    async fn hand_over(
        &self,
        latest: &Latest,
        served: &Served,
        content: &Content,
        spooled: &Spooled,
    ) -> Result<Outcome, Stopped> {
        let row = &latest.get();
        let activated = &*activated(row, served, content)?;
        if !spooled.has(&activated.old_checksums) {
            // Another version became active since the attachments were opened: the next try opens them for it.
            return Err(Stopped::failed(Cause::Internal));
        }
        let product = translate(row, served, activated, content, spooled)?.map_err(|findings| {
            if is_ours_to_mend(row, &activated.name(), &findings) {
                return Stopped::failed(Cause::PackageFaulty);
            }
            refused_by_findings(&self.in_words_of_the_form(findings, content))
        })?;
        // Dying after this note and before the hand-over is fine: the next try begins with the same package.
        self.begin(latest, &activated.name()).await?;
        amtsbote_names::fail_point!(PackageNoted);
        self.note_way_back(row, content, &activated.name()).await?;
        amtsbote_names::fail_point!(WayNoted);
        self.still_ours(latest).await?;
        let parcel = Parcel {
            id: parcel_id(row),
            files: product.files,
        };
        let began = Instant::now();
        let answer = served
            .outbound
            .deliver(&parcel, self.parts.policy.deliver_limit)
            .await;
        let heard = match &answer {
            Err(WayFault::Unavailable { retry_after, .. }) => Heard::Nothing {
                retry_after: *retry_after,
            },
            Ok(_) | Err(WayFault::Rejected { .. } | WayFault::Misconfigured { .. }) => {
                Heard::Answer
            }
        };
        let heard = heard.after(began.elapsed(), self.others());
        self.heard(Side::Procedure(row.destination_id), heard);
        let receipt = answer?;
        amtsbote_names::fail_point!(HandedOver);
        if let Some(number) = receipt.file_number {
            // Dying before it is fine: the next try is answered again. A transport that does not repeat the number costs
            // it, never the delivery.
            self.numbered_at_once((row, served), number).await?;
        }
        tracing::info!(submission.id = %row.submission_id, destination.id = %row.destination_id,
            package.name = activated.package, package.version = activated.version,
            lineage.count = product.lineage.len(), losses.count = product.losses.len(),
            "handed over {} with {}@{}", row.submission_id, activated.package, activated.version);
        Ok(Outcome {
            submission_id: row.submission_id,
            destination_id: row.destination_id,
            verdict: Verdict::Accept,
            package: Some(activated.name()),
            place: Some(receipt.place),
            lineage: product.lineage,
            losses: product.losses,
        })
    }

    /// Notes the package in the row, unless an earlier try did.
    async fn begin(&self, latest: &Latest, package: &str) -> Result<(), Stopped> {
        let row = latest.get();
        if row.delivery.package().is_some() {
            return Ok(());
        }
        let package = package.to_owned();
        match self.swap(&row, Event::Begun { package }).await? {
            Some(noted) => {
                latest.set(noted);
                Ok(())
            }
            // Somebody else moved the row: they go on with it.
            None => Err(Stopped::TakenOver),
        }
    }

    /// Asked last before the effect: a process that slept over the end of its lease finds that others go on with it.
    async fn still_ours(&self, latest: &Latest) -> Result<(), Stopped> {
        let ours = latest.get();
        let stored = self.parts.deliveries.find(ours.submission_id).await?;
        if stored.is_some_and(|row| row.revision == ours.revision) {
            Ok(())
        } else {
            Err(Stopped::TakenOver)
        }
    }

    async fn decide_accept(
        self: &Arc<Self>,
        row: &DeliveryRow,
        served: &Served,
        handed: HandedOver,
    ) -> Option<DeliveryRow> {
        match self.accept_event(row, served, handed.tags).await {
            Ok(event) => {
                self.decide(row, Verdict::Accept, event, &handed.outcome)
                    .await
            }
            Err(failure) => self.fail(row, failure).await,
        }
    }

    async fn decide_reject(
        self: &Arc<Self>,
        row: &DeliveryRow,
        served: &Served,
        problems: Vec<EventProblem>,
    ) -> Option<DeliveryRow> {
        for problem in &problems {
            tracing::info!(submission.id = %row.submission_id, destination.id = %row.destination_id,
                problem.kind = problem.kind, problem.instance = problem.instance,
                "refusing {}: {}", row.submission_id, problem.title);
        }
        let outcome = Outcome {
            submission_id: row.submission_id,
            destination_id: row.destination_id,
            verdict: Verdict::Reject,
            package: None,
            place: None,
            lineage: Vec::new(),
            losses: Vec::new(),
        };
        match self.reject_event(row, served, problems).await {
            Ok(event) => self.decide(row, Verdict::Reject, event, &outcome).await,
            Err(failure) => self.fail(row, failure).await,
        }
    }

    // Stored before it is posted: a crash in between posts the same event.
    async fn decide(
        self: &Arc<Self>,
        row: &DeliveryRow,
        verdict: Verdict,
        event: String,
        outcome: &Outcome,
    ) -> Option<DeliveryRow> {
        let decision = Decision { verdict, event };
        let row = self.settle(row, Event::Decided(decision)).await?;
        amtsbote_names::fail_point!(VerdictStored);
        self.hands.decided(row.submission_id);
        if let Some(observer) = &self.parts.observer
            && catch_unwind(AssertUnwindSafe(|| observer(outcome))).is_err()
        {
            tracing::error!(submission.id = %row.submission_id, "the observer of verdicts ended with a fault");
        }
        self.post(row).await
    }
}

pub(crate) fn log_parked(row: &DeliveryRow) {
    if matches!(row.delivery, Delivery::Parked { .. }) {
        tracing::error!(submission.id = %row.submission_id, destination.id = %row.destination_id,
            "delivery of {} is parked: a person must act", row.submission_id);
    }
}

/// The submission's own UUID: the same at every repeat, whoever delivers.
pub(crate) fn parcel_id(row: &DeliveryRow) -> ParcelId {
    ParcelId::from_uuid(row.submission_id.uuid())
}

/// The package the delivery began with, else the one that is active.
fn activated(
    row: &DeliveryRow,
    served: &Served,
    content: &Content,
) -> Result<Arc<Activated>, Stopped> {
    if let Some(name) = row.delivery.package() {
        let begun = served.mappings.named(name);
        let begun = begun
            .filter(|one| one.service == content.service && one.schema_uri == content.schema_uri);
        return begun.ok_or_else(|| {
            tracing::error!(submission.id = %row.submission_id, package.name = name,
                "the delivery of {} began with the package {name}, which is not there any more", row.submission_id);
            Stopped::failed(Cause::PackageFaulty)
        });
    }
    let found = served.mappings.of(&content.service, &content.schema_uri);
    found.ok_or_else(|| {
        let detail = "kein Mapping für dieses Fachdatenschema";
        Stopped::refused(Violation::UnsupportedDataSchema, Part::Metadata, detail)
    })
}

fn translate(
    row: &DeliveryRow,
    served: &Served,
    activated: &Activated,
    content: &Content,
    spooled: &Spooled,
) -> Result<Result<Product, Findings>, Stopped> {
    let names = served.outbound.names();
    let sender = Personal::new(
        json!({ "reference": content.sender_reference.as_ref().map(Personal::reveal) }),
    );
    let opened = Opened {
        submission_id: row.submission_id,
        case_id: row.case_id,
        destination_id: row.destination_id,
        service: &content.service,
        parcel_id: parcel_id(row),
        received_at: content.received_at,
        data: &content.data,
        data_bytes: &content.data_bytes,
        attachments: spooled.attachments(),
        receiver: &served.receiver,
        sender: &sender,
        files: &serde_json::Value::Null,
        names: &names,
    };
    // A panic is the package's fault, and known as such.
    let translated = catch_unwind(AssertUnwindSafe(|| {
        block_in_place(|| activated.mapping.translate(&opened))
    }));
    match translated {
        Ok(outcome) => Ok(outcome),
        Err(_panic) => Err(Stopped::failed(Cause::PackageFaulty)),
    }
}

// On the multi-threaded runtime, others move away from this worker while it computes; tests have one thread only.
pub(crate) fn block_in_place<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

//! One try of one delivery: open, translate, hand over, decide.

use std::sync::Arc;

use amtsbote_adapter::{Fault as WayFault, Opened, Parcel, Product};
use amtsbote_client::Fault;
use amtsbote_fit_connect::event::{AuthenticationTags, EventProblem, Part, Violation};
use amtsbote_model::delivery::{Cause, Event, Failure, Verdict};
use amtsbote_model::{ParcelId, Personal};
use amtsbote_problem::Findings;
use amtsbote_store::DeliveryRow;
use serde_json::json;

use crate::attachments::Spooled;
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
}

impl Stopped {
    pub(crate) fn refused(violation: Violation, part: Part, detail: impl Into<String>) -> Self {
        Self::Refused(vec![violation.problem(part, detail)])
    }

    pub(crate) const fn failed(cause: Cause) -> Self {
        Self::Failed(Failure {
            cause,
            retry_after: None,
        })
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        tracing::warn!(error = %fault, "the delivery service: {fault}");
        let (cause, retry_after) = match fault {
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

impl From<amtsbote_store::Error> for Stopped {
    fn from(error: amtsbote_store::Error) -> Self {
        crate::work::log_store(&error);
        Self::failed(Cause::Internal)
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

const LISTED_MAX: usize = 20;

fn listed(findings: &Findings) -> String {
    let one = |finding: &amtsbote_problem::Finding| {
        let label = finding
            .label
            .as_ref()
            .map(|label| format!("{} ", label.de))
            .unwrap_or_default();
        format!(
            "{label}({}): {} [{}]",
            finding.at, finding.detail.de, finding.rule
        )
    };
    let mut lines: Vec<String> = findings.iter().take(LISTED_MAX).map(one).collect();
    if findings.len() > LISTED_MAX {
        lines.push(format!("… und {} weitere", findings.len() - LISTED_MAX));
    }
    lines.join("; ")
}

/// What a hand-over leaves behind.
struct HandedOver {
    tags: AuthenticationTags,
    outcome: Outcome,
}

impl Inner {
    /// Works on a claimed row until its next state is stored.
    pub(crate) async fn deliver(self: &Arc<Self>, row: DeliveryRow) {
        let Some(served) = self.served(row.destination_id) else {
            self.fail(
                &row,
                Failure {
                    cause: Cause::PackageFaulty,
                    retry_after: None,
                },
            )
            .await;
            return;
        };
        // Less than the lease, so that nobody else begins while this still runs.
        let limit = self.parts.policy.lease.mul_f32(0.9);
        let tried = tokio::time::timeout(limit, self.try_once(&row, served)).await;
        match tried.unwrap_or(Err(Stopped::failed(Cause::Silence))) {
            Ok(handed) => self.decide_accept(&row, served, handed).await,
            Err(Stopped::Refused(problems)) => self.decide_reject(&row, served, problems).await,
            Err(Stopped::Failed(failure)) => self.fail(&row, failure).await,
            Err(Stopped::Decided(verdict)) => {
                // As if we had just posted it: decided with nothing left to say, then done.
                let event = Event::Decided {
                    verdict,
                    event: String::new(),
                };
                if let Some(row) = self.advance(&row, event).await {
                    self.advance(&row, Event::Posted).await;
                }
            }
        }
    }

    async fn fail(&self, row: &DeliveryRow, failure: Failure) {
        tracing::warn!(submission.id = %row.submission_id, destination.id = %row.destination_id,
            delivery.cause = failure.cause.name(), "delivery of {} failed: {}", row.submission_id, failure.cause.name());
        if let Some(row) = self.advance(row, Event::Failed(failure)).await
            && row.delivery.name() == "parked"
        {
            tracing::error!(submission.id = %row.submission_id, destination.id = %row.destination_id,
                "delivery of {} is parked: a person must act", row.submission_id);
        }
    }

    async fn try_once(
        self: &Arc<Self>,
        row: &DeliveryRow,
        served: &Served,
    ) -> Result<HandedOver, Stopped> {
        let (content, spooled) = self.open(row, served).await?;
        let handed = self.hand_over(row, served, &content, &spooled).await;
        // Whatever came of it, the spool is not needed any more; what stays behind is swept at the next start.
        spooled.discard(self.parts.spool.as_ref()).await;
        let outcome = handed?;
        Ok(HandedOver {
            tags: content.tags,
            outcome,
        })
    }

    async fn hand_over(
        &self,
        row: &DeliveryRow,
        served: &Served,
        content: &Content,
        spooled: &Spooled,
    ) -> Result<Outcome, Stopped> {
        let activated = activated(served, content)?;
        let product = translate(row, served, activated, content, spooled)?;
        let parcel = Parcel {
            id: parcel_id(row),
            files: product.files,
        };
        let receipt = served
            .outbound
            .deliver(&parcel, self.parts.policy.deliver_limit)
            .await?;
        tracing::info!(submission.id = %row.submission_id, destination.id = %row.destination_id,
            package.name = activated.package, package.version = activated.version,
            lineage.count = product.lineage.len(), losses.count = product.losses.len(),
            "handed over {} with {}@{}", row.submission_id, activated.package, activated.version);
        Ok(Outcome {
            submission_id: row.submission_id,
            destination_id: row.destination_id,
            verdict: Verdict::Accept,
            package: Some(format!("{}@{}", activated.package, activated.version)),
            place: Some(receipt.place),
            lineage: product.lineage,
            losses: product.losses,
        })
    }

    async fn decide_accept(
        self: &Arc<Self>,
        row: &DeliveryRow,
        served: &Served,
        handed: HandedOver,
    ) {
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
    ) {
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
    ) {
        let Some(row) = self.advance(row, Event::Decided { verdict, event }).await else {
            return;
        };
        if let Some(observer) = &self.parts.observer {
            observer(outcome);
        }
        self.post(row).await;
    }
}

/// The submission's own UUID: the same at every repeat, whoever delivers.
pub(crate) fn parcel_id(row: &DeliveryRow) -> ParcelId {
    ParcelId::from_uuid(row.submission_id.uuid())
}

fn activated<'s>(served: &'s Served, content: &Content) -> Result<&'s Activated, Stopped> {
    let found = served
        .mappings
        .iter()
        .find(|a| a.service == content.service && a.schema_uri == content.schema_uri);
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
) -> Result<Product, Stopped> {
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
    };
    // A mapping that panics must cost this delivery a try, not the agent its life.
    let translated = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        block_in_place(|| activated.mapping.translate(&opened))
    }));
    match translated {
        Ok(Ok(product)) => Ok(product),
        Ok(Err(findings)) => Err(refused_by_findings(&findings)),
        Err(_) => Err(Stopped::failed(Cause::PackageFaulty)),
    }
}

// On the multi-threaded runtime, others move away from this worker while it computes; tests have one thread only.
fn block_in_place<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

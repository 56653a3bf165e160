//! What is stuck.

use std::path::PathBuf;

use amtsbote_model::delivery::{Restart, Version};
use amtsbote_model::incident::{Kind, Number};
use amtsbote_model::{DestinationId, SubmissionId};
use clap::{Args, Subcommand};

use crate::talk::Talk;

/// What does not go on, why, and what to do about it. Works beside the running agent; every change is noted (`incident audit`).
#[derive(Debug, Subcommand)]
pub(crate) enum Incident {
    /// List what is stuck, put together by destination and cause.
    List(ListIncidents),
    /// Show the submissions of an incident, or where one submission is.
    Show(ShowIncident),
    /// Try now instead of at the next try.
    Retry(ChangeStuck),
    /// Take aside: nothing happens until it is released.
    Park(ChangeStuck),
    /// Let what is parked go on where it stopped.
    Release(ChangeStuck),
    /// Let deliveries begin again from a step.
    Replay(ReplayStuck),
    /// Reject for good what nobody can mend: the sender gets a reject event with your words.
    Reject(RejectStuck),
    /// List what was changed by hand, newest first.
    Audit(AuditIncidents),
}

/// Where the states of agents and gateway are.
#[derive(Debug, Args)]
pub(crate) struct AgentState {
    /// Settings file of the agent, the gateway, or both (TOML).
    #[arg(
        long,
        short,
        env = "AMTSBOTE_SETTINGS",
        default_value = "amtsbote.toml"
    )]
    pub(crate) settings: PathBuf,
    /// Folder of one agent's state (with `agent.db`) instead of the settings, such as `.sandbox/agent`.
    #[arg(long)]
    pub(crate) agent_dir: Option<PathBuf>,
}

/// What is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StuckKind {
    /// A submission on its way into a procedure.
    Delivery,
    /// A procedure's answer on its way to the sender.
    Reply,
    /// A callback of the gateway.
    Callback,
    /// A reminder of the gateway by mail.
    Mail,
    /// A submission of the gateway on its way to a foreign delivery service.
    Uplink,
    /// What `verify` found.
    Integrity,
}

impl StuckKind {
    /// The stable name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Delivery => Kind::Delivery.name(),
            Self::Reply => Kind::Reply.name(),
            Self::Callback => "callback",
            Self::Mail => "mail",
            Self::Uplink => "uplink",
            Self::Integrity => "integrity",
        }
    }

    pub(crate) const fn is_delivery(self) -> bool {
        matches!(self, Self::Delivery)
    }

    pub(crate) const fn is_reply(self) -> bool {
        matches!(self, Self::Reply)
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListIncidents {
    /// Also what is under way without trouble.
    #[arg(long)]
    pub(crate) all: bool,
    /// Only this destination.
    #[arg(long)]
    pub(crate) destination: Option<DestinationId>,
    /// Only this cause, such as `procedure-misconfigured`.
    #[arg(long)]
    pub(crate) cause: Option<String>,
    /// Only this kind.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<StuckKind>,
    #[command(flatten)]
    pub(crate) state: AgentState,
}

#[derive(Debug, Args)]
pub(crate) struct ShowIncident {
    /// An incident's number (i-3f9a2c41), or a submission's id.
    pub(crate) what: String,
    /// Submissions shown, at most.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: u32,
    /// Submissions left out at the start.
    #[arg(long, default_value_t = 0)]
    pub(crate) offset: u32,
    #[command(flatten)]
    pub(crate) state: AgentState,
}

/// What to change. Exit codes: 0 all changed (or a dry run); 1 something was not; 3 needs `--yes`.
#[derive(Debug, Args)]
pub(crate) struct ChangeStuck {
    /// An incident's number: all that is stuck in it.
    #[arg(conflicts_with = "submissions")]
    pub(crate) incident: Option<Number>,
    /// A submission, whatever its state; several are possible.
    #[arg(long = "submission")]
    pub(crate) submissions: Vec<SubmissionId>,
    /// All that is stuck at this destination.
    #[arg(long, conflicts_with = "submissions")]
    pub(crate) destination: Option<DestinationId>,
    /// All that is stuck for this cause, such as `service-refused`.
    #[arg(long, conflicts_with = "submissions")]
    pub(crate) cause: Option<String>,
    /// Only deliveries, or only replies; with --submission, deliveries if left out.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<StuckKind>,
    /// Show what would change, and change nothing. A good first step.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Change more than one, or replay what the procedure may have already.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Why, for the audit: one line, nothing personal.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) state: AgentState,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayStuck {
    /// The step to begin with. The content is fetched anew each time, which the service allows until it has the verdict.
    #[arg(long, value_enum)]
    pub(crate) from: Step,
    /// Translate with the package that is active now instead of the one it began with.
    #[arg(long)]
    pub(crate) newest: bool,
    /// Translate with this version of a package, `name@version`: it must be kept (`package list`), and its examples must pass.
    #[arg(long, conflicts_with = "newest")]
    pub(crate) package: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeStuck,
}

#[derive(Debug, Args)]
pub(crate) struct RejectStuck {
    /// What the sender is told, word for word: why, and what to do instead. One line, nothing personal.
    #[arg(long)]
    pub(crate) to_sender: String,
    #[command(flatten)]
    pub(crate) change: ChangeStuck,
}

/// Steps of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Step {
    /// From the beginning, with the package that is active now.
    Fetch,
    /// Translate, with the package it began with or the active one (--newest).
    Translate,
    /// Hand over again, under the same parcel id.
    HandOver,
    /// Post the verdict.
    Acknowledge,
}

impl ReplayStuck {
    /// What the delivery is told.
    pub(crate) fn restart(&self, talk: Talk) -> anyhow::Result<Restart> {
        let version = if self.newest {
            Version::Active
        } else {
            Version::Same
        };
        if self.package.is_some() && self.from != Step::Translate {
            return Err(talk.error(
                "--package gehört zu --from translate",
                "--package goes with --from translate",
            ));
        }
        match (self.from, self.newest) {
            (Step::Fetch, _) => Ok(Restart::Fetch),
            (Step::Translate, _) => Ok(Restart::Translate(version)),
            (Step::HandOver, false) => Ok(Restart::HandOver),
            (Step::Acknowledge, false) => Ok(Restart::Acknowledge),
            (Step::HandOver | Step::Acknowledge, true) => Err(talk.error(
                "--newest gehört zu --from translate: ab hier wird mit dem Paket weitergearbeitet, mit dem begonnen wurde",
                "--newest goes with --from translate: from here on the package is the one it began with",
            )),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct AuditIncidents {
    /// Only this submission.
    #[arg(long)]
    pub(crate) submission: Option<SubmissionId>,
    /// Changes shown, at most.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) state: AgentState,
}

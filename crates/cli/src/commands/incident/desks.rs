//! The agents' stores and the gateway's, opened as a guest, and what is in them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use amtsbote_model::incident::{Incident, Number, Stuck, gather};
use amtsbote_model::{DestinationId, SubmissionId, Timestamp};
use amtsbote_store::stuck::{of_answer, of_delivery};
use amtsbote_store::{AnswerRow, Deliveries, DeliveryRow, Desk, WaysBack};
use amtsbote_store_postgres::{PostgresDeliveries, Target};
use amtsbote_store_sql::{OpenError, SqliteDeliveries};
use anyhow::{Context, Result};

use super::held::{self, GatewayDesk, Heap};
use super::version::Packages;
use super::words;
use crate::args::{AgentState, SettingsFile, StuckKind};
use crate::commands::serve::based;
use crate::commands::settings::load;
use crate::database;
use crate::integrity::{self, Integrity};
use crate::talk::Talk;

/// Rows looked at, at most: beyond that, counts are too low, and the command says so.
const ROWS_MAX: u32 = 200_000;
/// FIT-Connect's own deadline for submissions without an answer.
const UNANSWERED: Duration = Duration::from_hours(14 * 24);

/// What an agent's store can do.
pub(crate) trait State: Deliveries + WaysBack + Desk {}

impl<T: Deliveries + WaysBack + Desk> State for T {}

/// The state of one agent.
pub(crate) struct AgentDesk {
    pub(crate) store: Box<dyn State>,
}

/// All agents of the settings.
pub(crate) struct Desks {
    pub(crate) all: Vec<AgentDesk>,
    /// Without an answer the service rejects a submission after this.
    pub(crate) unanswered: Duration,
    /// The gateway's, if the settings have one that has ever run.
    pub(crate) gateway: Option<GatewayDesk>,
    /// Where findings and notes of changes at the gateway lie.
    pub(crate) home: Option<PathBuf>,
    /// The agent's packages, if the settings name them.
    pub(crate) packages: Option<Packages>,
}

/// One row, and at which desk it lies.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) desk: usize,
    pub(crate) what: What,
}

/// What a row is.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Delivery(DeliveryRow),
    Reply(DestinationId, AnswerRow),
}

impl Item {
    pub(crate) const fn submission_id(&self) -> SubmissionId {
        match &self.what {
            What::Delivery(row) => row.submission_id,
            What::Reply(_, row) => row.submission_id,
        }
    }

    pub(crate) const fn destination_id(&self) -> DestinationId {
        match &self.what {
            What::Delivery(row) => row.destination_id,
            What::Reply(destination, _) => *destination,
        }
    }

    pub(crate) fn reply_key(&self) -> Option<&str> {
        match &self.what {
            What::Delivery(_) => None,
            What::Reply(_, row) => Some(&row.key),
        }
    }

    pub(crate) fn stuck(&self, unanswered: Duration) -> Option<Stuck> {
        match &self.what {
            What::Delivery(row) => of_delivery(row, unanswered),
            What::Reply(destination, row) => of_answer(row, *destination),
        }
    }
}

/// Where the agents' states are.
enum Places {
    /// Each in a folder.
    Folders(Vec<PathBuf>),
    /// On one server, by the names of the services.
    Server(Box<Target>, Vec<String>),
}

/// Where the agents' states are, by the options.
async fn places(args: &AgentState, talk: Talk) -> Result<(Places, Desks)> {
    let mut desks = Desks {
        all: Vec::new(),
        unanswered: UNANSWERED,
        gateway: None,
        home: None,
        packages: None,
    };
    if let Some(dir) = &args.agent_dir {
        return Ok((Places::Folders(vec![dir.clone()]), desks));
    }
    let file = SettingsFile {
        settings: args.settings.clone(),
    };
    let settings = based(load(&file, talk)?, &file.settings);
    if let Some(gateway) = &settings.gateway {
        let unanswered = gateway.deadlines.unanswered;
        desks.unanswered = unanswered.map_or(UNANSWERED, |span| span.0);
        desks.gateway = GatewayDesk::open(gateway, desks.unanswered).await?;
    }
    desks.home = integrity::home(&settings);
    let Some(agent) = settings.agent else {
        return Ok((Places::Folders(Vec::new()), desks));
    };
    desks.packages = Some(Packages {
        dir: agent.packages_dir.clone(),
        xsd_dir: agent.xsd_dir.clone(),
    });
    let names = agent.services.iter().map(|service| service.name.clone());
    if let Some(database) = agent.shared_database() {
        let target = Box::new(database::target(database)?);
        return Ok((Places::Server(target, names.collect()), desks));
    }
    let folders = names.map(|name| agent.data_dir.join(name)).collect();
    Ok((Places::Folders(folders), desks))
}

fn open(folder: &Path) -> Result<AgentDesk, OpenError> {
    let store = Box::new(SqliteDeliveries::open_as_guest(folder)?);
    Ok(AgentDesk { store })
}

async fn on_server(target: &Target, services: &[String], talk: Talk) -> Result<Vec<AgentDesk>> {
    let opened = PostgresDeliveries::open_as_guest(target, "").await;
    let all = opened.context(talk.pick(
        "der Zustand der Agenten auf PostgreSQL",
        "the agents' state on PostgreSQL",
    ))?;
    let desk = |service: &String| AgentDesk {
        store: Box::new(all.at(service)),
    };
    Ok(services.iter().map(desk).collect())
}

impl Desks {
    pub(crate) async fn open(args: &AgentState, talk: Talk) -> Result<Self> {
        let (places, mut desks) = places(args, talk).await?;
        let folders = match places {
            Places::Folders(folders) => folders,
            Places::Server(target, services) => {
                desks.all = on_server(&target, &services, talk).await?;
                Vec::new()
            }
        };
        for folder in folders {
            let desk = match open(&folder) {
                // An agent that has never run here has nothing stuck; the gateway may have.
                Err(OpenError::Absent { .. }) if desks.gateway.is_some() => continue,
                opened => opened.with_context(|| {
                    let shown = folder.display();
                    format!(
                        "{} {shown}",
                        talk.pick("der Zustand des Agenten in", "the agent's state in")
                    )
                })?,
            };
            desks.all.push(desk);
        }
        Ok(desks)
    }

    /// What does not go on at the gateway, and what `verify` found.
    pub(crate) async fn heaps(&self, now: Timestamp) -> Result<Vec<Heap>> {
        let mut heaps = match &self.home {
            Some(home) => held::findings(&Integrity::read(home)?),
            None => Vec::new(),
        };
        if let Some(gateway) = &self.gateway {
            heaps.extend(gateway.heaps(now).await?);
        }
        Ok(heaps)
    }

    /// Everything that is not over, also what goes well.
    pub(crate) async fn open_items(&self, talk: Talk) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        for (desk, agent) in self.all.iter().enumerate() {
            let rows = agent.store.open_deliveries(ROWS_MAX).await?;
            if rows.len() >= ROWS_MAX as usize {
                talk.say(words::cut(talk, ROWS_MAX));
            }
            items.extend(rows.into_iter().map(|row| Item {
                desk,
                what: What::Delivery(row),
            }));
            for row in agent.store.stuck_answers(ROWS_MAX).await? {
                items.extend(self.reply(desk, row).await?);
            }
        }
        Ok(items)
    }

    async fn reply(&self, desk: usize, row: AnswerRow) -> Result<Option<Item>> {
        let way = self.all[desk].store.way(row.submission_id).await?;
        Ok(way.map(|way| Item {
            desk,
            what: What::Reply(way.destination_id, row),
        }))
    }

    /// What is stuck, and as which item.
    pub(crate) async fn stuck(&self, talk: Talk) -> Result<Vec<(Stuck, Item)>> {
        let items = self.open_items(talk).await?.into_iter();
        let stuck = items.filter_map(|item| Some((item.stuck(self.unanswered)?, item)));
        Ok(stuck.collect())
    }

    /// One submission: its delivery, and the replies to it, whatever their state.
    pub(crate) async fn submission(&self, id: SubmissionId) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        for (desk, agent) in self.all.iter().enumerate() {
            let row = agent.store.find(id).await?;
            items.extend(row.map(|row| Item {
                desk,
                what: What::Delivery(row),
            }));
            for row in agent.store.answers(id).await? {
                items.extend(self.reply(desk, row).await?);
            }
        }
        Ok(items)
    }

    /// As it is now.
    pub(crate) async fn again(&self, item: &Item) -> Result<Option<Item>> {
        let items = self.submission(item.submission_id()).await?;
        let same = |other: &Item| {
            other.desk == item.desk
                && std::mem::discriminant(&other.what) == std::mem::discriminant(&item.what)
                && other.reply_key() == item.reply_key()
        };
        Ok(items.into_iter().find(same))
    }
}

/// The incidents of what is stuck.
pub(crate) fn incidents(stuck: &[(Stuck, Item)]) -> Vec<Incident> {
    gather(stuck.iter().map(|(stuck, _)| stuck))
}

/// Which of it a command means.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filter<'a> {
    pub(crate) number: Option<Number>,
    pub(crate) destination: Option<DestinationId>,
    pub(crate) cause: Option<&'a str>,
    pub(crate) kind: Option<StuckKind>,
}

impl Filter<'_> {
    pub(crate) fn takes(&self, stuck: &Stuck) -> bool {
        let group = stuck.group;
        self.number.is_none_or(|number| number == group.number())
            && self.destination.is_none_or(|id| id == group.destination_id)
            && self.cause.is_none_or(|cause| cause == group.cause.name())
            && self
                .kind
                .is_none_or(|kind| kind.name() == group.kind.name())
    }

    /// The same of the gateway's things.
    pub(crate) fn takes_heap(&self, heap: &Heap) -> bool {
        let one = heap.one();
        self.number.is_none_or(|number| number == heap.number)
            && self
                .destination
                .is_none_or(|id| one.destination_id == Some(id))
            && self.cause.is_none_or(|cause| cause == one.cause)
            && self.kind.is_none_or(|kind| kind == one.kind)
    }
}

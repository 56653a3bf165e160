//! Opens the agents' own state: one process's files, or a server that several agents share.
//!
//! ```text
//!  SQLite:      data_dir/<service>/agent.db + spool/     one process, held by lock files
//!  PostgreSQL:  rows on the server, data_dir/<service>/spool/     any number of processes, each with a spool of its own
//! ```
//!
//! The spool holds ciphertext of what is in hand; whoever takes over fetches it anew. So it is never shared, and its lock refuses a second
//! process. The folders that parcels go to and answers come from must be the same ones for all agents: each bears a mark, and an
//! agent that sees another mark than the first one is refused.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use amtsbote_settings as settings;
use amtsbote_store::{Blobs, Deliveries, Leases, WaysBack};
use amtsbote_store_postgres::PostgresDeliveries;
use amtsbote_store_sql::{FolderBlobs, SqliteDeliveries};
use anyhow::{Context, Result, bail};

use crate::stop::Stop;
use crate::talk::Talk;
use crate::{database, folder, patience};

/// In each folder that agents share. Ways in and out never look at names that begin with a dot.
const MARK: &str = ".amtsbote-place";
/// Another agent that is just making it has written it by then.
const MARK_MAX: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(50);

/// The state of one agent.
pub(crate) struct State {
    pub(crate) deliveries: Arc<dyn Deliveries>,
    pub(crate) ways_back: Arc<dyn WaysBack>,
    pub(crate) leases: Option<Arc<dyn Leases>>,
    pub(crate) spool: Arc<dyn Blobs>,
}

impl State {
    /// In a folder, of one process.
    pub(crate) fn alone(dir: &Path) -> Result<Self> {
        let opened = SqliteDeliveries::open(dir);
        let deliveries = Arc::new(opened.context("the agent's database cannot be opened")?);
        Ok(Self {
            ways_back: deliveries.clone(),
            deliveries,
            leases: None,
            spool: spool(dir)?,
        })
    }

    fn shared(deliveries: PostgresDeliveries, dir: &Path, talk: Talk) -> Result<Self> {
        let file = dir.join("agent.db");
        if file.exists() {
            return Err(talk.error(
                format_args!("{} ist der Zustand eines Agenten auf SQLite, die Einstellungen nennen PostgreSQL: was dort offen ist, bliebe liegen. Den Agenten ohne [agent.database] laufen lassen, bis `amtsbote incident list` nichts Offenes zeigt, und Antworten der Fachverfahren abwarten; dann die Datei beiseitelegen", file.display()),
                format_args!("{} is the state of an agent on SQLite, and the settings name PostgreSQL: what is open there would stay there. Let the agent run without [agent.database] until `amtsbote incident list` shows nothing open, and wait for the procedures' answers; then put the file aside", file.display()),
            ));
        }
        let deliveries = Arc::new(deliveries);
        Ok(Self {
            leases: Some(deliveries.clone()),
            ways_back: deliveries.clone(),
            deliveries,
            spool: spool(dir)?,
        })
    }
}

fn spool(dir: &Path) -> Result<Arc<dyn Blobs>> {
    let opened = FolderBlobs::open(&dir.join("spool"));
    let spool = opened
        .context("the agent's spool cannot be opened (each agent needs a data_dir of its own)")?;
    Ok(Arc::new(spool))
}

/// The states of the agents of all services.
pub(crate) struct States {
    dir: PathBuf,
    shared: Option<PostgresDeliveries>,
}

impl States {
    /// Connects to the server if there is one, and waits for it.
    pub(crate) async fn open(settings: &settings::Agent, stop: &Stop) -> Result<Self> {
        let shared = match settings.shared_database() {
            Some(database) => {
                let attempt = async || {
                    let opened = PostgresDeliveries::open(&database::target(database)?, "").await;
                    opened.context("the agents' database cannot be opened")
                };
                let opened = patience::until_there(stop, "the agents' database", attempt);
                Some(Box::pin(opened).await?)
            }
            None => None,
        };
        let dir = settings.data_dir.clone();
        Ok(Self { dir, shared })
    }

    /// Of one service.
    pub(crate) fn of(&self, service: &str, talk: Talk) -> Result<State> {
        let dir = self.dir.join(service);
        match &self.shared {
            Some(shared) => State::shared(shared.at(service), &dir, talk),
            None => State::alone(&dir),
        }
    }

    /// Whether the folders are those that the other agents see. Needs them to be there.
    pub(crate) async fn compare_places(
        &self,
        settings: &settings::Agent,
        (stop, talk): (&Stop, Talk),
    ) -> Result<()> {
        let Some(shared) = &self.shared else {
            return Ok(());
        };
        for Place {
            name,
            folder,
            is_ours,
        } in places(settings)
        {
            if is_ours {
                folder::make(&folder)?;
            }
            let mark = mark_of(&folder)?;
            let attempt = async || Ok(shared.place(&name, &mark).await?);
            let noted = patience::until_there(stop, "the agents' database", attempt);
            let noted = Box::pin(noted).await?;
            if noted != mark {
                let shown = folder.display();
                return Err(talk.error(
                    format_args!("{name}: {shown} ist nicht der Ordner, den die anderen Agenten sehen: zwei könnten dieselbe Sendung zweimal übergeben. Denselben Ordner einhängen; nach einem Umzug {MARK} aus dem alten Ordner mitnehmen"),
                    format_args!("{name}: {shown} is not the folder that the other agents see: two of them could hand over the same submission twice. Mount the same folder; after a move, bring {MARK} from the old folder along"),
                ));
            }
        }
        Ok(())
    }
}

/// A folder that all agents must see alike.
struct Place {
    name: String,
    folder: PathBuf,
    /// Nobody else makes it.
    is_ours: bool,
}

/// Folders of this machine by which two agents would have two effects, or miss answers, if they were not the same.
fn places(settings: &settings::Agent) -> Vec<Place> {
    let mut found = Vec::new();
    for route in &settings.destinations {
        // Where parcels become visible, and where it is noted which were brought.
        for key in ["path", "work_path", "ledger_dir"] {
            let is_remote = route.outbound.get("host").is_some();
            let path = route.outbound.get(key).and_then(toml::Value::as_str);
            if let Some(path) = path.filter(|_| !is_remote) {
                found.push(Place {
                    name: format!("{} outbound.{key}", route.id),
                    folder: route.base.join(path),
                    is_ours: key != "path",
                });
            }
        }
        let inbound = route.inbound.as_ref().and_then(settings::Inbound::folder);
        found.extend(inbound.map(|folder| Place {
            name: format!("{} inbound.path", route.id),
            folder,
            is_ours: false,
        }));
    }
    for account in settings.xta.iter().flat_map(|xta| &xta.accounts) {
        found.push(Place {
            name: format!("agent.xta.account {} path", account.name),
            folder: account.path.clone(),
            is_ours: true,
        });
    }
    found
}

/// The folder's mark; made once.
fn mark_of(folder: &Path) -> Result<String> {
    let path = folder.join(MARK);
    let context = || format!("{} cannot be marked", folder.display());
    let made = OpenOptions::new().write(true).create_new(true).open(&path);
    match made {
        Ok(mut file) => {
            let mark = uuid::Uuid::new_v4().to_string();
            let written = file.write_all(mark.as_bytes());
            written
                .and_then(|()| file.sync_all())
                .with_context(context)?;
            Ok(mark)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mut waited = Duration::ZERO;
            loop {
                let mark = folder::read_text(&path)?;
                if !mark.trim().is_empty() {
                    return Ok(mark.trim().to_owned());
                }
                if waited >= MARK_MAX {
                    bail!("{} is empty: remove it", path.display());
                }
                std::thread::sleep(LOOK);
                waited += LOOK;
            }
        }
        Err(error) => Err(error).with_context(context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_mark_and_each_has_another() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mark = mark_of(one.path()).unwrap();
        assert_eq!(mark_of(one.path()).unwrap(), mark);
        assert_ne!(mark_of(other.path()).unwrap(), mark);
        let text = "[agent]\ndata_dir = \"a\"\nschemas_dir = \"s\"\npackages_dir = \"p\"\n";
        assert!(settings::Settings::parse(text).is_err());
        mark_of(&one.path().join("not there")).unwrap_err();
        std::fs::write(one.path().join(MARK), "").unwrap();
        mark_of(one.path()).unwrap_err();
    }
}

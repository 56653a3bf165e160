//! `amtsbote verify --settings F`: hashes every row and every attachment anew, beside a running system or without one.
//!
//! The chain of the event log is computed anew, too; with `--keys`, each signature is checked.
//!
//! Exit code 0: all is as it was written; 1: something is not; 2: it could not be looked at.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use amtsbote_jose::PublicKey;
use amtsbote_model::Clock as _;
use amtsbote_problem::Language;
use amtsbote_settings::Settings;
use amtsbote_store::BlobId;
use amtsbote_store::chain::Block;
use amtsbote_store_postgres::{
    OpenError as NotOpened, PostgresDeliveries, PostgresRelays, RowsExamined,
};
use amtsbote_store_sql::{BlobState, Damage, Database, check_blob, examine};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::chain::{self, look_at_chain};
use super::receipt::token as receipt;
use super::validate::{Found, Unusable};
use super::{serve, settings};
use crate::args::Verify;
use crate::backup::{self, Bucket};
use crate::clock::SystemClock;
use crate::database;
use crate::integrity::{self, Integrity};
use crate::talk::{Form, Talk};
use crate::upkeep;

/// One finding, for both readers.
pub(super) struct Finding {
    pub(super) kind: &'static str,
    pub(super) place: String,
    /// What it is, whatever the language.
    pub(super) id: String,
    pub(super) what: String,
    pub(super) hint: &'static str,
}

#[derive(Default)]
pub(super) struct Report {
    databases: u64,
    rows: u64,
    rows_without_sum: u64,
    blobs: u64,
    blobs_without_sum: u64,
    pub(super) blocks: u64,
    pub(super) sealed: u64,
    pub(super) expired: u64,
    pub(super) findings: Vec<Finding>,
}

pub(crate) fn run(args: &Verify, talk: Talk) -> Result<()> {
    let report = look(args, talk).map_err(|error| error.context(Unusable))?;
    talk.progress_done();
    keep(&report, args, talk);
    tell(&report, talk)?;
    if report.findings.is_empty() {
        Ok(())
    } else {
        Err(Found.into())
    }
}

/// For `incident list`. A place that cannot be written to keeps nobody from looking.
fn keep(report: &Report, args: &Verify, talk: Talk) {
    let found = report.findings.iter().map(|finding| {
        let key = integrity::Key {
            kind: finding.kind.to_owned(),
            place: finding.place.clone(),
            id: finding.id.clone(),
        };
        (key, finding.what.clone())
    });
    let kept = settings::load(&args.file, talk).and_then(|settings| {
        let settings = serve::based(settings, &args.file.settings);
        match integrity::home(&settings).filter(|home| home.exists()) {
            Some(home) => Integrity::replace(&home, SystemClock.now(), found.collect()),
            None => Ok(()),
        }
    });
    if let Err(error) = kept {
        let word = talk.pick(
            "die Befunde erscheinen nicht in `incident list`",
            "the findings are not shown by `incident list`",
        );
        talk.say(format_args!("{word}: {error:#}"));
    }
}

fn look(args: &Verify, talk: Talk) -> Result<Report> {
    let settings = serve::based(settings::load(&args.file, talk)?, &args.file.settings);
    let trusted = if args.keys.is_empty() {
        None
    } else {
        Some(receipt::trusted(&args.keys)?)
    };
    let mut report = Report::default();
    for place in backup::places(&settings)? {
        let file = place.database.file_name();
        let shown = place.folder.join(file).display().to_string();
        talk.progress(&shown);
        let Some(examined) = examine(place.database, &place.folder)? else {
            continue;
        };
        report.databases += 1;
        report.rows += examined.rows;
        let damages = examined.damages.iter();
        report
            .findings
            .extend(damages.map(|damage| finding(damage, &shown, talk)));
        // A file that does not even open has said so.
        let opened = !examined
            .damages
            .iter()
            .any(|d| matches!(d, Damage::File(_)));
        if place.database == Database::Gateway
            && opened
            && let Some(gateway) = &settings.gateway
        {
            let event_log = upkeep::retention(&gateway.deadlines).event_log;
            let chain = (event_log, trusted.as_deref());
            look_at_chain(chain, &place.folder, (&mut report, talk))?;
        }
        if place.database == Database::Gateway
            && let Some(shelf) = Where::of(&settings)?
        {
            let named = || {
                let now = examine(Database::Gateway, &place.folder)?.unwrap_or_default();
                Ok(now.blobs.into_iter().map(|(id, _)| id).collect())
            };
            look_at_blobs(&shelf, &named, &examined.blobs, (&mut report, talk))?;
        }
    }
    if let Some(gateway) = &settings.gateway
        && let Some(server) = gateway.database.as_ref().filter(|d| d.is_shared())
    {
        let event_log = upkeep::retention(&gateway.deadlines).event_log;
        let chain = (event_log, trusted.as_deref());
        look_at_server((&settings, server), chain, (&mut report, talk))?;
    }
    let agent = settings.agent.as_ref();
    if let Some(server) = agent.and_then(amtsbote_settings::Agent::shared_database) {
        let place = "agent.database";
        talk.progress(place);
        if let Some(rows) = wait(agents_rows(server))? {
            report.databases += 1;
            look_at_rows(&rows, place, (&mut report, talk));
        }
    }
    Ok(report)
}

/// The gateway's rows on a server: sums, references and chain, and its attachments.
fn look_at_server(
    (settings, server): (&Settings, &amtsbote_settings::Database),
    (event_log, trusted): (Duration, Option<&[PublicKey]>),
    (report, talk): (&mut Report, Talk),
) -> Result<()> {
    let place = "gateway.database";
    talk.progress(place);
    let Some(store) = wait(database::postgres_beside(server))? else {
        return Ok(());
    };
    if let Some(rows) = wait(relays_rows(server))? {
        report.databases += 1;
        look_at_rows(&rows, place, (report, talk));
    }
    let is_signed = &mut |block: &Block| chain::is_signed(block, trusted);
    let examined = wait(store.examine(chain::kept_since(event_log), is_signed))?;
    report.databases += 1;
    look_at_rows(&examined.rows, place, (report, talk));
    if !examined.has_checksums {
        talk.say(talk.pick(
            "Der Server prüft seine Seiten nicht (data_checksums ist aus): Zeilen haben Summen, Indizes nicht. `pg_checksums --enable` bei stehendem Server schaltet es ein",
            "the server does not check its pages (data_checksums is off): rows have sums, indexes have not. `pg_checksums --enable` on the stopped server switches it on",
        ));
    }
    let missing = examined.missing.iter();
    report.findings.extend(missing.map(|(what, of)| Finding {
        kind: "missing",
        place: place.to_owned(),
        id: format!("{what} {of}"),
        what: format!("{what}: {of} {}", talk.pick("fehlt", "is missing")),
        hint: hint(talk),
    }));
    chain::note(&examined.chain, place, (report, talk));
    if let Some(shelf) = Where::of(settings)? {
        let named = || Ok(wait(store.named_blobs())?.into_iter().collect());
        look_at_blobs(&shelf, &named, &examined.blobs, (report, talk))?;
    }
    Ok(())
}

/// The rows of agents on a server; `None` if no agent has ever run there.
async fn agents_rows(server: &amtsbote_settings::Database) -> Result<Option<RowsExamined>> {
    match PostgresDeliveries::open_as_guest(&database::target(server)?, "").await {
        Err(NotOpened::OtherVersion { found: 0, .. }) => Ok(None),
        opened => Ok(Some(opened?.examine().await?)),
    }
}

/// The rows of uplinks on a server; `None` if there never were any.
async fn relays_rows(server: &amtsbote_settings::Database) -> Result<Option<RowsExamined>> {
    match PostgresRelays::open_as_guest(&database::target(server)?).await {
        Err(NotOpened::OtherVersion { found: 0, .. }) => Ok(None),
        opened => Ok(Some(opened?.examine().await?)),
    }
}

/// What the sums of rows on a server say.
fn look_at_rows(rows: &RowsExamined, place: &str, (report, talk): (&mut Report, Talk)) {
    report.rows += rows.rows;
    report.rows_without_sum += rows.without_sum;
    let altered = rows.altered.iter().map(|(table, row)| Damage::Row {
        table: (*table).to_owned(),
        row: row.clone(),
    });
    let unreadable = rows
        .unreadable
        .iter()
        .map(|(table, reason)| Damage::Unreadable {
            table: (*table).to_owned(),
            reason: reason.clone(),
        });
    let damages = altered.chain(unreadable);
    report
        .findings
        .extend(damages.map(|damage| finding(&damage, place, talk)));
}

/// One thing after the other; only servers are asked across the network.
fn wait<T, E>(call: impl Future<Output = std::result::Result<T, E>>) -> std::result::Result<T, E> {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(call))
}

/// Where the attachments lie.
enum Where {
    Folder(PathBuf),
    Bucket(Bucket),
}

impl Where {
    fn of(settings: &Settings) -> Result<Option<Self>> {
        if let Some(bucket) = Bucket::of(settings)? {
            return Ok(Some(Self::Bucket(bucket)));
        }
        Ok(backup::blobs(settings).map(Self::Folder))
    }

    fn shown(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Bucket(_) => "gateway.blobs".to_owned(),
        }
    }

    fn check(&self, id: &BlobId, size_bytes: u64) -> Result<BlobState> {
        match self {
            Self::Folder(folder) => Ok(check_blob(folder, id, Some(size_bytes))?),
            Self::Bucket(bucket) => bucket.check(id, size_bytes),
        }
    }
}

fn look_at_blobs(
    shelf: &Where,
    named: &dyn Fn() -> Result<BTreeSet<String>>,
    blobs: &[(String, u64)],
    (report, talk): (&mut Report, Talk),
) -> Result<()> {
    let mut bad = Vec::new();
    for (number, (id, size_bytes)) in blobs.iter().enumerate() {
        if number % 256 == 0 {
            talk.progress(&format!("{number}/{}", blobs.len()));
        }
        report.blobs += 1;
        let Ok(blob) = id.parse::<BlobId>() else {
            bad.push((id.clone(), BlobState::Gone));
            continue;
        };
        let state = shelf.check(&blob, *size_bytes).with_context(|| {
            format!("the attachment {id} cannot be read: check disk or object store")
        })?;
        match state {
            BlobState::Whole => {}
            BlobState::WithoutSum => report.blobs_without_sum += 1,
            BlobState::Altered | BlobState::Gone => bad.push((id.clone(), state)),
        }
    }
    if bad.is_empty() {
        return Ok(());
    }
    // A running gateway may have deleted some meanwhile, with their rows.
    let named = named()?;
    bad.retain(|(id, _)| named.contains(id));
    let findings = bad.into_iter().map(|(id, state)| Finding {
        kind: "attachment",
        place: shelf.shown(),
        id: format!("{id} {state:?}"),
        what: match state {
            BlobState::Gone => format!("{id} {}", talk.pick("fehlt", "is missing")),
            BlobState::Whole | BlobState::WithoutSum | BlobState::Altered => {
                format!("{id} {}", talk.pick("ist verändert", "is altered"))
            }
        },
        hint: hint(talk),
    });
    report.findings.extend(findings);
    Ok(())
}

pub(super) fn hint(talk: Talk) -> &'static str {
    talk.pick(
        "nicht weiter benutzen: Datenträger prüfen, aus einer Sicherung zurückholen (`amtsbote restore`); nichts davon wird ausgeliefert",
        "do not go on with it: check the disk, restore from a backup (`amtsbote restore`); none of it is delivered",
    )
}

fn finding(damage: &Damage, place: &str, talk: Talk) -> Finding {
    let (kind, what) = match damage {
        Damage::File(words) => ("file", words.clone()),
        Damage::Shape { name } => (
            "schema",
            format!(
                "{name} {}",
                talk.pick(
                    "ist nicht, wie das Programm es anlegt",
                    "is not as the program makes it"
                )
            ),
        ),
        Damage::Row { table, row } => (
            "row",
            format!("{table} {row} {}", talk.pick("ist verändert", "is altered")),
        ),
        Damage::Missing { what, of } => (
            "missing",
            format!("{what}: {of} {}", talk.pick("fehlt", "is missing")),
        ),
        Damage::Unreadable { table, reason } => (
            "unreadable",
            format!(
                "{table} {} ({reason})",
                talk.pick("ist nicht lesbar", "cannot be read")
            ),
        ),
    };
    Finding {
        kind,
        place: place.to_owned(),
        id: format!("{damage:?}"),
        what,
        hint: hint(talk),
    }
}

fn tell(report: &Report, talk: Talk) -> Result<()> {
    let Report {
        databases,
        rows,
        rows_without_sum,
        blobs,
        blobs_without_sum,
        blocks,
        sealed,
        expired,
        findings,
    } = report;
    if talk.form() == Form::Json {
        let findings: Vec<Value> = findings
            .iter()
            .map(|f| json!({ "kind": f.kind, "place": f.place, "what": f.what, "hint": f.hint }))
            .collect();
        talk.json(&json!({
            "ok": findings.is_empty(),
            "databases": databases,
            "rows": rows,
            "rowsWithoutSum": rows_without_sum,
            "attachments": blobs,
            "attachmentsWithoutSum": blobs_without_sum,
            "blocks": blocks,
            "sealedEvents": sealed,
            "expiredEvents": expired,
            "findings": findings,
        }))?;
        return Ok(());
    }
    for finding in findings {
        talk.data(format_args!(
            "{}: {}: {}",
            finding.place, finding.kind, finding.what
        ))?;
        talk.data(format_args!("    {}", finding.hint))?;
    }
    let count = findings.len();
    match talk.language() {
        Language::German => talk.data(format_args!(
            "{databases} Datenbanken, {rows} Zeilen, {blobs} Anlagen, {sealed} Ereignisse in {blocks} Blöcken geprüft: {count} Befunde"
        ))?,
        Language::English => talk.data(format_args!(
            "{databases} databases, {rows} rows, {blobs} attachments, {sealed} events in {blocks} blocks examined: {count} findings"
        ))?,
    }
    if *rows_without_sum > 0 {
        talk.say(format_args!(
            "{rows_without_sum} {}",
            talk.pick(
                "Zeilen stammen aus einer älteren Version und haben noch keine Summe: das laufende Programm trägt sie nach, danach noch einmal prüfen",
                "rows are from an older version and have no sum yet: the running program adds them, verify again after that"
            )
        ));
    }
    if *blobs_without_sum > 0 {
        talk.say(format_args!(
            "{blobs_without_sum} {}",
            talk.pick(
                "Anlagen stammen aus einer älteren Version und haben keine Summe: nur ihre Länge wurde verglichen",
                "attachments are from an older version and have no sum: only their length was compared"
            )
        ));
    }
    Ok(())
}

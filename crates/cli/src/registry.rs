//! All formats and transports: one line each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::placement::Names;
use amtsbote_adapter::returned::Habits;
use amtsbote_adapter::{Fault, Format, Inbound, Lineage, Outbound, Transport, is_archive};
use amtsbote_agent::{ReadAnswer, WayIn};
use amtsbote_settings as settings;
use amtsbote_transport_folder::{FolderInbound, InboundSettings};
use amtsbote_transport_http::{Callbacks, FieldsInbound, HttpInbound};
use amtsbote_transport_sftp::SftpInbound;
use amtsbote_transport_xta::XtaInbound;
use amtsbote_xoev::{CodeLists, Installed, SchemaSets};
use anyhow::{Result, anyhow};

use crate::clock::SystemClock;
use crate::xsd::{self, Added};

/// How long documents may wait for their message, unless settings say otherwise.
const MESSAGE_WITHIN: Duration = Duration::from_hours(1);

/// The formats this program knows, and the ways in that are called.
pub(crate) struct Registry {
    formats: BTreeMap<&'static str, Box<dyn Format>>,
    /// What the listener of the settings serves.
    pub(crate) callbacks: Arc<Callbacks>,
}

impl Registry {
    /// With the official schemas and code lists that were added.
    pub(crate) fn new(added: &[Added]) -> Self {
        let mut formats: Vec<Box<dyn Format>> = vec![
            Box::new(amtsbote_adapter_container::Container),
            Box::new(amtsbote_adapter_json::Json),
            Box::new(amtsbote_adapter_table::Table),
            Box::new(amtsbote_adapter_xml::Xml),
            Box::new(amtsbote_adapter_bundle::Bundle::new(parts())),
        ];
        for format in amtsbote_adapter_xoev::Format::all(&installed(added)) {
            formats.push(Box::new(format));
        }
        let named = formats.into_iter().map(|format| (format.name(), format));
        Self {
            formats: named.collect(),
            callbacks: Arc::default(),
        }
    }

    /// The format of that name.
    pub(crate) fn format(&self, name: &str) -> Result<&dyn Format> {
        let found = self.formats.get(name).map(AsRef::as_ref);
        found.ok_or_else(|| anyhow!("there is no format {name:?}; known are {}", self.known()))
    }

    fn known(&self) -> String {
        let names: Vec<_> = self.formats.keys().copied().collect();
        names.join(", ")
    }
}

/// The documents a bundle may be made of.
fn parts() -> Vec<Box<dyn Format>> {
    vec![
        Box::new(amtsbote_adapter_json::Json),
        Box::new(amtsbote_adapter_table::Table),
        Box::new(amtsbote_adapter_xml::Xml),
    ]
}

/// Opens the way in that `settings` name, and what reads its answers.
pub(crate) fn way_in(
    settings: &settings::Inbound,
    base: &Path,
    registry: &Arc<Registry>,
) -> Result<WayIn> {
    let span = |given: Option<settings::Span>, default: u64| {
        given.map_or(Duration::from_secs(default), |span| span.0)
    };
    let inbound = inbound(settings, base, (span(settings.quiet, 10), registry))?;
    if registry.format(&settings.format).is_err() {
        let (name, known) = (&settings.format, registry.known());
        return Err(Fault::misconfigured(
            format!("inbound.format: das Format {name:?} gibt es nicht; bekannt sind {known}"),
            format!("inbound.format: there is no format {name:?}; known are {known}"),
        )
        .into());
    }
    let (registry, format) = (registry.clone(), settings.format.clone());
    let read: ReadAnswer = Arc::new(move |bytes| match registry.format(&format) {
        Ok(format) if is_archive(bytes) => format.read_archive(bytes),
        Ok(format) => Some(format.read_answer(bytes)),
        // It was there when the way was opened, and formats do not change.
        Err(_) => Some(Err(Vec::new())),
    });
    Ok(WayIn {
        inbound,
        read,
        // Who is called waits for the call itself.
        poll: span(settings.poll, if is_called(settings) { 0 } else { 5 }),
        is_called: is_called(settings),
    })
}

/// Whether the procedure calls us.
pub(crate) fn is_called(settings: &settings::Inbound) -> bool {
    settings.transport == "http-callback"
}

fn inbound(
    settings: &settings::Inbound,
    base: &Path,
    (quiet, registry): (Duration, &Registry),
) -> Result<Arc<dyn Inbound>> {
    let clock = Arc::new(SystemClock);
    let path = || {
        settings.folder().ok_or_else(|| {
            Fault::misconfigured(
                "inbound.path fehlt: den Ordner angeben",
                "inbound.path is missing: name the folder",
            )
        })
    };
    Ok(match settings.transport.as_str() {
        "folder" => {
            let path = path()?;
            let mut way = settings.way.clone();
            let habits = habits(quiet, &mut way)?;
            let folder = FolderInbound::open(InboundSettings { path, habits }, clock)?;
            read_by_fields(Arc::new(folder), settings.way.get("fields").cloned())?
        }
        "http" => Arc::new(HttpInbound::open(settings.way.clone(), base)?),
        "http-callback" => {
            let way = settings.way.clone();
            Arc::new(registry.callbacks.open(way, base, clock)?)
        }
        "sftp" => {
            let mut way = settings.way.clone();
            let fields = way.remove("fields");
            let habits = habits(quiet, &mut way)?;
            let folder = SftpInbound::open(way, base, habits, clock)?;
            read_by_fields(Arc::new(folder), fields)?
        }
        "xta-box" => Arc::new(XtaInbound::open(&path()?, clock)?),
        other => {
            const KNOWN: &str = "folder, http, http-callback, sftp, xta-box";
            return Err(Fault::misconfigured(
                format!("einen Weg zurück {other:?} gibt es nicht; bekannt sind {KNOWN}"),
                format!("there is no way in {other:?}; known are {KNOWN}"),
            )
            .into());
        }
    })
}

/// What `way` says of how answers lie, taken out of it.
fn habits(quiet: Duration, way: &mut toml::Table) -> Result<Habits> {
    let together = way.remove("together").map(toml::Value::try_into);
    let together = together.transpose().map_err(|_| {
        Fault::misconfigured(
            "inbound.together: folder oder name angeben",
            "inbound.together: write folder or name",
        )
    })?;
    let within = way.remove("message_within").map(toml::Value::try_into);
    let within: Option<settings::Span> = within.transpose().map_err(|_| {
        Fault::misconfigured(
            "inbound.message_within: eine Dauer wie 30m, 2h oder 7d angeben",
            "inbound.message_within: write a duration such as 30m, 2h or 7d",
        )
    })?;
    Ok(Habits {
        quiet,
        together: together.unwrap_or_default(),
        message_within: within.map_or(MESSAGE_WITHIN, |span| span.0),
    })
}

fn read_by_fields(
    files: Arc<dyn Inbound>,
    fields: Option<toml::Value>,
) -> Result<Arc<dyn Inbound>> {
    Ok(match fields {
        Some(fields) => Arc::new(FieldsInbound::open(files, fields)?),
        None => files,
    })
}

fn installed(added: &[Added]) -> Installed {
    let mut schemas = SchemaSets::new();
    for (namespaces, set) in xsd::schemas(added) {
        for namespace in namespaces {
            schemas = schemas.with(namespace, set.clone());
        }
    }
    let lists = added.iter().flat_map(|added| added.lists.clone());
    let lists = lists.fold(CodeLists::new(), CodeLists::with);
    Installed { schemas, lists }
}

/// The ways out this program knows.
fn transports() -> Vec<Box<dyn Transport>> {
    vec![
        Box::new(amtsbote_transport_folder::Folder),
        Box::new(amtsbote_transport_http::Http),
        Box::new(amtsbote_transport_mail::Mail::new(Arc::new(SystemClock))),
        Box::new(amtsbote_transport_sftp::Sftp),
        Box::new(amtsbote_transport_xta::Xta),
        Box::new(amtsbote_transport_xta::XtaBox::new(Arc::new(SystemClock))),
    ]
}

/// Opens the way out that `settings` name; relative paths in it are below `base`.
pub(crate) fn outbound(settings: &toml::Table, base: &Path) -> Result<Arc<dyn Outbound>> {
    let (transport, settings) = transport(settings)?;
    Ok(transport.open(settings, base)?)
}

/// What the way out that `settings` name says around a parcel of so many `files`.
pub(crate) fn said(settings: &toml::Table, files: usize) -> Result<Vec<Lineage>> {
    let (transport, settings) = transport(settings)?;
    Ok(transport.said(settings, files)?)
}

/// How that way has documents call the parcel's files.
pub(crate) fn names(settings: &toml::Table) -> Result<Names> {
    let (transport, settings) = transport(settings)?;
    Ok(transport.names(settings)?)
}

/// The transport that `settings` name, and the rest of them.
fn transport(settings: &toml::Table) -> Result<(Box<dyn Transport>, toml::Table)> {
    let mut settings = settings.clone();
    let named = settings.remove("transport");
    let transports = transports();
    let known: Vec<_> = transports.iter().map(|known| known.name()).collect();
    let known = known.join(", ");
    let Some(name) = named.as_ref().and_then(toml::Value::as_str) else {
        return Err(Fault::misconfigured(
            format!("outbound.transport muss einen Transport nennen; bekannt sind {known}"),
            format!("outbound.transport must name a transport; known are {known}"),
        )
        .into());
    };
    let transport = transports
        .into_iter()
        .find(|transport| transport.name() == name)
        .ok_or_else(|| {
            Fault::misconfigured(
                format!("den Transport {name:?} gibt es nicht; bekannt sind {known}"),
                format!("there is no transport {name:?}; known are {known}"),
            )
        })?;
    Ok((transport, settings))
}

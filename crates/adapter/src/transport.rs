//! Kinds of ways out, and what all of them do with their settings.

use std::fmt::Display;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use amtsbote_model::Secret;
use amtsbote_translate::{Lineage, Place, Root};
use serde::de::DeserializeOwned;

use crate::placement::Names;
use crate::{Fault, Outbound, file_lineage};

/// Longest file of a key, a certificate or a secret.
const SMALL_FILE_MAX_BYTES: u64 = 1024 * 1024;

/// A kind of way out, such as `folder`, `sftp`, `http`. Registered once, in `cli`.
pub trait Transport: Send + Sync {
    /// The name by which settings ask for it.
    fn name(&self) -> &'static str;

    /// Checks the settings and opens a way. Starts no tasks and calls nobody; relative paths of this machine are below
    /// `base`. What is wrong is [`Fault::Misconfigured`].
    fn open(&self, settings: toml::Table, base: &Path) -> Result<Arc<dyn Outbound>, Fault>;

    /// What a way with these settings says around a parcel of so many `files`, and where it comes from: names of folders, headers, parts of
    /// a form, a subject, a cover. Outputs are made by [`said`]. Opens no file and calls nobody; values of settings are not told, since
    /// they may be secrets.
    fn said(&self, settings: toml::Table, files: usize) -> Result<Vec<Lineage>, Fault>;

    /// How a way with these settings has documents call the parcel's files: see [`Outbound::names`]. Opens no file and calls nobody.
    fn names(&self, settings: toml::Table) -> Result<Names, Fault> {
        let _ = settings;
        Ok(Names::default())
    }
}

/// What a way says at `at`, made of `sources` as `rule` tells: a setting, or what the protocol wants.
pub fn said(at: impl Display, sources: &[Place], rule: &str) -> Lineage {
    Lineage::made(format!("{WAY}{at}"), sources.to_vec(), rule)
}

/// With this the outputs of a way begin.
pub const WAY: &str = "way/";

/// The parcel's id, as a source.
pub fn parcel_id() -> Place {
    Place::of(Root::Parcel).key("id")
}

/// The name of the parcel's file `nr` (from 1), as an output that others are made of.
pub fn name_of(nr: usize) -> String {
    file_lineage::of_file(nr, "@name")
}

/// Reads the settings of one way. Unknown keys are the settings' own to refuse (`deny_unknown_fields`).
pub fn settings_of<T: DeserializeOwned>(
    transport: &dyn Transport,
    settings: toml::Table,
) -> Result<T, Fault> {
    settings.try_into().map_err(|error: toml::de::Error| {
        // The message alone: the whole error would quote the settings.
        let (name, said) = (transport.name(), error.message());
        let german = amtsbote_problem::toml::german(said);
        Fault::misconfigured(
            format!("die Einstellungen des Transports {name} sind nicht brauchbar: {german}"),
            format!("the settings of the transport {name} are not usable: {said}"),
        )
    })
}

/// Reads a small file that settings name, such as a certificate, at most 1 MiB. `key` is the setting.
pub fn read_small(path: &Path, key: &str) -> Result<Vec<u8>, Fault> {
    let unreadable = |error: std::io::Error| {
        let kind = error.kind();
        let german = amtsbote_problem::io::in_german(kind);
        Fault::misconfigured(
            format!("{key} lässt sich nicht lesen: {german}; Pfad und Rechte prüfen"),
            format!("{key} cannot be read: {kind}; check path and rights"),
        )
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SMALL_FILE_MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > SMALL_FILE_MAX_BYTES {
        return Err(Fault::misconfigured(
            format!("{key} ist länger als {SMALL_FILE_MAX_BYTES} Bytes"),
            format!("{key} is longer than {SMALL_FILE_MAX_BYTES} bytes"),
        ));
    }
    Ok(bytes)
}

/// Reads a file that holds a secret. Line ends at its end do not belong to it.
pub fn read_secret(path: &Path, key: &str) -> Result<Secret, Fault> {
    let whole = read_text(path, key)?;
    Ok(Secret::new(
        whole.reveal().trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

/// Reads a small text file whole, such as a key in PEM form.
pub fn read_text(path: &Path, key: &str) -> Result<Secret, Fault> {
    let text = String::from_utf8(read_small(path, key)?);
    text.map(Secret::new).map_err(|_| {
        Fault::misconfigured(
            format!("{key} ist kein Text in UTF-8"),
            format!("{key} is not UTF-8 text"),
        )
    })
}

//! Mapping packages: a folder with everything that turns one service's data into one procedure's format.
//!
//! ```text
//!  package.toml          name, version, service, schema, format, [settings], ignore, [[example]]
//!  *.xml, *.toml, …      templates, column lists, code maps: what the format asks for
//!  examples/<name>/      input.json, [receiver.json], [attachments/…], expected/…
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use amtsbote_model::ServiceId;
use amtsbote_problem::{Bilingual, Finding, Findings};
use serde::Deserialize;

/// A folder's files in memory: relative path with `/` → bytes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Name of a package: 1–80 characters of `[a-z0-9-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct PackageName(String);

/// The text is not a package name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a package name: 1 to 80 characters of a-z, 0-9 and -")]
pub struct MalformedName;

impl TryFrom<String> for PackageName {
    type Error = MalformedName;

    fn try_from(text: String) -> Result<Self, MalformedName> {
        let fits = (1..=80).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(text))
        } else {
            Err(MalformedName)
        }
    }
}

impl FromStr for PackageName {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, MalformedName> {
        Self::try_from(text.to_owned())
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An example with its expected output; the package's own test.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Folder name under `examples/`.
    pub name: String,
    /// What it shows.
    #[serde(default)]
    pub about: String,
}

/// A mapping package, read and well-formed; its templates are compiled by the format.
#[derive(Debug, Clone)]
pub struct Package {
    /// Name.
    pub name: PackageName,
    /// Semantic version of the package.
    pub version: String,
    /// What it is, for people.
    pub label: Bilingual,
    /// Whether it is a proposal nobody has confirmed yet: it can be checked and previewed, not activated.
    pub is_draft: bool,
    /// Whose data it takes.
    pub service: ServiceId,
    /// The schema of that data.
    pub schema_uri: String,
    /// Target format ([`crate::Format::name`]).
    pub format: String,
    /// The format's own settings.
    pub settings: toml::Table,
    /// JSON pointers of inputs that are left out on purpose (no loss).
    pub ignore: Vec<String>,
    /// Its tests, at least one.
    pub examples: Vec<Example>,
    /// All files, `package.toml` included.
    pub files: Files,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPackage {
    name: PackageName,
    version: String,
    label: Bilingual,
    #[serde(default)]
    draft: bool,
    service: ServiceId,
    schema: String,
    format: String,
    #[serde(default)]
    settings: toml::Table,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    example: Vec<Example>,
}

impl Package {
    /// Reads a package from its files. Findings name the file.
    pub fn parse(files: Files) -> Result<Self, Findings> {
        let text = files.get("package.toml").ok_or_else(|| {
            vec![finding(
                "required",
                "package.toml fehlt",
                "package.toml is missing",
            )]
        })?;
        let text = std::str::from_utf8(text).map_err(|_| {
            vec![finding(
                "utf-8",
                "package.toml ist kein UTF-8",
                "package.toml is not UTF-8",
            )]
        })?;
        // The message names place and key of a file of our own; it holds no submission's content.
        let raw: RawPackage = toml::from_str(text).map_err(|error| {
            let told = error.to_string();
            vec![finding(
                "toml",
                &amtsbote_problem::toml::german(&told),
                told.trim_end(),
            )]
        })?;
        if raw.example.is_empty() {
            return Err(vec![finding(
                "examples",
                "ein Paket braucht mindestens ein [[example]] mit erwarteter Ausgabe",
                "a package needs at least one [[example]] with expected output",
            )]);
        }
        Ok(Self {
            name: raw.name,
            version: raw.version,
            label: raw.label,
            is_draft: raw.draft,
            service: raw.service,
            schema_uri: raw.schema,
            format: raw.format,
            settings: raw.settings,
            ignore: raw.ignore,
            examples: raw.example,
            files,
        })
    }

    /// The text of a file of the package, or a finding that names it.
    #[expect(
        clippy::result_large_err,
        reason = "opening a package is rare, and findings are collected by value"
    )]
    pub fn text(&self, path: &str) -> Result<&str, Finding> {
        let bytes = self.files.get(path).ok_or_else(|| {
            Finding::new(
                path,
                "required",
                Bilingual::new(
                    "die Datei fehlt im Paket",
                    "the file is missing in the package",
                ),
            )
        })?;
        std::str::from_utf8(bytes).map_err(|_| {
            Finding::new(
                path,
                "utf-8",
                Bilingual::new("die Datei ist kein UTF-8", "the file is not UTF-8"),
            )
        })
    }
}

fn finding(rule: &str, de: &str, en: &str) -> Finding {
    Finding::new("package.toml", rule, Bilingual::new(de, en))
}

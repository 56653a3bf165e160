//! `[settings]` of a package for these formats.

use std::collections::BTreeSet;

use amtsbote_adapter::ParcelPath;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_xoev::Day;
use amtsbote_xoev::standard::XDOMEA_3_1_0;
use serde::Deserialize;

/// Settings of a package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The standard, such as `xbau-hochbau` or `xmeld`.
    pub standard: String,
    /// The standard's version, such as `2.6`, where there is but one.
    #[serde(default)]
    pub version: Option<String>,
    /// Versions side by side; in place of `version`.
    #[serde(default)]
    pub edition: Vec<EditionSettings>,
    /// The message's number, such as `0200`.
    pub message: String,
    /// The annotated sample, a file of the package.
    #[serde(default = "template")]
    pub template: String,
    /// The message file's name: text with `{name}` (the message's name), `{number}`, `{uuid}`, `{date}` (day of receipt, UTC,
    /// `yyyymmdd`). Needs `{uuid}`, so that no two messages have the same. `{name}_{uuid}.xml` unless said, for xdomea
    /// `{uuid}_{name}.xml`.
    #[serde(default)]
    pub file_name: Option<String>,
    /// How message and attachments arrive: side by side unless said, for xdomea as one ZIP archive.
    #[serde(default)]
    pub pack: Option<Pack>,
    /// The data as sent goes along under this name: `$message.data` for templates.
    #[serde(default)]
    pub data_file: Option<String>,
    /// Text of the root's attribute `test`. A message that has one must not be processed in production (XÖV-Basisnachricht).
    #[serde(default)]
    pub test: Option<String>,
    /// JSON pointers of lists whose items need an id in the message and have none in the submission: each item gets a member
    /// `uuid`, made of the message's UUID and the item's place, so that a repeat has the same.
    #[serde(default)]
    pub identify: Vec<String>,
    /// Characters outside DIN 91379.
    #[serde(default)]
    pub characters: Characters,
    /// What happens without the official schemas.
    #[serde(default)]
    pub schemas: Requirement,
    /// What happens without the code lists the templates name.
    #[serde(default)]
    pub code_lists: Requirement,
}

/// A version of the standard with the day it begins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditionSettings {
    /// The standard's version.
    pub version: String,
    /// Its first day, `2026-05-01`, by German legal time; none for the first edition if it has always held.
    #[serde(default)]
    pub valid_from: Option<String>,
    /// The annotated sample in this version.
    pub template: String,
}

/// How message and attachments arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pack {
    /// Side by side.
    Files,
    /// As one ZIP archive with the message's name.
    Zip,
}

/// What happens where something an operator may add is not installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// It is not checked, and `amtsbote package check` says so.
    #[default]
    IfInstalled,
    /// The package does not open.
    Required,
}

/// What happens to characters outside DIN 91379, data type C.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Characters {
    /// A finding. The sender corrects.
    #[default]
    Refuse,
    /// They are written with characters of the set where there is a rule for it (`amtsbote_xoev::transliterate`); the rest is refused.
    Transliterate,
}

fn template() -> String {
    "message.xml".to_owned()
}

/// What a file name is made of.
pub(crate) struct NameParts<'a> {
    pub(crate) name: &'a str,
    pub(crate) number: &'a str,
    pub(crate) uuid: &'a str,
    pub(crate) date: &'a str,
}

impl EditionSettings {
    pub(crate) fn first_day(&self) -> Option<Day> {
        self.valid_from.as_deref().and_then(|day| day.parse().ok())
    }
}

impl Settings {
    /// The editions, one where only `version` is given.
    pub(crate) fn editions(&self) -> Vec<EditionSettings> {
        let only = self.version.iter().map(|version| EditionSettings {
            version: version.clone(),
            valid_from: None,
            template: self.template.clone(),
        });
        only.chain(self.edition.iter().cloned()).collect()
    }

    fn is_xdomea(&self) -> bool {
        self.standard == XDOMEA_3_1_0.name
    }

    pub(crate) fn pack(&self) -> Pack {
        let usual = if self.is_xdomea() {
            Pack::Zip
        } else {
            Pack::Files
        };
        self.pack.unwrap_or(usual)
    }

    pub(crate) fn pattern(&self) -> &str {
        let usual = if self.is_xdomea() {
            "{uuid}_{name}.xml"
        } else {
            "{name}_{uuid}.xml"
        };
        self.file_name.as_deref().unwrap_or(usual)
    }

    /// The message file's name; none if it is not a safe name.
    pub(crate) fn file_name(&self, parts: &NameParts<'_>) -> Option<ParcelPath> {
        let name = self
            .pattern()
            .replace("{name}", parts.name)
            .replace("{number}", parts.number)
            .replace("{uuid}", parts.uuid)
            .replace("{date}", parts.date);
        let plain = !name.contains(['/', '{', '}']);
        name.parse().ok().filter(|_| plain)
    }

    /// What is wrong with the settings by themselves.
    pub(crate) fn check(&self) -> Findings {
        let parts = NameParts {
            name: "message",
            number: "0000",
            uuid: "00000000-0000-4000-8000-000000000000",
            date: "20260101",
        };
        let mut findings = Findings::new();
        if !self.pattern().contains("{uuid}") || self.file_name(&parts).is_none() {
            findings.push(wrong(
                "file_name",
                "file-name",
                "ein Dateiname ohne Ordner mit {uuid}; sonst sind nur {name}, {number} und {date} erlaubt",
                "a file name without folder, with {uuid}; besides only {name}, {number} and {date} are allowed",
            ));
        }
        if self
            .data_file
            .as_deref()
            .is_some_and(|name| !is_plain(name))
        {
            findings.push(wrong(
                "data_file",
                "file-name",
                "ein Dateiname wie \"antrag.json\": höchstens 60 Zeichen a-z, 0-9, - und _, dann .json",
                "a file name such as \"antrag.json\": at most 60 of a-z, 0-9, - and _, then .json",
            ));
        }
        if self.version.is_some() != self.edition.is_empty() {
            findings.push(wrong(
                "edition",
                "edition",
                "entweder version oder [[settings.edition]] angeben",
                "give either version or [[settings.edition]]",
            ));
        }
        let malformed = |edition: &&EditionSettings| {
            edition.valid_from.is_some() && edition.first_day().is_none()
        };
        if self.edition.iter().any(|edition| malformed(&edition)) {
            findings.push(wrong(
                "edition/valid_from",
                "edition",
                "valid_from ist ein Tag wie \"2026-05-01\"",
                "valid_from is a day such as \"2026-05-01\"",
            ));
        }
        let days: BTreeSet<Option<Day>> = self
            .edition
            .iter()
            .map(EditionSettings::first_day)
            .collect();
        if days.len() != self.edition.len() {
            findings.push(wrong(
                "edition/valid_from",
                "edition",
                "zwei Ausgaben beginnen am selben Tag",
                "two editions begin on the same day",
            ));
        }
        findings
    }
}

fn is_plain(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
    name.strip_suffix(".json")
        .is_some_and(|stem| (1..=60).contains(&stem.len()) && stem.bytes().all(fits))
}

fn wrong(key: &str, rule: &str, de: &str, en: &str) -> Finding {
    Finding::new(
        format!("package.toml/settings/{key}"),
        rule,
        Bilingual::new(de, en),
    )
}

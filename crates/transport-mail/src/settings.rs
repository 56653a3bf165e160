//! The settings of one mailbox; their reference is the README.

use std::path::{Path, PathBuf};

use amtsbote_adapter::Fault;
use amtsbote_model::ParcelId;
use lettre::Address;
use serde::Deserialize;

/// One mailbox of a procedure.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The mail server that takes our mail.
    pub host: String,
    /// Its port.
    pub port: Option<u16>,
    /// How the connection is secured; the content is encrypted whatever stands here.
    #[serde(default)]
    pub tls: Tls,
    /// Authorities (PEM) that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The account at the mail server.
    pub user: Option<String>,
    /// File of its password.
    pub password_file: Option<PathBuf>,
    /// Our address.
    pub from: MailAddress,
    /// The procedure's addresses.
    pub to: Vec<MailAddress>,
    /// Certificates (PEM, one per file) of all who have to be able to read.
    pub certificate_files: Vec<PathBuf>,
    /// How the content is encrypted.
    #[serde(default)]
    pub cipher: Cipher,
    /// The subject, which everybody can read.
    #[serde(default)]
    pub subject: Subject,
    /// Folder on this machine that remembers what was brought.
    pub ledger_dir: PathBuf,
    /// Longest mail that is sent, encrypted and encoded.
    #[serde(default = "max_bytes")]
    pub max_bytes: u64,
}

const fn max_bytes() -> u64 {
    25_000_000
}

/// How the connection is secured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// From the first byte; port 465.
    #[default]
    Implicit,
    /// By STARTTLS, demanded; port 587.
    Starttls,
    /// Not at all: passwords, addresses and parcel ids can be read on the way. For loopback and tests; port 25.
    DangerNone,
}

/// How the content is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cipher {
    /// AES-256-GCM.
    #[default]
    Aes256Gcm,
    /// AES-256-CBC, for readers that know nothing newer.
    Aes256Cbc,
}

/// An address: `name@domain`, ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MailAddress(Address);

/// The text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a mail address: write name@domain in ASCII")]
pub struct MalformedAddress;

impl MailAddress {
    pub(crate) const fn address(&self) -> &Address {
        &self.0
    }
}

impl TryFrom<String> for MailAddress {
    type Error = MalformedAddress;

    fn try_from(text: String) -> Result<Self, MalformedAddress> {
        let plain = |c: char| c.is_ascii_graphic() && !"<>\"(),:;\\[]".contains(c);
        if !text.chars().all(plain) {
            return Err(MalformedAddress);
        }
        text.parse().map(Self).map_err(|_| MalformedAddress)
    }
}

/// 1–100 ASCII characters with `{parcel}` at most once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Subject(String);

/// The text is no subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a subject: 1 to 100 ASCII characters")]
pub struct MalformedSubject;

impl Subject {
    pub(crate) fn of(&self, id: ParcelId) -> String {
        self.0.replace("{parcel}", &id.to_string())
    }

    /// As the settings say it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn names_parcel(&self) -> bool {
        self.0.contains("{parcel}")
    }
}

impl Default for Subject {
    fn default() -> Self {
        Self("Antrag {parcel}".to_owned())
    }
}

impl TryFrom<String> for Subject {
    type Error = MalformedSubject;

    fn try_from(text: String) -> Result<Self, MalformedSubject> {
        let plain = |c: char| c.is_ascii_graphic() || c == ' ';
        if (1..=100).contains(&text.len()) && text.chars().all(plain) {
            Ok(Self(text))
        } else {
            Err(MalformedSubject)
        }
    }
}

impl Settings {
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Implicit => 465,
            Tls::Starttls => 587,
            Tls::DangerNone => 25,
        })
    }

    /// Files named relative to `base`.
    pub(crate) fn below(mut self, base: &Path) -> Self {
        let settle = |file: &mut PathBuf| *file = base.join(&*file);
        self.ca_file.iter_mut().for_each(settle);
        self.password_file.iter_mut().for_each(settle);
        self.certificate_files.iter_mut().for_each(settle);
        settle(&mut self.ledger_dir);
        self
    }

    pub(crate) fn check(&self) -> Result<(), Fault> {
        let (de, en) = if self.host.is_empty() || self.host.contains(char::is_whitespace) {
            (
                "host muss den Mailserver nennen",
                "host must name the mail server",
            )
        } else if self.to.is_empty() {
            ("in to muss eine Adresse stehen", "to must hold an address")
        } else if self.certificate_files.is_empty() {
            (
                "in certificate_files müssen die Zertifikate der Lesenden stehen: personenbezogene Daten gehen nie in offener Mail",
                "certificate_files must hold the readers' certificates: personal data is never sent in plain mail",
            )
        } else if self.user.is_some() != self.password_file.is_some() {
            (
                "user und password_file gehören zusammen",
                "user and password_file belong together",
            )
        } else {
            return Ok(());
        };
        Err(Fault::misconfigured(de, en))
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_adapter::laws::{is_told_in_two_languages, value_is_told_in_german};

    use super::*;

    fn check(settings: &str, expected: Option<&str>) {
        let base = "host = \"h\"\nfrom = \"a@b.example\"\nledger_dir = \"l\"\n";
        let told = match toml::from_str::<Settings>(&format!("{base}{settings}")) {
            Err(error) => {
                value_is_told_in_german(error.message());
                Some(error.message().to_owned())
            }
            Ok(settings) => settings.check().err().map(|fault| {
                is_told_in_two_languages(&fault);
                fault.to_string()
            }),
        };
        match (expected, &told) {
            (None, None) => {}
            (Some(part), Some(told)) if told.contains(part) => {}
            _ => panic!("{settings}: {told:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn there_is_no_way_to_send_plain_mail() {
        const TO: &str = "to = [\"p@b.example\"]\n";
        check(&format!("{TO}certificate_files = [\"c.pem\"]"), None);
        check(
            &format!("{TO}certificate_files = []"),
            Some("never sent in plain mail"),
        );
        check(TO, Some("certificate_files"));
        check(
            &format!("{TO}certificate_files = [\"c\"]\ncipher = \"none\""),
            Some("unknown variant"),
        );
    }

    #[test]
    fn headers_cannot_be_broken_by_settings() {
        let rest = "certificate_files = [\"c\"]\n";
        for (settings, expected) in [
            (
                "to = [\"a@b.example\"]\nsubject = \"x\\r\\nBcc: y\"",
                Some("not a subject"),
            ),
            (
                "to = [\"a@b.example\\r\\nBcc: y\"]",
                Some("not a mail address"),
            ),
            ("to = [\"nobody\"]", Some("not a mail address")),
            ("to = []", Some("an address")),
            (
                "to = [\"a@b.example\"]\nuser = \"u\"",
                Some("belong together"),
            ),
        ] {
            check(&format!("{rest}{settings}"), expected);
        }
    }
}

//! Who may call: an account is known by its client certificate and speaks for its identifiers.

use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::mailbox::{Mailbox, Record, hex};
use crate::wire::Party;

/// A procedure, or a clearing centre for procedures, with its message box.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name, for the log.
    pub(crate) name: String,
    certificates: Vec<String>,
    identifiers: Vec<String>,
    services: Vec<String>,
    pub(crate) mailbox: Mailbox,
}

/// What an account is opened with.
#[derive(Debug, Clone, Copy)]
pub struct AccountSettings<'a> {
    /// Its name, for the log.
    pub name: &'a str,
    /// Folder of its message box; made if missing.
    pub path: &'a Path,
    /// SHA-256 of the certificates it may come with, in hex; colons and case do not matter.
    pub certificates_sha256: &'a [String],
    /// Identifiers (`prefix:key`) it may speak for.
    pub identifiers: &'a [String],
    /// Service URIs under which it may send; what `lookupService` calls available.
    pub services: &'a [String],
}

impl Account {
    /// Opens its message box and sweeps what a stop left behind.
    pub fn open(settings: AccountSettings<'_>) -> io::Result<Self> {
        let plain = |text: &String| text.replace([':', ' '], "").to_ascii_lowercase();
        let mailbox = Mailbox::open(settings.path)?;
        mailbox.sweep()?;
        Ok(Self {
            name: settings.name.to_owned(),
            certificates: settings.certificates_sha256.iter().map(plain).collect(),
            identifiers: settings.identifiers.to_vec(),
            services: settings.services.to_vec(),
            mailbox,
        })
    }

    /// Whether a certificate (DER) is one of its own.
    pub(crate) fn has(&self, certificate: &[u8]) -> bool {
        self.certificates
            .contains(&hex(&Sha256::digest(certificate)))
    }

    pub(crate) fn offers(&self, service: &str) -> bool {
        self.services.iter().any(|known| known == service)
    }

    /// For whom an author speaks, if the account may speak so. `*` stands for all its identifiers, as does no author at all.
    pub(crate) fn voice(&self, author: Option<&Party>) -> Option<Voice> {
        match author.map(|author| author.id.as_str()) {
            Some("*") | None => Some(Voice(self.identifiers.clone())),
            Some(id) if self.identifiers.iter().any(|known| known == id) => {
                Some(Voice(vec![id.to_owned()]))
            }
            Some(_) => None,
        }
    }
}

/// The identifiers a call speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Voice(Vec<String>);

impl Voice {
    fn is(&self, party: &Party) -> bool {
        self.0.contains(&party.id)
    }

    /// Messages for others look as if they were not there.
    pub(crate) fn may_read(&self, record: &Record) -> bool {
        self.is(&record.cover.reader)
    }

    pub(crate) fn may_ask_about(&self, record: &Record) -> bool {
        self.is(&record.cover.reader) || self.is(&record.cover.author)
    }
}

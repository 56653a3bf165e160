//! The settings of both ways; their reference is the README.

use std::path::PathBuf;

use amtsbote_adapter::{ParcelPath, UnsafePath};
use serde::Deserialize;

use crate::wire::Cover;

/// `transport = "xta"`: a foreign XTA server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Base URL of the server; the ports follow as `/services/XTAService/ManagementPort` and `…/SendXtaPort`.
    pub url: Option<String>,
    /// `ManagementPort`, if it is elsewhere.
    pub management_url: Option<String>,
    /// `SendXtaPort`, if it is elsewhere.
    pub send_url: Option<String>,
    /// TOML file that stands for the directory (DVDV): gives the base URL for reader and service; instead of `url`.
    pub directory: Option<PathBuf>,
    /// Our certificate, leaf first, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Authorities that are trusted besides the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Folder of the ledger; absolute, made if missing. It must survive restarts.
    pub work_path: PathBuf,
    /// Who to whom, which service, which kind of message.
    pub cover: Cover,
    /// The parcel's file that is the message; all others are attachments. The parcel's first file, unless said.
    pub message: Option<MessageFile>,
    /// Statuses of a transport report that mean *failed*. *Unconfirmed*, therefore a setting.
    #[serde(default = "Settings::failed")]
    pub failed_status: Vec<u32>,
}

impl Settings {
    fn failed() -> Vec<u32> {
        vec![3]
    }
}

/// `transport = "xta-box"`: a message box of our own, from which a procedure with an XTA client takes its messages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxSettings {
    /// Folder of the box: that of an `[[agent.xta.account]]`.
    pub path: PathBuf,
    /// Who to whom, which service, which kind of message. The reader is one of the account's identifiers.
    pub cover: Cover,
    /// See [`Settings::message`].
    pub message: Option<MessageFile>,
}

/// A file inside the parcel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MessageFile(ParcelPath);

impl MessageFile {
    pub(crate) const fn path(&self) -> &ParcelPath {
        &self.0
    }
}

impl TryFrom<String> for MessageFile {
    type Error = UnsafePath;

    fn try_from(text: String) -> Result<Self, UnsafePath> {
        text.parse().map(Self)
    }
}

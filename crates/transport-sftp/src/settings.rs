//! The settings of one folder on an SFTP server; their reference is the README.

use std::path::{Path, PathBuf};

use amtsbote_adapter::Fault;
use amtsbote_adapter::placement::{
    Collision, FileMode, Layout, Marker, NamePattern, Placement, Trigger,
};
use russh::keys::{Algorithm, HashAlg, PublicKey};
use serde::Deserialize;

/// One folder on one server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    #[serde(default = "ssh_port")]
    pub port: u16,
    /// The keys the server may show: public keys (`ssh-ed25519 AAAA…`) or fingerprints (`SHA256:…`).
    pub host_keys: Vec<HostKey>,
    /// The account.
    pub user: String,
    /// File of the private key.
    pub key_file: Option<PathBuf>,
    /// File of the passphrase of that key.
    pub key_passphrase_file: Option<PathBuf>,
    /// File of the password, instead of a key.
    pub password_file: Option<PathBuf>,
    /// The folder the procedure watches, on the server.
    pub path: RemotePath,
    /// Folder on the server, on the same file system, for unfinished parcels and the ledger. Without it:
    /// `.amtsbote-tmp` and `.amtsbote-done` inside `path`.
    pub work_path: Option<RemotePath>,
    /// A folder per parcel, or files side by side.
    #[serde(default)]
    pub layout: Layout,
    /// Name of the folder, or beginning of each file's name.
    #[serde(default)]
    pub name: NamePattern,
    /// Rights of files.
    #[serde(default = "FileMode::file")]
    pub file_mode: FileMode,
    /// Rights of folders.
    #[serde(default = "FileMode::folder")]
    pub dir_mode: FileMode,
    /// Name or ending of an empty file that says *complete*.
    pub marker: Option<Marker>,
    /// `layout = "flat"`: the file that becomes visible after all others.
    pub trigger: Option<Trigger>,
    /// What it means that the name is taken although the ledger does not know the parcel.
    #[serde(default)]
    pub collision: Collision,
}

const fn ssh_port() -> u16 {
    22
}

impl Settings {
    /// With the files of this machine below `base`, as far as they are relative.
    #[must_use]
    pub fn below(mut self, base: &Path) -> Self {
        for file in [
            &mut self.key_file,
            &mut self.key_passphrase_file,
            &mut self.password_file,
        ] {
            *file = file.take().map(|file| base.join(file));
        }
        self
    }

    pub(crate) fn placement(&self) -> Placement {
        Placement {
            layout: self.layout,
            name: self.name.clone(),
            marker: self.marker.clone(),
            trigger: self.trigger.clone(),
        }
    }

    /// What one key alone cannot tell.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let named = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        let (de, en) = if !named(&self.host) || self.user.is_empty() {
            (
                "host und user dürfen nicht leer sein",
                "host and user must not be empty",
            )
        } else if self.host_keys.is_empty() {
            (
                "in host_keys muss der Schlüssel des Servers oder sein Fingerabdruck stehen; einem Schlüssel, den niemand eingetragen hat, wird nie vertraut",
                "host_keys must hold the server's key or its fingerprint; a key nobody wrote down is never trusted",
            )
        } else if self.key_file.is_some() == self.password_file.is_some() {
            (
                "genau eines von key_file und password_file angeben",
                "give exactly one of key_file and password_file",
            )
        } else if self.key_passphrase_file.is_some() && self.key_file.is_none() {
            (
                "key_passphrase_file gehört zu key_file; herausnehmen",
                "key_passphrase_file belongs to key_file; remove it",
            )
        } else if self.trigger.is_some() && self.layout == Layout::Folder {
            (
                "trigger gehört zu layout = \"flat\"; herausnehmen",
                "trigger belongs to layout = \"flat\"; remove it",
            )
        } else {
            return Ok(());
        };
        Err(Fault::misconfigured(de, en))
    }

    /// Whether the server may show `key`.
    pub(crate) fn trusts(&self, key: &PublicKey) -> bool {
        self.host_keys.iter().any(|known| match known {
            HostKey::Key(pinned) => pinned.key_data() == key.key_data(),
            HostKey::Fingerprint(text) => *text == key.fingerprint(HashAlg::Sha256).to_string(),
        })
    }

    /// The kinds of keys to ask the server for: those that are written down, if all are written out.
    pub(crate) fn key_kinds(&self) -> Option<Vec<Algorithm>> {
        let kind = |known: &HostKey| match known {
            HostKey::Key(key) => Some(key.algorithm()),
            HostKey::Fingerprint(_) => None,
        };
        self.host_keys.iter().map(kind).collect()
    }
}

/// A key the server may show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum HostKey {
    /// Written out: what `ssh-keyscan` prints, with or without the server's name in front.
    Key(Box<PublicKey>),
    /// `SHA256:` and 43 characters of base64: what `ssh-keygen -l` prints.
    Fingerprint(String),
}

/// The text is no host key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a host key: write it as `ssh-ed25519 AAAA…` or `ecdsa-sha2-nistp256 AAAA…` (RSA is not supported), or its fingerprint as `SHA256:…`"
)]
pub struct MalformedHostKey;

impl TryFrom<String> for HostKey {
    type Error = MalformedHostKey;

    fn try_from(text: String) -> Result<Self, MalformedHostKey> {
        if let Some(hash) = text.strip_prefix("SHA256:") {
            let base64 = |c: char| c.is_ascii_alphanumeric() || "+/".contains(c);
            return if hash.len() == 43 && hash.chars().all(base64) {
                Ok(Self::Fingerprint(text))
            } else {
                Err(MalformedHostKey)
            };
        }
        // A line of a known_hosts file begins with the server's name.
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let is_kind = |word: &&str| word.starts_with("ssh-") || word.starts_with("ecdsa-");
        if words.first().is_some_and(|first| !is_kind(first)) {
            words.remove(0);
        }
        let [kind, key, ..] = words[..] else {
            return Err(MalformedHostKey);
        };
        let key =
            PublicKey::from_openssh(&format!("{kind} {key}")).map_err(|_| MalformedHostKey)?;
        if key.algorithm().is_rsa() {
            return Err(MalformedHostKey);
        }
        Ok(Self::Key(Box::new(key)))
    }
}

/// A folder on the server: absolute, or relative to where the account lands. No `..`, no line breaks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RemotePath(String);

/// The text is no folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a folder on the server: 1 to 400 characters, without `..` and without control characters"
)]
pub struct MalformedRemotePath;

impl RemotePath {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RemotePath {
    type Error = MalformedRemotePath;

    fn try_from(text: String) -> Result<Self, MalformedRemotePath> {
        let fits = (1..=400).contains(&text.chars().count())
            && !text.chars().any(char::is_control)
            && text.split('/').all(|part| part != "..");
        if !fits {
            return Err(MalformedRemotePath);
        }
        let shortened = text.trim_end_matches('/');
        Ok(Self(if shortened.is_empty() {
            "/".to_owned()
        } else {
            shortened.to_owned()
        }))
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_adapter::laws::{is_told_in_two_languages, value_is_told_in_german};

    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn host_keys_are_written_out_or_as_fingerprint() {
        for (text, fits) in [
            (KEY, true),
            (&format!("sftp.example.org {KEY} a comment"), true),
            ("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU", true),
            ("SHA256:+DiY3wvvV6TuJJhbpZisF", false),
            ("MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48", false),
            ("ssh-ed25519 AAAA", false),
            ("", false),
        ] {
            let read = HostKey::try_from(text.to_owned());
            assert_eq!(read.is_ok(), fits, "{text}");
            if let Err(malformed) = read {
                value_is_told_in_german(&malformed.to_string());
            }
        }
    }

    #[test]
    fn folders_stay_where_they_are_named() {
        for (text, expected) in [
            ("/srv/eingang/", Some("/srv/eingang")),
            ("eingang", Some("eingang")),
            ("/", Some("/")),
            ("", None),
            ("a/../b", None),
            ("a\nb", None),
        ] {
            let path = RemotePath::try_from(text.to_owned());
            let path = path
                .map_err(|malformed| value_is_told_in_german(&malformed.to_string()))
                .ok();
            assert_eq!(path.as_ref().map(RemotePath::as_str), expected, "{text}");
        }
    }

    #[test]
    fn a_server_is_trusted_by_its_written_key_alone() {
        let settings = |host_keys: &str, rest: &str| -> Settings {
            toml::from_str(&format!(
                "host = \"h\"\nuser = \"u\"\npath = \"in\"\nhost_keys = [{host_keys}]\n{rest}"
            ))
            .unwrap()
        };
        let by_key = settings(&format!("\"{KEY}\""), "key_file = \"k\"");
        assert_eq!(by_key.check(), Ok(()));
        assert_eq!(by_key.key_kinds(), Some(vec![Algorithm::Ed25519]));
        let key = PublicKey::from_openssh(KEY).unwrap();
        assert!(by_key.trusts(&key));
        let fingerprint = key.fingerprint(HashAlg::Sha256);
        let by_hash = settings(&format!("\"{fingerprint}\""), "password_file = \"p\"");
        assert!(by_hash.trusts(&key));
        assert_eq!(by_hash.key_kinds(), None);
        for (host_keys, rest) in [
            ("", "key_file = \"k\""),
            (&*format!("\"{KEY}\""), ""),
            (
                &*format!("\"{KEY}\""),
                "key_file = \"k\"\npassword_file = \"p\"",
            ),
            (
                &*format!("\"{KEY}\""),
                "password_file = \"p\"\nkey_passphrase_file = \"q\"",
            ),
            (
                &*format!("\"{KEY}\""),
                "key_file = \"k\"\ntrigger = \"a.xml\"",
            ),
        ] {
            let settings = settings(host_keys, rest);
            assert!(
                matches!(settings.check(), Err(Fault::Misconfigured { .. })),
                "{rest}"
            );
            is_told_in_two_languages(&settings.check().unwrap_err());
        }
    }
}

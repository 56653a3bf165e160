//! Connects, knows the server by its key, logs in.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use amtsbote_adapter::Fault;
use amtsbote_adapter::transport::{read_secret, read_text};
use amtsbote_problem::io::in_german;
use russh::client::{self, AuthResult, Config, Handle};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh::{Channel, Disconnect, Preferred};

use crate::settings::Settings;

/// Silence after which a connection is dead, whoever still holds it.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// A connection to the server, logged in. Closed when dropped.
pub(crate) struct Session(Handle<Guard>);

/// Compares the key the server shows with those the settings know.
pub(crate) struct Guard {
    settings: Arc<Settings>,
    /// A key was shown that the settings do not know.
    stranger: Arc<AtomicBool>,
}

impl client::Handler for Guard {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        // Certificates are never asked for; a server that shows one all the same is a stranger.
        let known = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.settings.trusts(key),
            PublicKeyOrCertificate::Certificate(_) => false,
        };
        self.stranger.store(!known, Ordering::Relaxed);
        Ok(known)
    }
}

impl Session {
    pub(crate) async fn connect(settings: &Arc<Settings>) -> Result<Self, Fault> {
        // First what can be wrong on our side.
        let proof = Proof::read(settings)?;
        let stranger = Arc::new(AtomicBool::new(false));
        let guard = Guard {
            settings: settings.clone(),
            stranger: stranger.clone(),
        };
        let at = (settings.host.as_str(), settings.port);
        let config = Arc::new(config(settings));
        let mut session = match client::connect(config, at, guard).await {
            Ok(handle) => Self(handle),
            Err(_) if stranger.load(Ordering::Relaxed) => {
                return Err(Fault::misconfigured(
                    "der Server zeigt einen Schlüssel, den host_keys nicht kennt: erst herausfinden, warum, dann den neuen Schlüssel dort eintragen",
                    "the server shows a key that host_keys does not know: find out why before the new key is written there",
                ));
            }
            Err(error) => return Err(not_connected(&error)),
        };
        session.log_in(settings, proof).await?;
        Ok(session)
    }

    async fn log_in(&mut self, settings: &Settings, proof: Proof) -> Result<(), Fault> {
        let user = settings.user.clone();
        let outcome = match proof {
            Proof::Key(key) => {
                let key = PrivateKeyWithHashAlg::new(Arc::new(*key), None);
                self.0.authenticate_publickey(user, key).await
            }
            Proof::Password(password) => {
                let password = password.reveal().to_owned();
                self.0.authenticate_password(user, password).await
            }
        };
        match outcome {
            Ok(AuthResult::Success) => Ok(()),
            // What the library says when the connection ended; a server that refuses names what it would take.
            Ok(AuthResult::Failure {
                remaining_methods, ..
            }) if remaining_methods.is_empty() => Err(ended_early()),
            Ok(AuthResult::Failure { .. }) => Err(Fault::misconfigured(
                "der Server weist das Konto ab: user, key_file oder password_file berichtigen",
                "the server refuses the account: correct user, key_file or password_file",
            )),
            Err(error) => Err(not_connected(&error)),
        }
    }

    pub(crate) async fn sftp_channel(&self) -> Result<Channel<client::Msg>, Fault> {
        let broke = || {
            Fault::unavailable(
                "die Verbindung brach ab, bevor der Server einen Kanal öffnete",
                "the connection broke before the server opened a channel",
            )
        };
        let Ok(mut channel) = self.0.channel_open_session().await else {
            return Err(broke());
        };
        if channel.request_subsystem(true, "sftp").await.is_err() {
            return Err(broke());
        }
        loop {
            // What else may come first means nothing to us.
            match channel.wait().await {
                Some(russh::ChannelMsg::Success) => return Ok(channel),
                Some(russh::ChannelMsg::Failure) => {
                    return Err(Fault::misconfigured(
                        "der Server hat für dieses Konto kein SFTP (Subsystem sftp); dort einschalten",
                        "the server has no SFTP for this account (subsystem sftp)",
                    ));
                }
                None => return Err(broke()),
                Some(_) => {}
            }
        }
    }

    /// Says good-bye; whether it is heard does not matter.
    pub(crate) async fn close(self) {
        let _ = self.0.disconnect(Disconnect::ByApplication, "", "").await;
    }
}

fn config(settings: &Settings) -> Config {
    let mut preferred = Preferred::default();
    if let Some(kinds) = settings.key_kinds() {
        preferred.key = Cow::Owned(kinds);
    }
    Config {
        preferred,
        inactivity_timeout: Some(SILENCE_MAX),
        keepalive_interval: Some(SILENCE_MAX / 4),
        nodelay: true,
        ..Config::default()
    }
}

/// What shows who we are.
enum Proof {
    Key(Box<PrivateKey>),
    Password(amtsbote_model::Secret),
}

impl Proof {
    /// Reads the file anew for each connection: it may be replaced at any time.
    fn read(settings: &Settings) -> Result<Self, Fault> {
        if let Some(file) = &settings.password_file {
            return Ok(Self::Password(read_secret(file, "password_file")?));
        }
        let Some(file) = &settings.key_file else {
            return Err(Fault::misconfigured(
                "eines von key_file und password_file angeben",
                "give one of key_file and password_file",
            ));
        };
        let text = read_text(file, "key_file")?;
        let passphrase = match &settings.key_passphrase_file {
            None => None,
            Some(file) => Some(read_secret(file, "key_passphrase_file")?),
        };
        let passphrase = passphrase.as_ref().map(amtsbote_model::Secret::reveal);
        // The error may tell of the key: only that there was one is said.
        match decode_secret_key(text.reveal(), passphrase) {
            Ok(key) if !key.algorithm().is_rsa() => Ok(Self::Key(Box::new(key))),
            Ok(_) | Err(_) => Err(Fault::misconfigured(
                "key_file enthält keinen brauchbaren privaten Schlüssel: Ed25519 oder ECDSA, in der Form von OpenSSH oder PKCS#8, mit seiner Passphrase in key_passphrase_file, wenn er eine hat",
                "key_file holds no usable private key: Ed25519 or ECDSA, in OpenSSH's or PKCS#8 form, with its passphrase in key_passphrase_file if it has one",
            )),
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign enum of 50 variants that grows"
)]
fn not_connected(error: &russh::Error) -> Fault {
    match error {
        russh::Error::NoCommonAlgo { .. } => Fault::misconfigured(
            "der Server und wir haben kein gemeinsames Verfahren; wenn host_keys einen Schlüssel anderer Art enthält, als der Server hat, ihn berichtigen",
            "the server and we have no algorithm in common; if host_keys holds a key of another kind than the server has, correct it",
        ),
        russh::Error::IO(error) => {
            let kind = error.kind();
            Fault::unavailable(
                format!("der Server ist nicht erreichbar: {}", in_german(kind)),
                format!("the server cannot be reached: {kind}"),
            )
        }
        _ => ended_early(),
    }
}

fn ended_early() -> Fault {
    Fault::unavailable(
        "die Verbindung endete vor der Anmeldung",
        "the connection ended before the login was done",
    )
}

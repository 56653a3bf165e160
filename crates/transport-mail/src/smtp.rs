//! The mail server. The only module that speaks SMTP; its texts are never passed on, they may quote an address.

use std::time::Duration;

use amtsbote_adapter::transport::{read_secret, read_small};
use amtsbote_adapter::{Fault, Step};
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;

use crate::settings::{Settings, Tls};

const CONNECT_MAX: Duration = Duration::from_secs(30);
const CONNECT: Step = Step::new("Verbinden mit dem Mailserver", "connect to the mail server");
const SECURE: Step = Step::new(
    "Sichern der Verbindung durch STARTTLS",
    "secure the connection by STARTTLS",
);
const LOG_IN: Step = Step::new("Anmelden am Mailserver", "log in at the mail server");
const HAND_OVER: Step = Step::new("Übergeben der Mail", "hand the mail over");
const ANNOUNCE: Step = Step::new("Ankündigen einer Mail", "announce a mail");

/// A connection to the mail server, secured and logged in as the settings say.
pub(crate) struct Connection(AsyncSmtpConnection);

impl Connection {
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Fault> {
        // First what can be wrong on our side.
        let login = login(settings)?;
        let tls = tls(settings)?;
        let us = ClientId::Domain(settings.from.address().domain().to_owned());
        let at = (settings.host.as_str(), settings.port());
        let (first, later) = match settings.tls {
            Tls::Implicit => (tls, None),
            Tls::Starttls => (None, tls),
            Tls::DangerNone => (None, None),
        };
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(at, Some(CONNECT_MAX), &us, first, None)
                .await
                .map_err(|error| fault(CONNECT, &error))?;
        if let Some(tls) = later {
            connection
                .starttls(tls, &us)
                .await
                .map_err(|error| fault(SECURE, &error))?;
        }
        if let Some(login) = login {
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &login)
                .await
                .map_err(|error| fault(LOG_IN, &error))?;
        }
        Ok(Self(connection))
    }

    /// Hands the mail over; it is the server's when this succeeds.
    pub(crate) async fn send(&mut self, settings: &Settings, mail: &[u8]) -> Result<(), Fault> {
        let to = settings.to.iter().map(|to| to.address().clone()).collect();
        let envelope = Envelope::new(Some(settings.from.address().clone()), to).map_err(|_| {
            Fault::misconfigured("in to muss eine Adresse stehen", "to must hold an address")
        })?;
        self.0
            .send(&envelope, mail)
            .await
            .map_err(|error| fault(HAND_OVER, &error))?;
        Ok(())
    }

    /// Asks whether the server would take mail from us for the procedure, and takes it back.
    pub(crate) async fn ask(&mut self, settings: &Settings) -> Result<(), Fault> {
        let from = settings.from.address().clone();
        let announced = self.0.command(Mail::new(Some(from), Vec::new())).await;
        announced.map_err(|error| fault(ANNOUNCE, &error))?;
        for to in &settings.to {
            let asked = self.0.command(Rcpt::new(to.address().clone(), Vec::new()));
            asked.await.map_err(|error| fault(ANNOUNCE, &error))?;
        }
        let taken_back = self.0.command(Rset).await;
        taken_back
            .map_err(|error| fault(ANNOUNCE, &error))
            .map(drop)
    }

    /// Says good-bye; whether it is heard does not matter.
    pub(crate) async fn close(mut self) {
        let _ = self.0.quit().await;
    }
}

fn login(settings: &Settings) -> Result<Option<Credentials>, Fault> {
    let (Some(user), Some(file)) = (&settings.user, &settings.password_file) else {
        return Ok(None);
    };
    let password = read_secret(file, "password_file")?;
    Ok(Some(Credentials::new(
        user.clone(),
        password.reveal().to_owned(),
    )))
}

fn tls(settings: &Settings) -> Result<Option<TlsParameters>, Fault> {
    if settings.tls == Tls::DangerNone {
        return Ok(None);
    }
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(file) = &settings.ca_file {
        let pem = read_small(file, "ca_file")?;
        let authority = Certificate::from_pem(&pem).map_err(|_| {
            Fault::misconfigured(
                "ca_file enthält kein brauchbares Zertifikat in der Form PEM",
                "ca_file holds no usable certificate in PEM form",
            )
        })?;
        builder = builder.add_root_certificate(authority);
    }
    builder.build_rustls().map(Some).map_err(|_| {
        Fault::misconfigured(
            "TLS ließ sich nicht einrichten; host oder ca_file berichtigen",
            "TLS could not be set up; correct host or ca_file",
        )
    })
}

fn fault(step: Step, error: &Error) -> Fault {
    let code = error.status().map(|code| format!(" ({code})"));
    let code = code.unwrap_or_default();
    if error.is_permanent() {
        // A mailbox, an account, a size, a filter: nothing of it is the applicant's fault.
        step.misconfigured(
            format_args!("der Mailserver weist es endgültig ab{code}; sein Protokoll sagt, warum"),
            format_args!("the mail server refuses it for good{code}; its log tells why"),
        )
    } else if error.is_tls() {
        step.misconfigured(
            "keine vertrauenswürdige TLS-Verbindung; host, tls oder ca_file berichtigen",
            "no trusted TLS connection; correct host, tls or ca_file",
        )
    } else if error.is_client() {
        step.misconfigured(
            "der Mailserver bietet nicht an, was die Einstellungen verlangen",
            "the mail server does not offer what the settings ask for",
        )
    } else {
        step.unavailable(
            format_args!("der Mailserver ist nicht erreichbar oder kann gerade nicht{code}"),
            format_args!("the mail server cannot be reached or cannot do it now{code}"),
        )
    }
}

//! Between the gateway's mails and the way to the operator's mail server.

use std::time::Duration;

use amtsbote_gateway::{Postman, Undelivered};
use amtsbote_mail::{Letter, Login, Security, Settings, Smtp};
use amtsbote_model::Secret;
use amtsbote_settings as settings;
use amtsbote_store::{Mail, Reply};
use anyhow::{Context, Result};
use url::Url;

use crate::folder;

/// Time for one mail.
const LIMIT: Duration = Duration::from_secs(30);

/// Hands mails to the server of the settings.
pub(crate) struct SmtpPostman(Smtp);

impl SmtpPostman {
    /// Reads the files the settings name; connects to nobody.
    pub(crate) fn open(given: &settings::Mail, base_url: &str) -> Result<Self> {
        let login = match (&given.user, &given.password_file) {
            (Some(user), Some(file)) => Some(Login {
                user: user.clone(),
                password: Secret::new(folder::read_text(file)?.trim().to_owned()),
            }),
            (Some(_) | None, None) | (None, Some(_)) => None,
        };
        let roots = given.ca_file.as_ref().map(|file| folder::read_text(file));
        let from = given.from.parse().context("gateway.mail.from")?;
        let smtp = Smtp::open(&Settings {
            server: given.server.clone(),
            port: given.port,
            security: match given.security {
                settings::Security::Tls => Security::Tls,
                settings::Security::StartTls => Security::StartTls,
                settings::Security::DangerNone => Security::DangerNone,
            },
            extra_roots_pem: roots.transpose()?.map(String::into_bytes),
            login,
            from,
            hello_name: given.hello_name.clone().unwrap_or_else(|| host(base_url)),
            limit: LIMIT,
        });
        smtp.map(Self).context("gateway.mail cannot be used")
    }
}

fn host(base_url: &str) -> String {
    let url = Url::parse(base_url).ok();
    let host = url.as_ref().and_then(Url::host_str);
    host.unwrap_or("localhost").to_owned()
}

impl Postman for SmtpPostman {
    fn deliver<'a>(&'a self, mail: &'a Mail) -> Reply<'a, Result<(), Undelivered>> {
        Box::pin(async move {
            let id = mail.id.0.to_string();
            let letter = Letter {
                id: &id,
                to: &mail.to,
                subject: &mail.subject,
                text: &mail.text,
                at: mail.made_at,
            };
            self.0.send(&letter).await.map_err(|why| {
                let reason = why.to_string();
                if why.is_final() {
                    Undelivered::Never(reason)
                } else {
                    Undelivered::Later(reason)
                }
            })
        })
    }
}

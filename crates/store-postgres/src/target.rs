//! Where the database is, and how to get there safely.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr as _;
use std::time::Duration;

use amtsbote_model::Secret;
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::tls::{MakeTlsConnect, NoTlsStream, TlsConnect};
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::OpenError;

const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Who does not answer at all, as behind a cut or a machine without power, is noticed within some ten seconds, on idle connections too.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(4);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 3;
/// What was sent and not acknowledged for so long means that the other side is gone.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(8);

/// Whether the way to the database must be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// TLS with a verified certificate; on the same machine it may be plain.
    Required,
    /// Plain, whoever listens.
    DangerPlain,
}

/// A connection's other half: it must be driven.
pub(crate) enum Heard {
    Plain(Box<Connection<Socket, NoTlsStream>>),
    Tls(Box<Connection<Socket, TlsStream>>),
}

type TlsStream =
    <<MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect as TlsConnect<Socket>>::Stream;

/// A database by its URL. Prints no password.
#[derive(Clone)]
pub struct Target {
    config: Config,
    encryption: Encryption,
    roots_pem: Option<Vec<u8>>,
}

impl Target {
    /// From `postgres://user@host:port/database`; several hosts are separated by commas, the one that takes writes is used.
    pub fn parse(url: &str, encryption: Encryption) -> Result<Self, OpenError> {
        let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
        // The library's own error may quote the URL, with its password.
        let config = Config::from_str(url).map_err(|_| OpenError::Address)?;
        let has_hosts = !config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty();
        if !is_url || !has_hosts || config.get_dbname().is_none() || config.get_user().is_none() {
            return Err(OpenError::Address);
        }
        Ok(Self {
            config,
            encryption,
            roots_pem: None,
        })
    }

    /// With a password that is not in the URL.
    #[must_use]
    pub fn with_password(mut self, password: &Secret) -> Self {
        self.config.password(password.reveal());
        self
    }

    /// Trusts these authorities (PEM) for the server's certificate, and no others.
    #[must_use]
    pub fn trusting(mut self, roots_pem: Vec<u8>) -> Self {
        self.roots_pem = Some(roots_pem);
        self
    }

    /// Hosts and database, for messages.
    pub(crate) fn place(&self) -> String {
        let host = |host: &Host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        let hosts: Vec<_> = self.config.get_hosts().iter().map(host).collect();
        let database = self.config.get_dbname().unwrap_or_default();
        format!("{}/{database}", hosts.join(","))
    }

    fn is_on_this_machine(&self) -> bool {
        let is_local = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
            }
        };
        self.config.get_hosts().iter().all(is_local)
            && self.config.get_hostaddrs().iter().all(IpAddr::is_loopback)
    }

    fn mode(&self) -> Result<SslMode, OpenError> {
        let may_be_plain = self.is_on_this_machine() || self.encryption == Encryption::DangerPlain;
        let asked = self.config.get_ssl_mode();
        if asked == SslMode::Require {
            Ok(SslMode::Require)
        } else if may_be_plain && self.roots_pem.is_none() {
            Ok(SslMode::Disable)
        } else if asked == SslMode::Disable {
            Err(OpenError::Plain)
        } else {
            // With `prefer`, somebody in between could take the encryption away.
            Ok(SslMode::Require)
        }
    }

    /// What connections are made with. `application` is what the server shows in its list of sessions.
    fn config(&self, application: &str) -> Result<(Config, SslMode), OpenError> {
        let mut config = self.config.clone();
        let mode = self.mode()?;
        config
            .ssl_mode(mode)
            .application_name(application)
            // A standby takes no writes; of several hosts the one that does is found.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(CONNECT_MAX)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES)
            .tcp_user_timeout(UNACKNOWLEDGED_MAX);
        Ok((config, mode))
    }

    fn tls(&self) -> Result<MakeRustlsConnect, OpenError> {
        let tls = amtsbote_outgoing::client_config(self.roots_pem.as_deref())?;
        Ok(MakeRustlsConnect::new(tls))
    }

    /// A connection outside the pools, to hear what the server tells unasked. Whoever drives it hears it.
    pub(crate) async fn connect(&self, application: &str) -> Result<(Client, Heard), OpenError> {
        let (config, mode) = self.config(application)?;
        let place = self.place();
        let failed = |error: tokio_postgres::Error| OpenError::Unreachable {
            place,
            reason: crate::fault::reason(&error),
        };
        if mode == SslMode::Disable {
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            return Ok((client, Heard::Plain(Box::new(connection))));
        }
        let (client, connection) = config.connect(self.tls()?).await.map_err(failed)?;
        Ok((client, Heard::Tls(Box::new(connection))))
    }

    /// Makes connections. `application` is what the server shows in its list of sessions.
    pub(crate) fn manager(&self, application: &str) -> Result<Manager, OpenError> {
        let (config, mode) = self.config(application)?;
        let pooled = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        if mode == SslMode::Disable {
            return Ok(Manager::from_config(config, NoTls, pooled));
        }
        Ok(Manager::from_config(config, self.tls()?, pooled))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.place()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str, encryption: Encryption) -> Option<SslMode> {
        Target::parse(url, encryption).unwrap().mode().ok()
    }

    #[test]
    fn the_way_is_encrypted_unless_it_stays_on_the_machine_or_is_said_to_be_plain() {
        use Encryption::{DangerPlain, Required};
        for (url, encryption, expected) in [
            ("postgres://u@127.0.0.1/d", Required, Some(SslMode::Disable)),
            (
                "postgres://u@localhost:5433/d",
                Required,
                Some(SslMode::Disable),
            ),
            ("postgres://u@[::1]/d", Required, Some(SslMode::Disable)),
            (
                "postgres://u@%2Frun%2Fpostgresql/d",
                Required,
                Some(SslMode::Disable),
            ),
            (
                "postgres://u@localhost/d?sslmode=require",
                Required,
                Some(SslMode::Require),
            ),
            ("postgres://u@db/d", Required, Some(SslMode::Require)),
            (
                "postgres://u@db/d?sslmode=prefer",
                Required,
                Some(SslMode::Require),
            ),
            (
                "postgres://u@localhost,db/d",
                Required,
                Some(SslMode::Require),
            ),
            (
                "postgres://u@localhost/d?hostaddr=192.0.2.1",
                Required,
                Some(SslMode::Require),
            ),
            ("postgres://u@db/d?sslmode=disable", Required, None),
            ("postgres://u@db/d", DangerPlain, Some(SslMode::Disable)),
            (
                "postgres://u@db/d?sslmode=require",
                DangerPlain,
                Some(SslMode::Require),
            ),
        ] {
            assert_eq!(mode(url, encryption), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_database_is_refused_without_repeating_it() {
        for url in [
            "mysql://u@db/d",
            "host=db user=u dbname=d password=marked",
            "postgres://u:marked@/d",
            "postgres://u:marked@db",
            "postgres://db/marked",
            "postgres://u:marked@db:port/d",
            "postgres://u:marked@db/d?nonsense=1",
        ] {
            let error = Target::parse(url, Encryption::Required).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(!text.contains("marked"), "{url}: {text}");
        }
    }

    #[test]
    fn a_target_prints_no_password() {
        let target = Target::parse("postgres://u:marked@db/d", Encryption::Required).unwrap();
        let target = target.with_password(&Secret::new("marked".into()));
        assert_eq!(format!("{target:?}"), "Target(\"db/d\")");
    }
}

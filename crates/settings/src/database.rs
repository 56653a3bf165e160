//! Where a part of the program keeps its rows.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{SettingsFault, fault};

/// `[gateway.database]` and `[agent.database]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite` (a file in `data_dir`, one process) or `postgres` (a server, any number of processes).
    pub kind: DatabaseKind,
    /// `postgres`: `postgres://user@host:5432/name`, without the password; several hosts are separated by commas, and the one that takes writes is used.
    pub url: Option<String>,
    /// `postgres`: file with the user's password.
    pub password_file: Option<PathBuf>,
    /// `postgres`: PEM file of the authorities the server's certificate must come from; the usual ones if left out.
    pub ca_file: Option<PathBuf>,
    /// `postgres`: whether to call a server on another machine without TLS: everything can be read and changed on the way.
    #[serde(default)]
    pub danger_plain: bool,
}

/// The kinds of databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseKind {
    /// A file in `data_dir`.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

impl Database {
    /// Whether the rows are on a server that several processes may share.
    pub fn is_shared(&self) -> bool {
        self.kind == DatabaseKind::Postgres
    }

    /// `table` is where it stands in the settings file, for example `gateway.database`.
    pub(crate) fn check(&self, table: &str, faults: &mut Vec<SettingsFault>) {
        let key = |name: &str| format!("{table}.{name}");
        match self.kind {
            DatabaseKind::Sqlite => {
                let given = [
                    ("url", self.url.is_some()),
                    ("password_file", self.password_file.is_some()),
                    ("ca_file", self.ca_file.is_some()),
                    ("danger_plain", self.danger_plain),
                ];
                for (name, _) in given.iter().filter(|(_, given)| *given) {
                    faults.push(fault(&key(name), "is for kind = \"postgres\" only"));
                }
            }
            DatabaseKind::Postgres => match self.url.as_deref() {
                None => faults.push(fault(&key("url"), "kind = \"postgres\" needs it")),
                Some(url) => {
                    if let Err(what) = check_url(url) {
                        faults.push(fault(&key("url"), what));
                    }
                }
            },
        }
    }
}

/// Enough to tell a slip at once; the rest is said when the database is opened. Never repeats the URL, which may hold a password.
fn check_url(url: &str) -> Result<(), &'static str> {
    let rest = url
        .strip_prefix("postgres://")
        .or_else(|| url.strip_prefix("postgresql://"))
        .ok_or("not a database's URL: write postgres://user@host:5432/name")?;
    let (user, place) = rest
        .split_once('@')
        .ok_or("names no user: write postgres://user@host:5432/name")?;
    if user.contains(':') || place.contains("password=") {
        return Err("holds a password: put it into a file of its own (password_file)");
    }
    if place
        .split_once('/')
        .is_none_or(|(_, name)| name.is_empty())
    {
        return Err("names no database: write postgres://user@host:5432/name");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        let database: Database = toml::from_str(text).unwrap();
        let mut faults = Vec::new();
        database.check("gateway.database", &mut faults);
        let told = format!("{faults:?}");
        assert!(!told.contains("marked"), "{told}");
        faults.into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn a_server_needs_a_url_without_a_password_and_a_file_needs_nothing() {
        let with = |url: &str| keys(&format!("kind = \"postgres\"\nurl = {url:?}"));
        assert_eq!(
            with("postgres://u@a:5432,b:5433/d?sslmode=require"),
            [""; 0]
        );
        for url in [
            "mysql://u@a/d",
            "postgres://a/d",
            "postgres://u:marked@a/d",
            "postgres://u@a/d?password=marked",
            "postgres://u@a",
            "postgres://u@a/",
        ] {
            assert_eq!(with(url), ["gateway.database.url"], "{url}");
        }
        assert_eq!(keys("kind = \"postgres\""), ["gateway.database.url"]);
        assert_eq!(keys("kind = \"sqlite\""), [""; 0]);
        let stray = "kind = \"sqlite\"\nurl = \"postgres://u@a/d\"\npassword_file = \"p\"";
        let expected = ["gateway.database.url", "gateway.database.password_file"];
        assert_eq!(keys(stray), expected);
    }
}

//! The settings of a way in by asking; their reference is the README.

use std::path::{Path, PathBuf};

use amtsbote_adapter::Fault;
use amtsbote_problem::Bilingual;
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use crate::access::Access;
use crate::fields::{Fields, Pointer};
use crate::percent::encoded;
use crate::settings::Status;

const ANSWER_MAX_BYTES: usize = 48 << 20;

/// One REST interface that gives answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InboundSettings {
    /// It has a list of new answers.
    pub(crate) list: Option<List>,
    /// It is asked for each submission that waits.
    pub(crate) ask: Option<Ask>,
    /// Where an answer says what; without it answers are files in the format of the settings.
    pub(crate) fields: Option<Fields>,
    /// A folder of our own.
    pub(crate) work_path: PathBuf,
    /// An answer with its documents, at most.
    #[serde(default = "answer_max_bytes")]
    pub(crate) answer_max_bytes: usize,
    /// How it is reached; read apart.
    #[serde(skip)]
    pub(crate) access: Access,
}

const fn answer_max_bytes() -> usize {
    ANSWER_MAX_BYTES
}

/// A list of new answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    pub(crate) url: Template,
    /// Where its entries are.
    #[serde(default = "whole")]
    pub(crate) items: Pointer,
    /// The id of an entry, inside of it.
    pub(crate) id: Pointer,
    /// Where an entry's answer is; without it the entry is the answer. `{id}` stands for the id.
    pub(crate) item: Option<Template>,
    /// How the next page is found.
    pub(crate) next: Option<Next>,
    /// How it is said that an answer is durable here.
    pub(crate) settle: Settle,
}

fn whole() -> Pointer {
    Pointer::try_from(String::new()).expect("an empty pointer is one")
}

/// How the next page is found.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Next {
    /// Its address stands there.
    Link(Pointer),
    /// Its cursor stands there; `{cursor}` in the URL stands for it.
    Cursor { at: Pointer, url: Template },
    /// The header `Link` with `rel="next"` (RFC 8288).
    Header(HeaderName),
}

/// The only header there is for that.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HeaderName {
    Link,
}

/// How an answer is acknowledged.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settle {
    #[serde(default)]
    pub(crate) method: SettleMethod,
    /// `{id}` stands for the entry's id.
    pub(crate) url: Template,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum SettleMethod {
    #[default]
    Delete,
    Post,
    Put,
}

/// A question for each submission that waits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// `{submission}`, `{case}` or `{message}` stand for ids.
    pub(crate) url: Template,
    /// Statuses that say that there is no answer yet.
    #[serde(default = "not_yet")]
    pub(crate) absent: Vec<Status>,
}

fn not_yet() -> Vec<Status> {
    vec![Status(404), Status(204)]
}

/// A URL with places in its path or query.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Template(String);

impl Template {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// With these values, which may be foreign: all but plain letters is encoded.
    pub(crate) fn with(&self, values: &[(&str, &str)]) -> Result<Url, Fault> {
        let mut text = self.0.clone();
        for (name, value) in values {
            text = text.replace(&format!("{{{name}}}"), &encoded(value));
        }
        Url::parse(&text).map_err(|_| {
            Fault::misconfigured(
                "eine URL ist mit einer Kennung nicht brauchbar",
                "a URL is not usable with an id",
            )
        })
    }

    fn fault(&self, key: &str, needed: &[&str], allowed: &[&str]) -> Option<Bilingual> {
        let place = |name: &&&str| self.0.contains(&format!("{{{name}}}"));
        let nil = Uuid::nil().to_string();
        let mut text = self.0.clone();
        for name in allowed {
            text = text.replace(&format!("{{{name}}}"), &nil);
        }
        let fits = Url::parse(&text).is_ok_and(|url| {
            url.username().is_empty()
                && url.password().is_none()
                && matches!(url.scheme(), "http" | "https")
                && url.fragment().is_none()
                && url.host_str().is_some_and(|host| !host.contains(&nil))
        });
        if !fits || text.contains(['{', '}']) {
            let places = names(allowed);
            return Some(Bilingual::new(
                format!(
                    "{key} ist keine URL: https://host/path schreiben, ohne Benutzernamen und Fragment; Platzhalter sind {places}"
                ),
                format!(
                    "{key} is no URL: write https://host/path, without user name or fragment; places are {places}"
                ),
            ));
        }
        let is_enough = needed.is_empty() || needed.iter().any(|name| place(&name));
        let needed = names(needed);
        (!is_enough).then(|| {
            Bilingual::new(
                format!("{key} braucht {needed}"),
                format!("{key} needs {needed}"),
            )
        })
    }
}

/// How long an answer may be.
pub(crate) fn answer_max() -> Bilingual {
    Bilingual::new(
        format!("answer_max_bytes ist 1 bis {ANSWER_MAX_BYTES}"),
        format!("answer_max_bytes is 1 to {ANSWER_MAX_BYTES}"),
    )
}

fn names(names: &[&str]) -> String {
    let shown: Vec<_> = names.iter().map(|name| format!("{{{name}}}")).collect();
    shown.join(", ")
}

const CASE: [&str; 3] = ["submission", "case", "message"];

impl InboundSettings {
    /// Files named relative to `base`.
    pub(crate) fn below(mut self, base: &Path) -> Self {
        self.access.below(base);
        self.work_path = base.join(self.work_path);
        self
    }

    /// What one key alone cannot tell; all of it at once.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let mut faults = self.access.faults(self.urls().map(Template::as_str));
        faults.extend(self.fields.iter().flat_map(Fields::faults));
        if self.fields.as_ref().is_some_and(Fields::has_files) {
            faults.push(Bilingual::new(
                "fields.documents.file gehört zu folder und sftp",
                "fields.documents.file belongs to folder and sftp",
            ));
        }
        if self.list.is_some() == self.ask.is_some() {
            faults.push(Bilingual::new(
                "entweder list oder ask angeben",
                "write either list or ask",
            ));
        }
        if !(1..=ANSWER_MAX_BYTES).contains(&self.answer_max_bytes) {
            faults.push(answer_max());
        }
        if let Some(list) = &self.list {
            faults.extend(list.faults());
            let names_case = self.fields.as_ref().map(Fields::names_case);
            if names_case == Some(false) {
                faults.push(Bilingual::new(
                    "fields einer list braucht submission, reference, in_reply_to oder file_number",
                    "fields of a list need submission, reference, in_reply_to or file_number",
                ));
            }
            if self.fields.is_none() && list.item.is_none() {
                faults.push(Bilingual::new(
                    "ohne fields muss list.item sagen, wo eine Antwort ist",
                    "without fields list.item has to say where an answer is",
                ));
            }
        }
        if let Some(ask) = &self.ask {
            faults.extend(ask.url.fault("ask.url", &CASE, &CASE));
        }
        Fault::check(&faults)
    }

    fn urls(&self) -> impl Iterator<Item = &Template> {
        let list = self.list.iter().flat_map(List::urls);
        list.chain(self.ask.iter().map(|ask| &ask.url))
    }
}

impl List {
    fn urls(&self) -> impl Iterator<Item = &Template> {
        let next = match &self.next {
            Some(Next::Cursor { url, .. }) => Some(url),
            Some(Next::Link(_) | Next::Header(_)) | None => None,
        };
        [&self.url, &self.settle.url]
            .into_iter()
            .chain(&self.item)
            .chain(next)
    }

    fn faults(&self) -> Vec<Bilingual> {
        let id = ["id"];
        let mut faults: Vec<Bilingual> = self.url.fault("list.url", &[], &[]).into_iter().collect();
        faults.extend(self.settle.url.fault("list.settle.url", &id, &id));
        faults.extend(
            self.item
                .iter()
                .filter_map(|url| url.fault("list.item", &id, &id)),
        );
        if let Some(Next::Cursor { url, .. }) = &self.next {
            faults.extend(url.fault("list.next.cursor.url", &["cursor"], &["cursor"]));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_adapter::laws::is_told_in_two_languages;

    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told_at_once_and_in_two_languages() {
        let wrong = "work_path = \"w\"\nanswer_max_bytes = 0\n\
             headers = { Authorization = \"x\", \"a b\" = \"y\\n\" }\n\
             client_key_file = \"k\"\n\
             list = { url = \"http://h/a?x={x}\", id = \"/id\", settle = { url = \"https://h/b\" } }\n\
             ask = { url = \"https://h/c\" }";
        let mut table: toml::Table = wrong.parse().unwrap();
        let access = Access::taken_from(&mut table).unwrap();
        let mut settings: InboundSettings = table.try_into().unwrap();
        settings.access = access;
        let Err(Fault::Misconfigured { what }) = settings.check() else {
            panic!("{settings:?}");
        };
        for (de, en) in what.de.split("; ").zip(what.en.split("; ")) {
            is_told_in_two_languages(&Fault::misconfigured(de, en));
        }
        assert_eq!(what.de.matches("; ").count(), what.en.matches("; ").count());
        assert!(what.en.matches("; ").count() >= 7, "{what:?}");
    }
}

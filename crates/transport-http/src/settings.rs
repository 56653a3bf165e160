//! The settings of one REST interface; their reference is the README.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use amtsbote_adapter::Fault;
use amtsbote_adapter::placement::Names;
use amtsbote_model::ParcelId;
use amtsbote_outgoing::Cidr;
use amtsbote_problem::Bilingual;
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use crate::access::{Access, HEADER_NAMES, HEADERS_TAKEN, is_free, is_header};
use crate::step_settings::Steps;

/// One REST interface that takes parcels.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How a parcel is sent.
    #[serde(default)]
    pub method: Method,
    /// Where to; `{parcel}` stands for the parcel's id.
    pub url: UrlTemplate,
    /// What `probe` asks with GET, expecting 2xx. Without it: OPTIONS on `url`, expecting no refusal.
    pub probe_url: Option<UrlTemplate>,
    /// How the procedure keeps a repeat from having an effect.
    pub repeats: Repeats,
    /// Asked before each parcel is sent.
    pub lookup: Option<Lookup>,
    /// What is sent.
    pub body: Body,
    /// What follows that call, where a delivery takes several.
    pub steps: Option<Steps>,
    /// How we show who we are.
    #[serde(default)]
    pub auth: Auth,
    /// Headers of every call.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The header with the parcel's id.
    #[serde(default = "idempotency_key")]
    pub id_header: String,
    /// What statuses mean.
    #[serde(default)]
    pub answers: Answers,
    /// Where the answer has the file number.
    pub file_number: Option<FileNumber>,
    /// Networks that may be called although they are not public.
    #[serde(default)]
    pub allow_networks: Vec<Cidr>,
    /// Also calls `http://`, to any address.
    #[serde(default)]
    pub danger_plain_http: bool,
    /// Certificates of authorities that are trusted besides the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// Our certificate, leaf first (PEM).
    pub client_certificate_file: Option<PathBuf>,
    /// Its key (PEM).
    pub client_key_file: Option<PathBuf>,
}

fn idempotency_key() -> String {
    "Idempotency-Key".to_owned()
}

/// How a parcel is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
}

/// How the procedure keeps a repeat from having an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repeats {
    /// It recognises the id in the URL or the header by itself.
    Recognised,
    /// It does not; `lookup` is asked first.
    LookedUp,
    /// Not at all: a lost answer brings the parcel again.
    DangerTwice,
}

/// A question whether a parcel is there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// Asked with GET; holds `{parcel}`.
    pub url: UrlTemplate,
    /// Statuses that say it is there.
    #[serde(default = "ok")]
    pub found: Vec<Status>,
    /// Statuses that say it is not.
    #[serde(default = "not_found")]
    pub absent: Vec<Status>,
}

fn ok() -> Vec<Status> {
    vec![Status(200)]
}

fn not_found() -> Vec<Status> {
    vec![Status(404)]
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Body {
    /// The parcel's only file, as it is.
    File,
    /// A JSON object with all files in base64.
    Json,
    /// An XML document with all files in base64.
    Xml,
    /// `multipart/form-data`, a part per file.
    Multipart {
        /// Name of the first file's part.
        #[serde(default = "file_part")]
        first_part: String,
        /// Name of all other files' parts.
        #[serde(default = "attachment_part")]
        other_parts: String,
        /// Name of a text part with the parcel's id.
        id_part: Option<String>,
        /// Text parts that are the same in every call.
        #[serde(default)]
        fields: BTreeMap<String, String>,
    },
}

fn file_part() -> String {
    "file".to_owned()
}

fn attachment_part() -> String {
    "attachments".to_owned()
}

/// How we show who we are; a client certificate comes on top.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Auth {
    /// Not by a header.
    #[default]
    None,
    /// Name and password.
    Basic {
        /// The name.
        user: String,
        /// File of the password.
        password_file: PathBuf,
    },
    /// A token somebody renews.
    Bearer {
        /// File of the token.
        token_file: PathBuf,
    },
    /// A token we fetch: OAuth 2.0 client credentials (RFC 6749 §4.4).
    Oauth2 {
        /// Where.
        token_url: UrlTemplate,
        /// As whom.
        client_id: String,
        /// File of the client's secret.
        client_secret_file: PathBuf,
        /// What for.
        scope: Option<String>,
        /// Where the secret stands in that call.
        #[serde(default)]
        client_auth: ClientAuth,
    },
}

/// Where a client's secret stands when it fetches a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// In the header.
    #[default]
    Basic,
    /// In the body.
    Body,
}

/// What statuses mean, where it is not what they usually mean.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// The parcel is there now.
    pub accepted: Vec<Status>,
    /// It was there before.
    pub repeated: Vec<Status>,
    /// Refused for good.
    pub refused: Vec<Status>,
    /// Later.
    pub busy: Vec<Status>,
}

/// Where an answer has the file number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileNumber {
    /// JSON pointer (RFC 6901).
    Json(String),
    /// Names of elements from the root, without prefixes: `antwort/vorgang/aktenzeichen`.
    Xml(String),
    /// Name of a header.
    Header(String),
}

/// A status of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u16")]
pub struct Status(pub(crate) u16);

/// The number is no status of a final answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a status of an answer: 200 to 599")]
pub struct MalformedStatus;

impl TryFrom<u16> for Status {
    type Error = MalformedStatus;

    fn try_from(number: u16) -> Result<Self, MalformedStatus> {
        if (200..=599).contains(&number) {
            Ok(Self(number))
        } else {
            Err(MalformedStatus)
        }
    }
}

const PARCEL: &str = "{parcel}";

/// A URL with `{parcel}` any number of times in its path or query.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct UrlTemplate(String);

/// The text is no URL with a place for the parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a URL: write https://host/path, without user name or fragment, with {{parcel}} in path or query only"
)]
pub struct MalformedUrl;

impl UrlTemplate {
    /// The URL for this parcel.
    pub(crate) fn of(&self, id: ParcelId) -> Option<Url> {
        Url::parse(&self.0.replace(PARCEL, &id.to_string())).ok()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn names_parcel(&self) -> bool {
        self.0.contains(PARCEL)
    }
}

impl TryFrom<String> for UrlTemplate {
    type Error = MalformedUrl;

    fn try_from(text: String) -> Result<Self, MalformedUrl> {
        let nil = Uuid::nil().to_string();
        let url = Url::parse(&text.replace(PARCEL, &nil)).map_err(|_| MalformedUrl)?;
        let outside = url.username().is_empty() && url.password().is_none();
        let fits = outside
            && matches!(url.scheme(), "https" | "http")
            && url.fragment().is_none()
            && url.host_str().is_some_and(|host| !host.contains(&nil))
            && !text.replace(PARCEL, "").contains(['{', '}']);
        if fits {
            Ok(Self(text))
        } else {
            Err(MalformedUrl)
        }
    }
}

impl Settings {
    /// How documents have to call the files it brings: as the parts of a form are called, or each file's own call.
    pub(crate) fn names(&self) -> Names {
        let steps = self.steps.as_ref();
        if steps.is_some_and(|steps| steps.attachment.is_some()) {
            return Names::Last;
        }
        match self.body {
            Body::File | Body::Json | Body::Xml => Names::Paths,
            Body::Multipart { .. } => Names::Joined,
        }
    }

    /// What it says of reaching the interface.
    pub(crate) fn access(&self) -> Access {
        Access {
            auth: self.auth.clone(),
            headers: self.headers.clone(),
            allow_networks: self.allow_networks.clone(),
            danger_plain_http: self.danger_plain_http,
            ca_file: self.ca_file.clone(),
            client_certificate_file: self.client_certificate_file.clone(),
            client_key_file: self.client_key_file.clone(),
        }
    }

    /// Files named relative to `base`.
    pub(crate) fn below(mut self, base: &Path) -> Self {
        let mut access = self.access();
        access.below(base);
        self.auth = access.auth;
        self.ca_file = access.ca_file;
        self.client_certificate_file = access.client_certificate_file;
        self.client_key_file = access.client_key_file;
        self
    }

    /// What one key alone cannot tell; all of it at once.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let mut faults = self.faults_of_repeats();
        let of_steps = self.steps.iter().flat_map(Steps::urls);
        let urls = self.urls().map(UrlTemplate::as_str).chain(of_steps);
        faults.extend(self.access().faults(urls));
        if let Some(steps) = &self.steps {
            faults.extend(steps.faults(&self.body));
        }
        let mut must = |holds: bool, (de, en): (&str, &str)| {
            if !holds {
                faults.push(Bilingual::new(de, en));
            }
        };
        must(is_header(&self.id_header), HEADER_NAMES);
        must(is_free(&self.id_header), HEADERS_TAKEN);
        must(
            self.answers.are_distinct(),
            (
                "ein Status steht in zwei Listen von answers",
                "a status stands in two lists of answers",
            ),
        );
        must(
            self.body.is_sendable(),
            (
                "Namen von Teilen brauchen 1 bis 60 Buchstaben, Ziffern, `_`, `-`, `.`, `[` oder `]`",
                "names of parts need 1 to 60 letters, digits, `_`, `-`, `.`, `[` or `]`",
            ),
        );
        Fault::check(&faults)
    }

    fn faults_of_repeats(&self) -> Vec<Bilingual> {
        let mut faults = Vec::new();
        match (self.repeats, &self.lookup) {
            (Repeats::LookedUp, None) => {
                faults.push(Bilingual::new(
                    "repeats = \"looked-up\" braucht ein lookup",
                    "repeats = \"looked-up\" needs a lookup",
                ));
            }
            (Repeats::LookedUp, Some(_)) | (Repeats::Recognised | Repeats::DangerTwice, _) => {}
        }
        if self.method == Method::Put && !self.url.names_parcel() {
            faults.push(Bilingual::new(
                "ein PUT braucht {parcel} in seiner url, sonst ersetzen Sendungen einander",
                "a PUT needs {parcel} in its url, or parcels replace each other",
            ));
        }
        if let Some(lookup) = &self.lookup {
            if !lookup.url.names_parcel() {
                faults.push(Bilingual::new(
                    "die url von lookup braucht {parcel}",
                    "the url of lookup needs {parcel}",
                ));
            }
            if lookup
                .found
                .iter()
                .any(|status| lookup.absent.contains(status))
            {
                faults.push(Bilingual::new(
                    "ein Status von lookup heißt zugleich found und absent",
                    "a status of lookup says found and absent",
                ));
            }
        }
        faults
    }

    fn urls(&self) -> impl Iterator<Item = &UrlTemplate> {
        std::iter::once(&self.url)
            .chain(&self.probe_url)
            .chain(self.lookup.iter().map(|lookup| &lookup.url))
    }
}

impl Answers {
    pub(crate) fn are_distinct(&self) -> bool {
        let mut seen = std::collections::BTreeSet::new();
        [&self.accepted, &self.repeated, &self.refused, &self.busy]
            .into_iter()
            .flatten()
            .all(|status| seen.insert(status.0))
    }
}

impl Body {
    pub(crate) fn is_sendable(&self) -> bool {
        let fits = |name: &String| {
            (1..=60).contains(&name.len())
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-.[]".contains(c))
        };
        match self {
            Self::File | Self::Json | Self::Xml => true,
            Self::Multipart {
                first_part,
                other_parts,
                id_part,
                fields,
            } => [first_part, other_parts]
                .into_iter()
                .chain(id_part)
                .chain(fields.keys())
                .all(fits),
        }
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_adapter::laws::{is_told_in_two_languages, value_is_told_in_german};

    use super::*;

    fn check(settings: &str, expected: Option<&str>) {
        let base = "url = \"https://h/a/{parcel}\"\n";
        let text = if settings.contains("\nurl =") || settings.starts_with("url =") {
            settings.to_owned()
        } else {
            format!("{base}{settings}")
        };
        let told = match toml::from_str::<Settings>(&text) {
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
    fn nothing_is_sent_without_a_word_on_repeats() {
        check("body.kind = \"json\"", Some("repeats"));
        check("body.kind = \"json\"\nrepeats = \"recognised\"", None);
        check("body.kind = \"json\"\nrepeats = \"danger-twice\"", None);
        check(
            "body.kind = \"json\"\nrepeats = \"looked-up\"",
            Some("needs a lookup"),
        );
        check(
            "body.kind = \"json\"\nrepeats = \"looked-up\"\nlookup.url = \"https://h/a\"",
            Some("needs {parcel}"),
        );
        check(
            "url = \"https://h/a\"\nmethod = \"PUT\"\nbody.kind = \"json\"\nrepeats = \"recognised\"",
            Some("a PUT needs {parcel}"),
        );
    }

    #[test]
    fn urls_are_https_and_whole() {
        let rest = "body.kind = \"file\"\nrepeats = \"recognised\"";
        for (url, expected) in [
            ("https://h/a?x={parcel}", None),
            ("http://h/a", Some("only https")),
            ("https://u:p@h/a", Some("not a URL")),
            ("https://{parcel}.h/a", Some("not a URL")),
            ("https://h/{other}", Some("not a URL")),
            ("https://h/a#b", Some("not a URL")),
            ("ftp://h/a", Some("not a URL")),
        ] {
            check(&format!("url = \"{url}\"\n{rest}"), expected);
        }
        check(
            &format!("url = \"http://h/a\"\ndanger_plain_http = true\n{rest}"),
            None,
        );
    }

    #[test]
    fn headers_answers_and_parts_are_checked() {
        let rest = "body.kind = \"file\"\nrepeats = \"recognised\"\n";
        for (settings, expected) in [
            ("headers = { X-Mandant = \"7\" }", None),
            ("headers = { Authorization = \"x\" }", Some("must not hold")),
            ("headers = { \"a b\" = \"x\" }", Some("need names")),
            ("headers = { a = \"x\\ny\" }", Some("need values")),
            (
                "answers = { accepted = [201], repeated = [200, 409] }",
                None,
            ),
            (
                "answers = { accepted = [201], busy = [201] }",
                Some("two lists"),
            ),
            ("answers = { accepted = [99] }", Some("not a status")),
            ("client_key_file = \"k\"", Some("belong together")),
            ("unknown = 1", Some("unknown")),
        ] {
            check(&format!("{rest}{settings}"), expected);
        }
        check(
            "repeats = \"recognised\"\nbody = { kind = \"multipart\", first_part = \"a\\\"b\" }",
            Some("names of parts"),
        );
    }
}

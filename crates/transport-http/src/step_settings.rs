//! Settings of a delivery in several calls; their reference is the README.

use std::collections::BTreeSet;

use amtsbote_adapter::ParcelPath;
use amtsbote_model::ParcelId;
use amtsbote_problem::Bilingual;
use serde::Deserialize;
use url::Url;

use crate::percent::encoded;
use crate::settings::{Answers, Body, FileNumber, MalformedUrl, Repeats, Status, UrlTemplate};

/// What follows the call that brings the application.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// Where the answer to that call has the id under which the procedure goes on.
    pub id: FileNumber,
    /// Where the look-up's answer has it, if elsewhere.
    pub lookup_id: Option<FileNumber>,
    /// A call for each further file. Without it, they go along with the application.
    pub attachment: Option<Step>,
    /// The last call.
    pub close: Option<Step>,
}

/// One of the calls that follow.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// How.
    #[serde(default)]
    pub method: StepMethod,
    /// Where to.
    pub url: StepUrl,
    /// What is sent: the file. Not for the last call.
    pub body: Option<Body>,
    /// What the last call says, if anything.
    pub content: Option<String>,
    /// Its type.
    #[serde(default = "json")]
    pub content_type: String,
    /// How the procedure keeps a repeat from having an effect.
    pub repeats: Repeats,
    /// Asked before.
    pub lookup: Option<StepLookup>,
    /// What statuses mean.
    #[serde(default)]
    pub answers: Answers,
}

fn json() -> String {
    "application/json".to_owned()
}

/// How a step calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StepMethod {
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
}

/// A question whether a step was done.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepLookup {
    /// Asked with GET.
    pub url: StepUrl,
    /// Statuses that say it was.
    #[serde(default = "ok")]
    pub found: Vec<Status>,
    /// Statuses that say it was not.
    #[serde(default = "not_found")]
    pub absent: Vec<Status>,
    /// Of what is found, a word says whether it was done.
    pub state: Option<State>,
}

fn ok() -> Vec<Status> {
    vec![Status(200)]
}

fn not_found() -> Vec<Status> {
    vec![Status(404)]
}

/// A word in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Where.
    pub at: FileNumber,
    /// The words that say it was done.
    pub done: Vec<String>,
}

const PARCEL: &str = "{parcel}";
const ID: &str = "{id}";
const NAME: &str = "{name}";
const NR: &str = "{nr}";

/// A URL with `{parcel}`, `{id}`, `{name}` and `{nr}` in its path or query.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct StepUrl(String);

/// Which file of which application.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub(crate) parcel: ParcelId,
    /// The procedure's id.
    pub(crate) id: &'a str,
    /// Name and position (from 1) of the attachment; none at the last call.
    pub(crate) file: Option<(&'a ParcelPath, usize)>,
}

impl StepUrl {
    pub(crate) fn of(&self, spot: Spot<'_>) -> Option<Url> {
        let (name, nr) = spot
            .file
            .map_or((String::new(), String::new()), |(path, nr)| {
                let last = path.as_str().rsplit('/').next().unwrap_or_default();
                (encoded(last), nr.to_string())
            });
        let values = [
            (PARCEL, spot.parcel.to_string()),
            (ID, encoded(spot.id)),
            (NAME, name),
            (NR, nr),
        ];
        // Each place is filled once: a name may look like a placeholder.
        let mut text = String::new();
        let mut rest = self.0.as_str();
        while let Some(at) = rest.find('{') {
            let (before, here) = rest.split_at(at);
            let (placeholder, value) = values.iter().find(|(name, _)| here.starts_with(name))?;
            text.push_str(before);
            text.push_str(value);
            rest = &here[placeholder.len()..];
        }
        text.push_str(rest);
        Url::parse(&text).ok()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn has(&self, placeholder: &str) -> bool {
        self.0.contains(placeholder)
    }

    /// Whether it tells attachments apart.
    fn tells_files(&self) -> bool {
        self.has(NAME) || self.has(NR)
    }

    /// Whether two files of one name would be one there.
    pub(crate) fn tells_by_name_alone(&self) -> bool {
        self.has(NAME) && !self.has(NR)
    }

    fn tells_applications(&self) -> bool {
        self.has(ID) || self.has(PARCEL)
    }
}

impl TryFrom<String> for StepUrl {
    type Error = MalformedUrl;

    fn try_from(text: String) -> Result<Self, MalformedUrl> {
        // The rules are those of the first call's: a parcel may stand where these may.
        let plain = [ID, NAME, NR]
            .iter()
            .fold(text.clone(), |text, name| text.replace(name, PARCEL));
        UrlTemplate::try_from(plain).map(|_| Self(text))
    }
}

impl Steps {
    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        let steps = self.attachment.iter().chain(&self.close);
        steps.flat_map(|step| {
            let lookup = step.lookup.iter().map(|lookup| lookup.url.as_str());
            std::iter::once(step.url.as_str()).chain(lookup)
        })
    }

    /// What one key alone cannot tell.
    pub(crate) fn faults(&self, first: &Body) -> Vec<Bilingual> {
        let mut faults = Vec::new();
        if self.attachment.is_none() && self.close.is_none() {
            faults.push(Bilingual::new(
                "steps braucht attachment oder close",
                "steps needs attachment or close",
            ));
        }
        if self.attachment.is_none() && matches!(first, Body::File) {
            faults.push(Bilingual::new(
                "body.kind = \"file\" sendet eine Datei: steps.attachment muss die anderen bringen",
                "body.kind = \"file\" sends one file: steps.attachment has to bring the others",
            ));
        }
        if let Some(step) = &self.attachment {
            faults.extend(step.faults("attachment"));
            faults.extend(step.faults_of_attachment());
        }
        if let Some(step) = &self.close {
            faults.extend(step.faults("close"));
            faults.extend(step.faults_of_close());
        }
        faults
    }
}

/// The rules of a step that do not hold.
fn broken(step: &str, rules: &[(bool, (&str, &str))]) -> Vec<Bilingual> {
    let told = |(_, (de, en)): &(bool, (&str, &str))| {
        Bilingual::new(format!("steps.{step}: {de}"), format!("steps.{step}: {en}"))
    };
    let broken = rules.iter().filter(|(holds, _)| !holds);
    broken.map(told).collect()
}

impl Step {
    fn faults(&self, name: &str) -> Vec<Bilingual> {
        let rules = [
            (
                self.url.tells_applications(),
                (
                    "die url braucht {id} oder {parcel}",
                    "the url needs {id} or {parcel}",
                ),
            ),
            (
                self.repeats != Repeats::LookedUp || self.lookup.is_some(),
                (
                    "repeats = \"looked-up\" braucht ein lookup",
                    "repeats = \"looked-up\" needs a lookup",
                ),
            ),
            (
                self.lookup
                    .as_ref()
                    .is_none_or(|lookup| lookup.url.tells_applications()),
                (
                    "die url von lookup braucht {id} oder {parcel}",
                    "the url of lookup needs {id} or {parcel}",
                ),
            ),
            (
                self.lookup.as_ref().is_none_or(StepLookup::is_distinct),
                (
                    "ein Status von lookup heißt zugleich found und absent",
                    "a status of lookup says found and absent",
                ),
            ),
            (
                self.answers.are_distinct(),
                (
                    "ein Status steht in zwei Listen von answers",
                    "a status stands in two lists of answers",
                ),
            ),
            (
                reqwest::header::HeaderValue::from_str(&self.content_type).is_ok(),
                (
                    "content_type braucht sichtbare Zeichen",
                    "content_type needs visible characters",
                ),
            ),
        ];
        broken(name, &rules)
    }

    fn faults_of_attachment(&self) -> Vec<Bilingual> {
        let rules = [
            (
                self.method == StepMethod::Post || self.url.tells_files(),
                (
                    "ein PUT oder PATCH braucht {name} oder {nr} in seiner url, sonst ersetzen Anlagen einander",
                    "a PUT or PATCH needs {name} or {nr} in its url, or attachments replace each other",
                ),
            ),
            (
                self.lookup
                    .as_ref()
                    .is_none_or(|lookup| lookup.url.tells_files()),
                (
                    "die url von lookup braucht {name} oder {nr}, sonst steht eine Anlage für alle",
                    "the url of lookup needs {name} or {nr}, or one attachment stands for all",
                ),
            ),
            (
                self.content.is_none(),
                (
                    "content ist für den letzten Aufruf; eine Anlage hat einen body",
                    "content is for the last call; an attachment has a body",
                ),
            ),
            (
                self.body.is_some(),
                ("ein body ist nötig", "a body is needed"),
            ),
            (
                self.body.as_ref().is_none_or(Body::is_sendable),
                (
                    "Namen von Teilen brauchen 1 bis 60 Buchstaben, Ziffern, `_`, `-`, `.`, `[` oder `]`",
                    "names of parts need 1 to 60 letters, digits, `_`, `-`, `.`, `[` or `]`",
                ),
            ),
        ];
        broken("attachment", &rules)
    }

    fn faults_of_close(&self) -> Vec<Bilingual> {
        let urls = std::iter::once(&self.url).chain(self.lookup.iter().map(|lookup| &lookup.url));
        let rules = [
            (
                self.body.is_none(),
                (
                    "der letzte Aufruf hat keinen body; was er sagt, steht in content",
                    "the last call has no body; its content says what it says",
                ),
            ),
            (
                urls.into_iter().all(|url| !url.tells_files()),
                (
                    "der letzte Aufruf hat weder {name} noch {nr}",
                    "the last call has no {name} and no {nr}",
                ),
            ),
        ];
        broken("close", &rules)
    }
}

impl StepLookup {
    fn is_distinct(&self) -> bool {
        let mut seen = BTreeSet::new();
        let all = self.found.iter().chain(&self.absent);
        all.into_iter().all(|status| seen.insert(status.0))
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_adapter::laws::{is_told_in_two_languages, value_is_told_in_german};

    use super::*;
    use crate::Settings;

    fn check(steps: &str, expected: Option<&str>) {
        let text = format!(
            "url = \"https://h/a\"\nrepeats = \"recognised\"\nbody.kind = \"file\"\n[steps]\nid.json = \"/id\"\n{steps}"
        );
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
            _ => panic!("{steps}: {told:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn each_step_says_how_a_repeat_has_no_effect() {
        let put = "attachment = { method = \"PUT\", url = \"https://h/a/{id}/{name}\", body.kind = \"file\", repeats = \"recognised\" }";
        check(put, None);
        check("", Some("needs attachment or close"));
        check(
            &put.replace(", repeats = \"recognised\"", ""),
            Some("repeats"),
        );
        check(
            &put.replace("recognised", "looked-up"),
            Some("needs a lookup"),
        );
        check(&put.replace("/{name}", ""), Some("replace each other"));
        check(&put.replace("/{id}", ""), Some("needs {id}"));
        check(&put.replace("body.kind = \"file\", ", ""), Some("a body"));
        check(&put.replace("https", "http"), Some("only https"));
        check(&put.replace("{name}", "{datei}"), Some("not a URL"));
        check(
            &put.replace("https://h/", "https://{id}.h/"),
            Some("not a URL"),
        );
        check(
            &put.replace(" }", ", lookup.url = \"https://h/a/{id}\" }"),
            Some("one attachment stands for all"),
        );
        check(
            &put.replace(
                " }",
                ", lookup = { url = \"https://h/{id}/{nr}\", absent = [200] } }",
            ),
            Some("found and absent"),
        );
    }

    #[test]
    fn the_last_call_sends_no_file() {
        let close = "close = { url = \"https://h/a/{id}/ab\", repeats = \"recognised\" }";
        // The other files have to go somewhere.
        check(close, Some("bring the others"));
        let put = "attachment = { method = \"PUT\", url = \"https://h/a/{id}/{nr}\", body.kind = \"file\", repeats = \"recognised\" }";
        let both = format!("{put}\n{close}");
        check(&both, None);
        check(
            &format!("{put}\n{}", close.replace(" }", ", body.kind = \"json\" }")),
            Some("no body"),
        );
        check(
            &format!("{put}\n{}", close.replace("/ab", "/{nr}")),
            Some("no {name}"),
        );
        let content = close.replace(
            " }",
            ", method = \"PATCH\", content = '{\"status\":\"eingereicht\"}' }",
        );
        check(&format!("{put}\n{content}"), None);
    }

    #[test]
    fn ids_and_names_stay_one_part_of_a_path() {
        let url = |template: &str, id: &str, name: &str| {
            let path: ParcelPath = name.parse().unwrap();
            let spot = Spot {
                parcel: "f39ab143-d91a-474a-b69f-b00f1a1873c2".parse().unwrap(),
                id,
                file: Some((&path, 3)),
            };
            let template = StepUrl::try_from(template.to_owned()).unwrap();
            template.of(spot).unwrap().to_string()
        };
        let template = "https://h/a/{id}/b/{name}?nr={nr}&p={parcel}";
        let rest = "?nr=3&p=f39ab143-d91a-474a-b69f-b00f1a1873c2";
        assert_eq!(
            url(template, "4711", "anlagen/plan 1.pdf"),
            format!("https://h/a/4711/b/plan%201.pdf{rest}")
        );
        assert_eq!(
            url(template, "x/../y?z#{name}", "{id}ä.pdf"),
            format!("https://h/a/x%2F..%2Fy%3Fz%23%7Bname%7D/b/%7Bid%7D%C3%A4.pdf{rest}")
        );
    }
}

//! What an answer means. Pure.

use std::time::Duration;

use amtsbote_adapter::Fault;
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding};
use bytes::Bytes;
use quick_xml::events::Event;
use serde_json::Value;

use crate::settings::{Answers, FileNumber, Lookup, Status};

/// Longest wait that an answer can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);
const FILE_NUMBER_MAX_CHARS: usize = 200;
const FINDINGS_MAX: usize = 50;
const PLACE_MAX_BYTES: usize = 200;
const RULE_MAX_BYTES: usize = 60;
const DEPTH_MAX: usize = 30;

/// An answer, bounded.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    /// `None` if it was too long or broke off.
    pub(crate) body: Option<Bytes>,
}

/// What became of the parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Accepted,
    Repeated,
    Refused,
    Busy,
    Misconfigured,
}

/// What a look-up says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    There,
    Absent,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A page for people: what a proxy or a web server says, not the procedure.
    fn is_page(&self) -> bool {
        self.header("content-type")
            .is_some_and(|kind| kind.trim_start().starts_with("text/html"))
    }

    pub(crate) fn meaning(&self, answers: &Answers) -> Meaning {
        let is_in = |list: &[Status]| list.contains(&Status(self.status));
        let lists = [
            (&answers.accepted, Meaning::Accepted),
            (&answers.repeated, Meaning::Repeated),
            (&answers.refused, Meaning::Refused),
            (&answers.busy, Meaning::Busy),
        ];
        if let Some((_, meaning)) = lists.into_iter().find(|(list, _)| is_in(list)) {
            return meaning;
        }
        match self.status {
            200..=299 => Meaning::Accepted,
            // 409 is what others say while a call with the same key is under way.
            408 | 409 | 425 | 429 | 500..=599 => Meaning::Busy,
            400 | 413 | 415 | 422 if !self.is_page() => Meaning::Refused,
            _ => Meaning::Misconfigured,
        }
    }

    pub(crate) fn presence(&self, lookup: &Lookup, answers: &Answers) -> Result<Presence, Fault> {
        self.presence_in((&lookup.found, &lookup.absent), answers)
    }

    /// What a look-up says with these statuses for *there* and *not there*.
    pub(crate) fn presence_in(
        &self,
        (found, absent): (&[Status], &[Status]),
        answers: &Answers,
    ) -> Result<Presence, Fault> {
        if found.contains(&Status(self.status)) {
            return Ok(Presence::There);
        }
        if absent.contains(&Status(self.status)) {
            return Ok(Presence::Absent);
        }
        match self.meaning(answers) {
            Meaning::Busy => Err(self.busy()),
            Meaning::Accepted | Meaning::Repeated | Meaning::Refused | Meaning::Misconfigured => {
                let status = self.status;
                Err(Fault::misconfigured(
                    format!(
                        "die Nachfrage ergab {status}, was weder in found noch in absent steht"
                    ),
                    format!(
                        "the look-up answered {status}, which is neither in found nor in absent"
                    ),
                ))
            }
        }
    }

    pub(crate) fn busy(&self) -> Fault {
        Fault::Unavailable {
            reason: Bilingual::new(
                format!("das Fachverfahren antwortete {}", self.status),
                format!("the procedure answered {}", self.status),
            ),
            retry_after: self.retry_after(),
        }
    }

    pub(crate) fn misconfigured(&self) -> Fault {
        let (de, en) = self.hint();
        let status = self.status;
        Fault::misconfigured(
            format!("das Fachverfahren antwortete {status}: {de}"),
            format!("the procedure answered {status}: {en}"),
        )
    }

    const fn hint(&self) -> (&'static str, &'static str) {
        match self.status {
            300..=399 => (
                "es verweist woandershin, und Weiterleitungen wird nicht gefolgt; url berichtigen",
                "it points elsewhere, and redirects are not followed; correct url",
            ),
            401 => (
                "es kennt uns nicht; auth berichtigen",
                "it does not know us; correct auth",
            ),
            403 => (
                "es lässt uns nicht; auth oder unsere Rechte dort berichtigen",
                "it does not let us; correct auth or our rights there",
            ),
            404 | 405 | 410 => (
                "dort ist nichts, das annimmt; url oder method berichtigen",
                "there is nothing to send to; correct url or method",
            ),
            400 => (
                "mit einer Seite für Menschen: ein Proxy oder Webserver weist den Aufruf selbst ab (ein Client-Zertifikat?)",
                "with a page for people: a proxy or web server refuses the call itself (a client certificate?)",
            ),
            413 => (
                "mit einer Seite für Menschen: ein Proxy oder Webserver nimmt so lange Inhalte nicht an",
                "with a page for people: a proxy or web server does not take bodies of this length",
            ),
            _ => (
                "in answers angeben, was dieser Status bedeutet",
                "say in answers what this status means",
            ),
        }
    }

    pub(crate) fn refused(&self) -> Fault {
        let mut findings = self.findings();
        if findings.is_empty() {
            findings.push(finding("", "refused-by-procedure"));
        }
        Fault::Rejected { findings }
    }

    /// Places and rules of a problem (RFC 9457) or of what resembles one. Everything else in it may tell a value.
    fn findings(&self) -> Vec<Finding> {
        let body = self.body.as_deref().unwrap_or_default();
        let Ok(Value::Object(problem)) = serde_json::from_slice(body) else {
            return Vec::new();
        };
        let lists = [
            "findings",
            "errors",
            "invalid-params",
            "invalidParams",
            "violations",
        ];
        let items = lists
            .into_iter()
            .filter_map(|name| problem.get(name)?.as_array())
            .flatten();
        let mut findings = Vec::new();
        for item in items.take(FINDINGS_MAX) {
            let text = |names: &[&str]| -> Option<&str> {
                names.iter().find_map(|name| item.get(name)?.as_str())
            };
            let at = text(&["pointer", "at", "path", "field", "name"]).filter(|at| is_place(at));
            let rule = text(&["rule", "code"]).filter(|rule| is_rule(rule));
            if at.is_some() || rule.is_some() {
                findings.push(finding(
                    at.unwrap_or_default(),
                    rule.unwrap_or("refused-by-procedure"),
                ));
            }
        }
        if findings.is_empty() {
            let code = problem.get("code").and_then(Value::as_str);
            findings.extend(
                code.filter(|code| is_rule(code))
                    .map(|code| finding("", code)),
            );
        }
        findings
    }

    /// Seconds, or a date, which is measured by the answer's own `Date`.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        let wait = if let Ok(seconds) = text.parse() {
            Duration::from_secs(seconds)
        } else {
            let (then, now) = (moment(text)?, moment(self.header("date")?)?);
            let seconds = then.as_second() - now.as_second();
            Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
        };
        Some(wait.min(RETRY_AFTER_MAX))
    }

    /// The file number, if it is where the settings say and looks like one.
    pub(crate) fn file_number(&self, place: Option<&FileNumber>) -> Option<Personal<String>> {
        let body = self.body.as_deref().unwrap_or_default();
        let text = match place? {
            FileNumber::Header(name) => self.header(name)?.to_owned(),
            FileNumber::Json(pointer) => {
                let value: Value = serde_json::from_slice(body).ok()?;
                #[expect(
                    clippy::wildcard_enum_match_arm,
                    reason = "a foreign enum; nothing else is a number of a file"
                )]
                match value.pointer(pointer)? {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    _ => return None,
                }
            }
            FileNumber::Xml(path) if path.contains('@') => attribute_text(body, path)?,
            FileNumber::Xml(path) => xml_text(body, path)?,
        };
        let text = text.trim();
        let fits = (1..=FILE_NUMBER_MAX_CHARS).contains(&text.chars().count())
            && !text.chars().any(char::is_control);
        fits.then(|| Personal::new(text.to_owned()))
    }
}

fn finding(at: &str, rule: &str) -> Finding {
    Finding::new(
        at,
        rule,
        Bilingual::new(
            "das Fachverfahren nimmt diese Angabe nicht an",
            "the procedure does not accept this",
        ),
    )
}

fn is_place(text: &str) -> bool {
    text.len() <= PLACE_MAX_BYTES
        && (text.starts_with('/') || text.starts_with("#/"))
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "#/_-.~[]@:".contains(c))
}

fn is_rule(text: &str) -> bool {
    (1..=RULE_MAX_BYTES).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

fn moment(text: &str) -> Option<jiff::Timestamp> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(zoned.timestamp())
}

/// The attribute at `path`, whose last name begins with `@`; of repeated elements the first.
fn attribute_text(body: &[u8], path: &str) -> Option<String> {
    let document = crate::tree::of_bytes(body)?;
    let mut here = &document;
    for name in path.split('/') {
        let first = here.as_array().and_then(|list| list.first());
        here = first.unwrap_or(here).get(name)?;
    }
    here.as_str().map(str::to_owned)
}

/// The text of the first element at `path`: names from the root, without prefixes.
fn xml_text(body: &[u8], path: &str) -> Option<String> {
    let wanted: Vec<&str> = path.split('/').collect();
    let mut reader = quick_xml::Reader::from_str(std::str::from_utf8(body).ok()?);
    let mut open: Vec<String> = Vec::new();
    let mut text = None;
    loop {
        let event = reader.read_event().ok()?;
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "a foreign enum; comments and the like say nothing"
        )]
        match event {
            Event::Start(element) => {
                open.push(element.local_name().as_ref().to_owned());
                if open.len() > DEPTH_MAX {
                    return None;
                }
                if text.is_none() && open.iter().map(String::as_str).eq(wanted.iter().copied()) {
                    text = Some(String::new());
                }
            }
            Event::Text(piece) => {
                if let Some(text) = &mut text {
                    text.push_str(&piece);
                }
            }
            Event::CData(piece) => {
                if let Some(text) = &mut text {
                    text.push_str(&piece);
                }
            }
            // A file number that needs an entity is not worth guessing.
            Event::GeneralRef(_) if text.is_some() => return None,
            Event::End(_) => {
                let here = open.len() == wanted.len();
                open.pop();
                if here && text.is_some() {
                    return text;
                }
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_adapter::laws::is_told_in_two_languages;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let mut map = reqwest::header::HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Answer {
            status,
            headers: map,
            body: Some(Bytes::copy_from_slice(body.as_bytes())),
        }
    }

    #[test]
    fn statuses_mean_what_they_usually_mean_unless_the_settings_say_otherwise() {
        use Meaning::{Accepted, Busy, Misconfigured, Refused, Repeated};
        let none = Answers::default();
        for (status, expected) in [
            (200, Accepted),
            (202, Accepted),
            (301, Misconfigured),
            (400, Refused),
            (401, Misconfigured),
            (403, Misconfigured),
            (404, Misconfigured),
            (408, Busy),
            (409, Busy),
            (413, Refused),
            (422, Refused),
            (425, Busy),
            (429, Busy),
            (451, Misconfigured),
            (500, Busy),
            (503, Busy),
        ] {
            assert_eq!(answer(status, &[], "").meaning(&none), expected, "{status}");
        }
        let answers: Answers = toml::from_str(
            "accepted = [201]\nrepeated = [200, 409]\nrefused = [460]\nbusy = [404]",
        )
        .unwrap();
        for (status, expected) in [
            (201, Accepted),
            (204, Accepted),
            (200, Repeated),
            (409, Repeated),
            (460, Refused),
            (404, Busy),
            (500, Busy),
        ] {
            assert_eq!(
                answer(status, &[], "").meaning(&answers),
                expected,
                "{status}"
            );
        }
    }

    #[test]
    fn what_to_correct_is_told_in_two_languages() {
        for status in [301, 400, 401, 403, 404, 413, 451, 503] {
            is_told_in_two_languages(&answer(status, &[], "").misconfigured());
            is_told_in_two_languages(&answer(status, &[], "").busy());
        }
        let lookup: Lookup = toml::from_str("url = \"https://h/{parcel}\"").unwrap();
        let odd = answer(451, &[], "").presence(&lookup, &Answers::default());
        is_told_in_two_languages(&odd.unwrap_err());
    }

    #[test]
    fn a_page_for_people_never_refuses_a_parcel() {
        for status in [400, 413, 415, 422] {
            let page = answer(
                status,
                &[("content-type", "text/html; charset=utf-8")],
                "<html>",
            );
            assert_eq!(page.meaning(&Answers::default()), Meaning::Misconfigured);
        }
    }

    #[test]
    fn retry_after_is_heard_as_seconds_and_as_date_and_clamped() {
        const NOW: (&str, &str) = ("date", "Wed, 25 Nov 2026 10:00:00 GMT");
        let wait = |headers: &[(&'static str, &str)]| answer(503, headers, "").retry_after();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(wait(&[("retry-after", "7")]), seconds(7));
        assert_eq!(
            wait(&[("retry-after", "99999999999")]),
            Some(RETRY_AFTER_MAX)
        );
        let date = ("retry-after", "Wed, 25 Nov 2026 10:02:00 GMT");
        assert_eq!(wait(&[date, NOW]), seconds(120));
        assert_eq!(wait(&[date]), None);
        assert_eq!(
            wait(&[("retry-after", "Wed, 25 Nov 2026 09:00:00 GMT"), NOW]),
            seconds(0)
        );
        assert_eq!(
            wait(&[("retry-after", "Fri, 25 Dec 2026 09:00:00 GMT"), NOW]),
            Some(RETRY_AFTER_MAX)
        );
        assert_eq!(wait(&[("retry-after", "soon"), NOW]), None);
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn findings_tell_places_and_rules_never_values() {
        let problem = r##"{"type":"x","title":"Mustermann fehlt","detail":"Mustermann","code":"schema-violated",
            "errors":[{"pointer":"#/antragsteller/name","code":"maxLength","detail":"Mustermann"},
                      {"field":"/geburtsdatum","message":"1970-01-01"},
                      {"name":"Erika Mustermann"}, {"code":"Mustermann, Erika"}, 7]}"##;
        let Fault::Rejected { findings } = answer(422, &[], problem).refused() else {
            panic!("refused")
        };
        let told: Vec<(&str, &str)> = findings.iter().map(|f| (&*f.at, &*f.rule)).collect();
        assert_eq!(
            told,
            [
                ("#/antragsteller/name", "maxLength"),
                ("/geburtsdatum", "refused-by-procedure")
            ]
        );
        for (body, rule) in [
            ("", "refused-by-procedure"),
            ("<html>", "refused-by-procedure"),
            ("{\"code\":\"zu-spaet\"}", "zu-spaet"),
            ("{\"errors\":{}}", "refused-by-procedure"),
        ] {
            let Fault::Rejected { findings } = answer(400, &[], body).refused() else {
                panic!("refused")
            };
            assert_eq!(findings.len(), 1);
            assert_eq!((&*findings[0].at, &*findings[0].rule), ("", rule));
        }
    }

    #[test]
    fn the_file_number_is_found_where_the_settings_say() {
        let check = |place: &str, headers: &[(&'static str, &str)], body: &str| {
            let place: FileNumber = toml::from_str(place).unwrap();
            answer(201, headers, body)
                .file_number(Some(&place))
                .map(Personal::into_revealed)
        };
        let found = |text: &str| Some(text.to_owned());
        let json = "json = \"/vorgang/az\"";
        assert_eq!(
            check(json, &[], r#"{"vorgang":{"az":" 63-2026/17 "}}"#),
            found("63-2026/17")
        );
        assert_eq!(check(json, &[], r#"{"vorgang":{"az":17}}"#), found("17"));
        for body in [
            "",
            "{}",
            r#"{"vorgang":{"az":""}}"#,
            r#"{"vorgang":{"az":"a\nb"}}"#,
            r#"{"vorgang":{"az":[1]}}"#,
        ] {
            assert_eq!(check(json, &[], body), None, "{body}");
        }
        let attribute = "xml = \"antwort/vorgang/@az\"";
        let body =
            "<a:antwort xmlns:a='urn:a'><a:vorgang az=' 63-7 '/><a:vorgang az='x'/></a:antwort>";
        assert_eq!(check(attribute, &[], body), found("63-7"));
        assert_eq!(check(attribute, &[], "<antwort><vorgang/></antwort>"), None);
        assert_eq!(check(attribute, &[], "<antwort"), None);
        let xml = "xml = \"antwort/az\"";
        assert_eq!(
            check(
                xml,
                &[],
                "<a:antwort xmlns:a='u'><x><az>0</az></x><a:az>63/17</a:az></a:antwort>"
            ),
            found("63/17")
        );
        assert_eq!(
            check(xml, &[], "<antwort><az><![CDATA[63/17]]></az></antwort>"),
            found("63/17")
        );
        let deep = "<a>".repeat(100_000);
        for body in [
            "",
            "<antwort>",
            "<antwort><az>6&lol;</az></antwort>",
            "<antwort><az/></antwort>",
            &deep,
        ] {
            assert_eq!(check(xml, &[], body), None, "{body:.40}");
        }
        assert_eq!(
            check("header = \"X-Az\"", &[("x-az", "63/17")], ""),
            found("63/17")
        );
    }
}

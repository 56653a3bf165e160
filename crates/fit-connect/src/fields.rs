//! Walks a JSON document and collects all findings on the way.
//!
//! Reading functions return `None` after logging a finding and go on with the next field; [`walk`] answers with
//! the result only if nothing was logged.

use std::cell::RefCell;
use std::str::FromStr;

use amtsbote_problem::{Bilingual, Finding, Findings};
use serde_json::{Map, Value};

/// No parser of this crate reports more findings than this; the rest would not help anybody.
pub const MAX_FINDINGS: usize = 100;

/// Collects findings.
#[derive(Default)]
pub(crate) struct Log(RefCell<Findings>);

impl Log {
    pub(crate) fn add(&self, finding: Finding) {
        let mut findings = self.0.borrow_mut();
        if findings.len() < MAX_FINDINGS {
            findings.push(finding);
        }
    }

    /// The result, or what was logged.
    pub(crate) fn close<T>(self, result: Option<T>) -> Result<T, Findings> {
        let findings = self.0.into_inner();
        match result {
            Some(result) if findings.is_empty() => Ok(result),
            None if findings.is_empty() => Err(vec![finding(
                "",
                "type",
                ("ist nicht lesbar", "cannot be read"),
            )]),
            Some(_) | None => Err(findings),
        }
    }
}

/// German and English.
pub(crate) type Text = (&'static str, &'static str);

pub(crate) fn finding(at: impl Into<String>, rule: &str, (de, en): Text) -> Finding {
    Finding::new(at, rule, Bilingual::new(de, en))
}

/// Reads JSON; the finding names line and column only.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, Findings> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let detail = Bilingual::new(
            format!("ist kein JSON (Zeile {line}, Spalte {column})"),
            format!("is not JSON (line {line}, column {column})"),
        );
        vec![Finding::new("", "json", detail)]
    })
}

/// Reads `value` with `read`; all findings or the result.
pub(crate) fn walk<T>(
    value: &Value,
    read: impl FnOnce(&Node<'_>) -> Option<T>,
) -> Result<T, Findings> {
    let log = Log::default();
    let result = read(&Node {
        value,
        at: String::new(),
        log: &log,
    });
    log.close(result)
}

/// [`json`], then [`walk`].
pub(crate) fn parse<T>(
    bytes: &[u8],
    read: impl FnOnce(&Node<'_>) -> Option<T>,
) -> Result<T, Findings> {
    walk(&json(bytes)?, read)
}

/// One value of the document and where it stands.
pub(crate) struct Node<'a> {
    value: &'a Value,
    at: String,
    log: &'a Log,
}

/// A rule for a text that a type's `FromStr` decides.
pub(crate) struct Form {
    pub(crate) rule: &'static str,
    pub(crate) text: Text,
}

pub(crate) const UUID: Form = Form {
    rule: "format",
    text: ("ist keine UUID", "is not a UUID"),
};
pub(crate) const SERVICE: Form = Form {
    rule: "pattern",
    text: (
        "ist keine Leistungs-URN (7 bis 255 Zeichen, klein geschrieben)",
        "is not a service URN (7 to 255 characters, lower case)",
    ),
};
pub(crate) const REGION: Form = Form {
    rule: "pattern",
    text: (
        "ist keine Region (DE und bis zu 12 Ziffern)",
        "is not a region (DE and up to 12 digits)",
    ),
};

impl<'a> Node<'a> {
    pub(crate) fn say(&self, rule: &str, text: Text) {
        self.log.add(finding(self.at.clone(), rule, text));
    }

    fn wrong<T>(&self, rule: &str, text: Text) -> Option<T> {
        self.say(rule, text);
        None
    }

    fn child(&self, name: &str, value: &'a Value) -> Self {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        Node {
            value,
            at: format!("{}/{escaped}", self.at),
            log: self.log,
        }
    }

    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    pub(crate) fn object(&self) -> Option<Fields<'a>> {
        match self.value.as_object() {
            Some(object) => Some(Fields {
                node: self.child_of_same(),
                object,
            }),
            None => self.wrong("type", ("muss ein Objekt sein", "must be an object")),
        }
    }

    fn child_of_same(&self) -> Self {
        Node {
            value: self.value,
            at: self.at.clone(),
            log: self.log,
        }
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        match self.value.as_str() {
            Some(text) => Some(text),
            None => self.wrong("type", ("muss ein Text sein", "must be a string")),
        }
    }

    pub(crate) fn string(&self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.value.as_bool() {
            Some(value) => Some(value),
            None => self.wrong(
                "type",
                ("muss true oder false sein", "must be true or false"),
            ),
        }
    }

    /// An integer that is at least `minimum`.
    pub(crate) fn integer(&self, minimum: i64) -> Option<i64> {
        match self.value.as_i64() {
            Some(number) if number >= minimum => Some(number),
            Some(_) => self.wrong("minimum", ("ist zu klein", "is too small")),
            None => self.wrong("type", ("muss eine ganze Zahl sein", "must be an integer")),
        }
    }

    pub(crate) fn parse<T: FromStr>(&self, form: &Form) -> Option<T> {
        match self.text()?.parse() {
            Ok(parsed) => Some(parsed),
            Err(_) => self.wrong(form.rule, form.text),
        }
    }

    /// An identifier in any of the wire forms of UUIDs.
    pub(crate) fn id<T: FromStr>(&self) -> Option<T> {
        self.parse(&UUID)
    }

    /// A text that `fits`.
    pub(crate) fn matching(&self, fits: fn(&str) -> bool, form: &Form) -> Option<String> {
        let text = self.text()?;
        if fits(text) {
            Some(text.to_owned())
        } else {
            self.wrong(form.rule, form.text)
        }
    }

    /// An absolute URI (`scheme:…`).
    pub(crate) fn uri(&self) -> Option<String> {
        self.matching(
            |text| url::Url::parse(text).is_ok(),
            &Form {
                rule: "format",
                text: ("ist keine URI", "is not a URI"),
            },
        )
    }

    /// One of a short list of texts; its place in the list.
    pub(crate) fn one_of(&self, names: &[&str]) -> Option<usize> {
        let text = self.text()?;
        let place = names.iter().position(|name| *name == text);
        if place.is_none() {
            let text = (
                "ist keiner der erlaubten Werte",
                "is none of the allowed values",
            );
            let allowed = names.iter().map(|name| (*name).to_owned()).collect();
            self.log
                .add(finding(self.at.clone(), "enum", text).allowed(allowed));
        }
        place
    }

    pub(crate) fn list<T>(&self, read: impl Fn(&Node<'a>) -> Option<T>) -> Option<Vec<T>> {
        let Some(items) = self.value.as_array() else {
            return self.wrong("type", ("muss eine Liste sein", "must be an array"));
        };
        let read = items.iter().enumerate().filter_map(|(place, value)| {
            read(&Node {
                value,
                at: format!("{}/{place}", self.at),
                log: self.log,
            })
        });
        Some(read.collect())
    }

    /// A list with at least one item.
    pub(crate) fn some_list<T>(&self, read: impl Fn(&Node<'a>) -> Option<T>) -> Option<Vec<T>> {
        if self.value.as_array().is_some_and(Vec::is_empty) {
            self.say("minItems", ("ist leer", "is empty"));
        }
        self.list(read)
    }
}

/// An object of the document.
pub(crate) struct Fields<'a> {
    node: Node<'a>,
    object: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// A member that must be there; `null` counts as absent.
    pub(crate) fn required<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Node<'a>) -> Option<T>,
    ) -> Option<T> {
        if self.has(name) {
            return self.optional(name, read);
        }
        self.say(name, "required", ("fehlt", "is missing"));
        None
    }

    /// A member that may be absent or `null`.
    pub(crate) fn optional<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Node<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.object.get(name).filter(|value| !value.is_null())?;
        read(&self.node.child(name, value))
    }

    /// Whether the member is there and not `null`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(|value| !value.is_null())
    }

    /// All members that are there.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        self.object
            .iter()
            .map(|(name, value)| (name.as_str(), self.node.child(name, value)))
    }

    /// A finding about the member `name`.
    pub(crate) fn say(&self, name: &str, rule: &str, text: Text) {
        self.node.child(name, &Value::Null).say(rule, text);
    }

    /// A finding about the member `name`, with advice.
    pub(crate) fn advise(&self, name: &str, rule: &str, text: Text, hint: Text) {
        let at = self.node.child(name, &Value::Null).at;
        let hint = Bilingual::new(hint.0, hint.1);
        self.node.log.add(finding(at, rule, text).hint(hint));
    }
}

/// `major.minor.patch`, digits only.
pub(crate) fn version(text: &str) -> Option<[u16; 3]> {
    let mut parts = text.split('.').map(|part| {
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    });
    let version = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(version)
}

/// `rule pointer` of each finding, for tests.
#[cfg(test)]
pub(crate) fn summary<T: std::fmt::Debug>(result: Result<T, Findings>) -> Vec<String> {
    result
        .expect_err("findings were expected")
        .iter()
        .map(|finding| format!("{} {}", finding.rule, finding.at))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_json_is_told_by_place_and_never_by_content() {
        let findings = json(b"{\"name\": \"Mustermann").unwrap_err();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].rule, "json");
        assert!(!format!("{findings:?}").contains("Mustermann"));
    }

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        assert_eq!(json(&deep).unwrap_err()[0].rule, "json");
    }

    #[test]
    fn findings_are_bounded() {
        let many = format!("[{}]", vec!["1"; 1000].join(","));
        let result = parse(many.as_bytes(), |node| node.list(Node::string));
        assert_eq!(result.unwrap_err().len(), MAX_FINDINGS);
    }

    #[test]
    fn pointers_escape_slashes_and_tildes() {
        let result = parse(br#"{"a/b~c": 1}"#, |node| {
            node.object()?.required("a/b~c", Node::string)
        });
        assert_eq!(summary(result), ["type /a~1b~0c"]);
    }
}

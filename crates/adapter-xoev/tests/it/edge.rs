//! Applications at the edge of what their services take become messages that both validators take, and every value of them is explained.
//!
//! `AMTSBOTE_LONG=1` tries many more.

use std::collections::BTreeMap;
use std::path::Path;

use amtsbote_adapter::laws::edge::{self, Check};
use amtsbote_adapter::laws::format::Bench;
use amtsbote_adapter::{Files, Format, Package};
use amtsbote_problem::Finding;
use amtsbote_validate::json::{Schema, Strings};
use amtsbote_xoev::{Document, Installed};
use serde_json::Value;

use crate::packages::{self, bare};
use crate::shared::{self, batch};

/// One format's packages without anything an operator may add: what comes out is to be valid all the same.
struct Bare(&'static str);

impl Bench for Bare {
    fn format(&self) -> Box<dyn Format> {
        Box::new(bare(self.0))
    }

    fn packages(&self) -> Vec<Package> {
        packages::of_format(self.0)
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        Vec::new()
    }
}

fn rounds() -> usize {
    if std::env::var_os("AMTSBOTE_LONG").is_some() {
        400
    } else {
        14
    }
}

fn compiled(bytes: &[u8]) -> Check {
    let schema = Schema::compile_with(bytes, Strings::GroupC).unwrap();
    Box::new(move |data| schema.check(data))
}

fn message(files: &Files) -> &[u8] {
    let is_message = |path: &&String| {
        Path::new(path)
            .extension()
            .is_some_and(|ending| ending == "xml")
    };
    &files[files.keys().find(is_message).unwrap()]
}

/// What a message has no place for, though the service takes it.
fn is_due(data: &Value, finding: &Finding) -> bool {
    let listed = data["anlagen"].as_array().into_iter().flatten();
    let mut here = listed.filter(|one| one["wirdNachgereicht"] != true);
    match finding.rule.as_str() {
        // XBau 0200 and 0210 want one document at least.
        "xoev-empty" => {
            finding.detail.de.contains("nlagen")
                || finding.at.ends_with(":anlagen") && here.next().is_none()
        }
        _ => false,
    }
}

/// Translates at the edge, and asks both validators about all messages.
fn at_the_edge(format: &'static str) {
    let both = shared::both();
    let mut messages: Vec<(String, Vec<u8>)> = Vec::new();
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    edge::applications(
        &Bare(format),
        &packages::root().join("schemas"),
        rounds(),
        compiled,
        |one| match &one.outcome {
            Ok(files) => {
                let about = format!("{} of {:#}", one.package.name, one.data);
                messages.push((about, message(files).to_vec()));
            }
            Err(findings) => {
                for finding in findings.iter().filter(|finding| !is_due(one.data, finding)) {
                    let key = edge::named(one.package, finding);
                    *refused.entry(key).or_default() += 1;
                }
            }
        },
    );
    if let Some((official, installed)) = both {
        both_take(&official, &installed, &messages);
    }
    assert_eq!(refused, BTreeMap::new(), "refused though valid");
}

/// Whether both validators take all messages; they are asked one by one and all at once.
fn both_take(official: &Path, installed: &Installed, messages: &[(String, Vec<u8>)]) {
    let second = batch(
        official,
        &messages
            .iter()
            .map(|(_, bytes)| bytes.as_slice())
            .collect::<Vec<_>>(),
    );
    for ((about, bytes), second) in messages.iter().zip(second) {
        let document = Document::read(bytes).unwrap();
        let own = installed
            .schemas
            .set(&document.root().namespace)
            .map(|schema| schema.check(bytes));
        assert_eq!(own.unwrap_or_default(), [], "{about}");
        assert_eq!(second, None, "{about}");
        let again = Document::read(document.write().as_bytes()).unwrap();
        assert!(again.nodes() == document.nodes(), "written again: {about}");
    }
}

#[test]
fn applications_become_valid_messages_of_xbau() {
    at_the_edge("xbau");
}

#[test]
fn applications_become_valid_messages_of_xpersonenstand() {
    at_the_edge("xpersonenstand");
}

#[test]
fn applications_become_valid_messages_of_xmeld() {
    at_the_edge("xmeld");
}

#[test]
fn applications_become_valid_messages_of_xauslaender() {
    at_the_edge("xauslaender");
}

/// Codes no published sample shows are refused, organisations too: hardly anything at the edge passes. What does has the shape (it is checked
/// on every way), and what does not is refused at a place of the application.
#[test]
fn applications_for_xgewerbe_are_refused_at_a_place_of_the_application() {
    edge::applications(
        &Bare("xgewerbe"),
        &packages::root().join("schemas"),
        rounds(),
        compiled,
        |one| {
            for finding in one.outcome.as_ref().err().into_iter().flatten() {
                assert!(finding.rule.starts_with("translate-"), "{finding:?}");
                assert!(finding.at.starts_with('/'), "{finding:?}");
            }
        },
    );
}

#[test]
fn applications_become_valid_messages_of_xdomea() {
    at_the_edge("xdomea");
}

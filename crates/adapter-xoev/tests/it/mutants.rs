//! Messages with one slip each: an element or attribute left out, twice, in the wrong place, in another namespace or version, with
//! another text. Both validators judge alike, and what is refused is told with place and rule, in both languages, without the text.

use amtsbote_problem::{Finding, Language, report};
use amtsbote_xoev::{Document, Installed};

use crate::official::message_of;
use crate::packages::{self, format_of};
use crate::shared::{self, batch};

/// A text that stands in no message.
const MARK: &str = "Zqxj7f3aGeheim";

fn mutants() -> usize {
    if std::env::var_os("AMTSBOTE_LONG").is_some() {
        300
    } else {
        10
    }
}

/// The held samples of the interior standards, and the first message of each package with a schema.
fn messages(official: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for folder in [
        "xpersonenstand-26.11/samples",
        "xmeld-26.11/samples",
        "xauslaender-26.11/samples",
    ] {
        all.extend(shared::read(&official.join(folder), "xml"));
    }
    for package in packages::complete() {
        let format = format_of(&package, &Installed::default());
        let preview = package.preview(&format, &package.examples[0].name).unwrap();
        all.push((package.name.to_string(), message_of(preview)));
    }
    all
}

/// Where an element begins and ends, and where its content does.
struct Span {
    from: usize,
    to: usize,
    inside: (usize, usize),
    depth: usize,
}

/// The elements of a message this project wrote: no comments, no CDATA, no empty tags.
fn spans(text: &str) -> Vec<Span> {
    let (mut spans, mut open): (Vec<Span>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(next) = text[at..].find('<') {
        let from = at + next;
        let end = from + text[from..].find('>').unwrap() + 1;
        let tag = &text[from..end];
        if tag.starts_with("</") {
            let span = &mut spans[open.pop().unwrap()];
            (span.to, span.inside.1) = (end, from);
        } else if !tag.starts_with("<?") {
            let is_empty = tag.ends_with("/>");
            spans.push(Span {
                from,
                to: end,
                inside: (end, end),
                depth: open.len(),
            });
            if !is_empty {
                open.push(spans.len() - 1);
            }
        }
        at = end;
    }
    spans
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// One slip; none where the dice fell on nothing that could be changed.
fn slip(text: &str, dice: &mut Dice) -> Option<(&'static str, String)> {
    let spans = spans(text);
    let span = &spans[1 + dice.below(spans.len() - 1)];
    let whole = &text[span.from..span.to];
    let inside = &text[span.inside.0..span.inside.1];
    let is_text = !inside.contains('<');
    let put = |from: usize, to: usize, by: &str| format!("{}{by}{}", &text[..from], &text[to..]);
    Some(match dice.below(8) {
        0 => ("left out", put(span.from, span.to, "")),
        1 => ("twice", put(span.to, span.to, whole)),
        2 => {
            let next = spans
                .iter()
                .find(|next| next.from >= span.to && next.depth == span.depth)?;
            if !text[span.to..next.from].trim().is_empty() {
                return None;
            }
            let other = &text[next.from..next.to];
            (
                "in the wrong order",
                put(span.from, next.to, &format!("{other}{whole}")),
            )
        }
        3 if is_text => ("another text", put(span.inside.0, span.inside.1, MARK)),
        4 if is_text => ("no text", put(span.inside.0, span.inside.1, "")),
        5 => (
            "something foreign",
            put(span.inside.0, span.inside.0, "<fremd/>"),
        ),
        6 => {
            let tag = &text[span.from..span.inside.0];
            let at = tag.find("=\"")?;
            let name = tag[..at].rfind(' ')?;
            if tag[name..].trim_start().starts_with("xmlns") {
                return None;
            }
            let end = at + 2 + tag[at + 2..].find('"')?;
            if dice.below(2) == 0 {
                (
                    "without an attribute",
                    put(span.from + name, span.from + end + 1, ""),
                )
            } else {
                (
                    "another attribute",
                    put(span.from + at + 2, span.from + end, MARK),
                )
            }
        }
        _ => {
            let root = &text[spans[0].from..spans[0].inside.0];
            let namespace = root.find("xmlns")?;
            let at = namespace + root[namespace..].find('"')? + 1;
            let at = spans[0].from + at;
            ("another namespace", put(at, at, "urn:fremd:"))
        }
    })
}

fn is_told(finding: &Finding) -> bool {
    let words = [&finding.detail.de, &finding.detail.en];
    finding.at.starts_with('/')
        && !finding.rule.is_empty()
        && words.iter().all(|words| !words.is_empty())
        && finding.label.is_some()
        && finding.detail.de.contains("(Zeile ")
}

#[test]
fn both_validators_judge_slips_alike_and_each_is_told_without_its_text() {
    let Some((official, installed)) = shared::both() else {
        return;
    };
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    for (seed, (name, bytes)) in messages(&official).into_iter().enumerate() {
        let text = Document::read(&bytes).unwrap().write();
        let mut dice = Dice(seed as u64 + 7);
        for _ in 0..mutants() {
            if let Some((kind, mutant)) = slip(&text, &mut dice) {
                all.push((format!("{name}: {kind}"), mutant.into_bytes()));
            }
        }
    }
    // A message of another namespace is judged by the schema it was meant for.
    let known = |document: &Document| {
        document
            .root()
            .namespace
            .trim_start_matches("urn:fremd:")
            .to_owned()
    };
    let judged: Vec<&[u8]> = all.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let second = batch(&official, &judged);
    let (mut refused, mut foreign) = (0_usize, 0_usize);
    for ((about, bytes), second) in all.iter().zip(&second) {
        let document = Document::read(bytes).unwrap();
        let schema = installed.schemas.set(&known(&document)).unwrap();
        let findings = schema.check(bytes);
        let is_foreign = document.root().namespace.starts_with("urn:fremd:");
        foreign += usize::from(is_foreign);
        let alike = is_foreign || findings.is_empty() == second.is_none();
        let text = String::from_utf8_lossy(bytes);
        assert!(alike, "{about}: {findings:?} but {second:?}\n{text}");
        assert!(!is_foreign || !findings.is_empty(), "{about}");
        refused += usize::from(!findings.is_empty());
        for finding in &findings {
            assert!(is_told(finding), "{about}: {finding:?}");
        }
        for language in [Language::German, Language::English] {
            assert!(
                !report::text(&findings, &[], language).contains(MARK),
                "{about}"
            );
        }
    }
    assert!(
        refused * 2 > all.len(),
        "{refused} of {} refused",
        all.len()
    );
    assert!(foreign > 0, "no namespace was changed");
}

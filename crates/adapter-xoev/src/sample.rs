//! What a standard fixes has to stand in the sample: it is what comes out.

use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_xoev::standard::{Flavour, Form, Message};
use amtsbote_xoev::{Document, Node};

struct Check<'a> {
    file: &'a str,
    findings: Findings,
}

impl Check<'_> {
    fn expect(&mut self, holds: Option<()>, at: &str, expected: &str) {
        if holds.is_none() {
            self.findings.push(wrong(self.file, at, expected));
        }
    }
}

/// Everything in a sample that its standard fixes and that is not so.
pub(crate) fn check_sample(message: &Message, file: &str, text: &str) -> Findings {
    let Ok(sample) = Document::read(text.trim_start_matches('\u{FEFF}').as_bytes()) else {
        return vec![wrong(file, "", "declared prefixes / deklarierte Präfixe")];
    };
    let mut check = Check {
        file,
        findings: Findings::new(),
    };
    root(&mut check, message, &sample);
    kind(&mut check, message, &sample);
    if message.standard.header == Flavour::Inneres {
        for path in [
            "anschrift.autor",
            "nachrichtenkopf.g2g/autor/erreichbarkeit",
        ] {
            check.expect(sample.below(path).map(drop), path, path);
        }
    }
    for node in sample.nodes() {
        if let Some(expected) = misplaced(node, message) {
            check.expect(None, &node.path, expected);
        }
    }
    check.findings
}

fn root(check: &mut Check<'_>, message: &Message, sample: &Document) {
    let (standard, root) = (message.standard, sample.root());
    let here = root.local() == message.name && root.namespace == standard.namespace;
    check.expect(
        here.then_some(()),
        &root.path,
        &format!("{{{}}}{}", standard.namespace, message.name),
    );
    if !standard.header.is_versioned() {
        return;
    }
    for (name, value) in [("standard", standard.label), ("version", standard.version)] {
        check.expect(
            (root.attribute(name) == Some(value)).then_some(()),
            &format!("{}/@{name}", root.path),
            value,
        );
    }
}

fn kind(check: &mut Check<'_>, message: &Message, sample: &Document) {
    let head = message.standard.header.element();
    let at = format!("{head}/{}", message.standard.header.kind());
    let code = sample.text(&format!("{at}/code"));
    check.expect(
        (code == Some(message.number)).then_some(()),
        &format!("{at}/code"),
        message.number,
    );
    let Some((uri, version)) = message.standard.list else {
        return;
    };
    let kind = sample.below(&at);
    for (name, value) in [("listURI", uri), ("listVersionID", version)] {
        check.expect(
            (kind.and_then(|kind| kind.attribute(name)) == Some(value)).then_some(()),
            &format!("{at}/@{name}"),
            value,
        );
    }
}

/// Whether an element carries the namespace where it may not, or lacks it directly below the root.
fn misplaced(node: &Node, message: &Message) -> Option<&'static str> {
    let standard = message.standard;
    let own = node.namespace == standard.namespace;
    let of_header =
        ["nachrichtenkopf.g2g", "anschrift.leser", "anschrift.autor"].contains(&node.local());
    let plain = match (standard.form, node.parent) {
        (Form::RootOnly, Some(_)) => true,
        (Form::Qualified, Some(0)) => of_header,
        (Form::Qualified | Form::RootOnly, _) => return None,
    };
    match (plain, own) {
        (true, true) => Some("no namespace / kein Namensraum"),
        (false, false) => Some(standard.namespace),
        (true, false) | (false, true) => None,
    }
}

fn wrong(file: &str, at: &str, expected: &str) -> Finding {
    Finding::new(
        file,
        "message",
        Bilingual::new(
            format!("{at}: erwartet: {expected}"),
            format!("{at}: expected {expected}"),
        ),
    )
}

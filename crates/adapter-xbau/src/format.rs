//! The format: compiles a package.

use amtsbote_adapter::{Mapping, Package, template_findings};
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::xml::Sample;

use crate::mapping::XbauMapping;
use crate::message::{Form, Message, NAMES};
use crate::settings::{SchemaRule, Settings};
use crate::xoev::{Document, Node, Product, SchemaSets};

/// The format `xbau`.
#[derive(Debug, Clone, Default)]
pub struct Format {
    schemas: SchemaSets,
    product: Product,
}

impl Format {
    /// With the official schemas that are installed. Without one for a message's namespace, that message is checked for form
    /// and characters only.
    pub fn new(schemas: SchemaSets) -> Self {
        Self {
            schemas,
            product: Product::default(),
        }
    }

    /// What is not checked of messages of this package and why; empty if everything is. For reports: neither a fault nor a
    /// reason to refuse.
    pub fn notices(&self, package: &Package) -> Findings {
        let Ok(settings) = package.settings_as::<Settings>() else {
            return Findings::new();
        };
        let message = Message::named(&settings.standard, &settings.version, &settings.message);
        message
            .filter(|message| self.schemas.set(message.standard.namespace).is_none())
            .map(|message| not_installed(&message))
            .into_iter()
            .collect()
    }
}

impl amtsbote_adapter::Format for Format {
    fn name(&self) -> &'static str {
        "xbau"
    }

    fn open(&self, package: &Package) -> Result<Box<dyn Mapping>, Findings> {
        let settings: Settings = package.settings_as()?;
        let mut findings = settings.check_file_name();
        let message = Message::named(&settings.standard, &settings.version, &settings.message);
        if message.is_none() {
            findings.push(unknown_message());
        }
        let codes = package
            .code_maps()
            .map_err(|more| findings.extend(more))
            .unwrap_or_default();
        let text = package
            .text(&settings.template)
            .map_err(|finding| findings.push(finding))
            .ok();
        let sample = text.and_then(|text| {
            Sample::parse(&settings.template, text.as_bytes(), &codes)
                .map_err(|faults| findings.extend(template_findings(&faults)))
                .ok()
        });
        if let (Some(message), Some(text), Some(_)) = (&message, text, &sample) {
            findings.extend(check_sample(message, &settings.template, text));
        }
        let schema = message
            .and_then(|message| self.schemas.set(message.standard.namespace))
            .cloned();
        if let (Some(message), SchemaRule::Required, None) = (&message, settings.schemas, &schema) {
            findings.push(not_installed(message));
        }
        match (message, sample) {
            (Some(message), Some(sample)) if findings.is_empty() => {
                let (ignored, product) = (package.ignored(), self.product.clone());
                Ok(Box::new(XbauMapping {
                    settings,
                    message,
                    sample,
                    ignored,
                    schema,
                    product,
                }))
            }
            (Some(_) | None, Some(_) | None) => Err(findings),
        }
    }
}

fn unknown_message() -> Finding {
    Finding::new(
        "package.toml/settings",
        "message",
        Bilingual::new(
            "Standard, Version und Nachricht sind zusammen nicht bekannt",
            "standard, version and message are not known together",
        ),
    )
    .allowed(NAMES.iter().map(Message::label).collect())
}

fn not_installed(message: &Message) -> Finding {
    let standard = message.standard;
    Finding::new(
        "package.toml/settings",
        "xsd-not-installed",
        Bilingual::new(
            format!(
                "die amtlichen Schemata zu {} {} sind nicht installiert: nicht gegen XSD geprüft",
                standard.label, standard.version
            ),
            format!(
                "the official schemas of {} {} are not installed: not checked against XSD",
                standard.label, standard.version
            ),
        ),
    )
    .hint(Bilingual::new(
        "Schemata aus dem XRepository mit `amtsbote schema add` hinzufügen",
        "add the schemas from the XRepository with `amtsbote schema add`",
    ))
}

/// What a standard fixes has to stand in the sample: it is what comes out.
fn check_sample(message: &Message, file: &str, text: &str) -> Findings {
    let Ok(sample) = Document::read(text.trim_start_matches('\u{FEFF}').as_bytes()) else {
        return vec![wrong(
            file,
            "",
            "a prefix without declaration",
            "ein Präfix ohne Deklaration",
        )];
    };
    let (standard, root) = (message.standard, sample.root());
    let mut findings = Findings::new();
    let mut expect = |holds: bool, at: &str, expected: &str| {
        if !holds {
            findings.push(wrong(
                file,
                at,
                &format!("expected {expected}"),
                &format!("erwartet: {expected}"),
            ));
        }
    };
    expect(
        root.local() == message.name && root.namespace == standard.namespace,
        &root.path,
        &format!("{{{}}}{}", standard.namespace, message.name),
    );
    for (name, value) in [("standard", standard.label), ("version", standard.version)] {
        expect(
            root.attribute(name) == Some(value),
            &format!("{}/@{name}", root.path),
            value,
        );
    }
    let kind = sample.below("nachrichtenkopf.g2g/identifikation.nachricht/nachrichtentyp");
    let code = sample.below("nachrichtenkopf.g2g/identifikation.nachricht/nachrichtentyp/code");
    let at = "nachrichtenkopf.g2g/identifikation.nachricht/nachrichtentyp";
    expect(
        code.is_some_and(|code| code.text.trim() == message.number),
        &format!("{at}/code"),
        message.number,
    );
    for (name, value) in [
        ("listURI", standard.list_uri),
        ("listVersionID", standard.list_version),
    ] {
        expect(
            kind.and_then(|kind| kind.attribute(name)) == Some(value),
            &format!("{at}/@{name}"),
            value,
        );
    }
    for node in sample
        .nodes()
        .iter()
        .filter(|node| misplaced(node, message))
    {
        expect(
            false,
            &node.path,
            if node.namespace.is_empty() {
                standard.namespace
            } else {
                "no namespace (unqualified)"
            },
        );
    }
    findings
}

/// Whether an element carries the namespace where it may not, or lacks it directly below the root.
fn misplaced(node: &Node, message: &Message) -> bool {
    let own = node.namespace == message.standard.namespace;
    match (message.standard.form, node.parent) {
        (Form::RootOnly, Some(_)) => own,
        (Form::Qualified, Some(_)) if node.local() == "nachrichtenkopf.g2g" => own,
        (Form::Qualified, Some(0)) => !own,
        (Form::Qualified | Form::RootOnly, _) => false,
    }
}

fn wrong(file: &str, at: &str, en: &str, de: &str) -> Finding {
    Finding::new(
        file,
        "message",
        Bilingual::new(format!("{at}: {de}"), format!("{at}: {en}")),
    )
}

//! The formats: compile a package.

use std::sync::Arc;

use amtsbote_adapter::{Answer, Mapping, Package, template_findings};
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::CodeMaps;
use amtsbote_translate::xml::Sample;
use amtsbote_xoev::standard::{self, Basis, Message, Standard};
use amtsbote_xoev::{Directory, Document, Installed, ListId, Product, ShippedDirectory};

use crate::answers;
use crate::mapping::{Edition, XoevMapping};
use crate::sample::check_sample;
use crate::settings::{EditionSettings, Requirement, Settings};

/// The names of the formats.
pub const NAMES: [&str; 6] = [
    "xbau",
    "xpersonenstand",
    "xmeld",
    "xauslaender",
    "xgewerbe",
    "xdomea",
];

/// One of the formats.
#[derive(Clone)]
pub struct Format {
    name: &'static str,
    installed: Installed,
    directory: Arc<dyn Directory>,
    product: Product,
}

impl Format {
    /// The format of that name, one of [`NAMES`], with the official schemas and code lists that are installed. Without a schema for a
    /// message's namespace, that message is checked for form, characters, codes and keys only.
    pub fn new(name: &'static str, installed: Installed) -> Self {
        Self {
            name,
            installed,
            directory: Arc::new(ShippedDirectory),
            product: Product::default(),
        }
    }

    /// All formats.
    pub fn all(installed: &Installed) -> Vec<Self> {
        NAMES
            .into_iter()
            .map(|name| Self::new(name, installed.clone()))
            .collect()
    }

    /// With another directory than the shipped table of prefixes.
    #[must_use]
    pub fn with_directory(mut self, directory: Arc<dyn Directory>) -> Self {
        self.directory = directory;
        self
    }

    fn message(&self, settings: &Settings, edition: &EditionSettings) -> Option<Message> {
        Message::named(&settings.standard, &edition.version, &settings.message)
            .filter(|message| message.standard.format == self.name)
    }

    fn known(&self) -> Vec<String> {
        let own = standard::NAMES
            .iter()
            .filter(|message| message.standard.format == self.name);
        own.map(Message::label).collect()
    }

    /// One edition of a package; what is wrong with it goes into `findings`.
    fn edition(
        &self,
        opening: &Opening<'_>,
        edition: &EditionSettings,
        findings: &mut Findings,
    ) -> Option<Edition> {
        let Opening {
            package,
            settings,
            codes,
        } = opening;
        let message = self.message(settings, edition);
        if message.is_none() {
            findings.push(unknown_message(self.known()));
        }
        let text = package
            .text(&edition.template)
            .map_err(|finding| findings.push(finding))
            .ok()?;
        let sample = Sample::parse(&edition.template, text.as_bytes(), codes)
            .map_err(|faults| findings.extend(template_findings(&faults)))
            .ok()?;
        let message = message?;
        findings.extend(check_sample(&message, &edition.template, text));
        let schema = self
            .installed
            .schemas
            .set(message.standard.namespace)
            .cloned();
        if let (Requirement::Required, None) = (settings.schemas, &schema) {
            findings.push(not_installed(message.standard));
        }
        if settings.code_lists == Requirement::Required {
            findings.extend(self.missing_lists(text).iter().map(no_list));
        }
        Some(Edition {
            valid_from: edition.first_day(),
            message,
            sample,
            schema,
        })
    }

    /// The code lists a template names that are not installed in that very version.
    fn missing_lists(&self, template: &str) -> Vec<ListId> {
        let lists = Document::read(template.trim_start_matches('\u{FEFF}').as_bytes())
            .map(|document| document.lists())
            .unwrap_or_default();
        lists
            .into_iter()
            .filter(|id| self.installed.lists.list(id).is_none())
            .collect()
    }
}

/// What editions of a package share while it is opened.
struct Opening<'a> {
    package: &'a Package,
    settings: &'a Settings,
    codes: CodeMaps,
}

impl amtsbote_adapter::Format for Format {
    fn name(&self) -> &'static str {
        self.name
    }

    fn open(&self, package: &Package) -> Result<Box<dyn Mapping>, Findings> {
        let settings: Settings = package.settings_as()?;
        let mut findings = settings.check();
        let codes = package
            .code_maps()
            .map_err(|more| findings.extend(more))
            .unwrap_or_default();
        let opening = Opening {
            package,
            settings: &settings,
            codes,
        };
        let mut editions: Vec<Edition> = settings
            .editions()
            .iter()
            .filter_map(|edition| self.edition(&opening, edition, &mut findings))
            .collect();
        if !findings.is_empty() {
            return Err(findings);
        }
        editions.sort_by_key(|edition| edition.valid_from);
        Ok(Box::new(XoevMapping {
            ignored: package.ignored(),
            lines: [
                ("file_name", settings.file_name.as_deref()),
                ("data_file", settings.data_file.as_deref()),
            ]
            .map(|(key, said)| package.setting_line(key, said.unwrap_or_default())),
            settings,
            editions,
            lists: self.installed.lists.clone(),
            directory: self.directory.clone(),
            product: self.product.clone(),
        }))
    }

    fn notices(&self, package: &Package) -> Findings {
        let Ok(settings) = package.settings_as::<Settings>() else {
            return Findings::new();
        };
        let mut notices = Findings::new();
        for edition in settings.editions() {
            let Some(message) = self.message(&settings, &edition) else {
                continue;
            };
            if self
                .installed
                .schemas
                .set(message.standard.namespace)
                .is_none()
            {
                notices.push(not_installed(message.standard));
                notices.extend(narrow_basis(message.standard));
            }
            if let Ok(text) = package.text(&edition.template) {
                notices.extend(self.missing_lists(text).iter().map(no_list));
            }
        }
        notices.dedup();
        notices
    }

    fn read_answer(&self, document: &[u8]) -> Result<Answer, Findings> {
        answers::read(self.name, document)
    }

    fn read_archive(&self, archive: &[u8]) -> Option<Result<Answer, Findings>> {
        (self.name == answers::XDOMEA)
            .then(|| answers::read_archive(archive))
            .flatten()
    }
}

fn unknown_message(known: Vec<String>) -> Finding {
    Finding::new(
        "package.toml/settings",
        "message",
        Bilingual::new(
            "Standard, Version und Nachricht sind in diesem Zielformat zusammen nicht bekannt",
            "standard, version and message are not known together in this format",
        ),
    )
    .allowed(known)
}

fn not_installed(standard: &Standard) -> Finding {
    let (label, version) = (standard.label, standard.version);
    Finding::new(
        "package.toml/settings",
        "xsd-not-installed",
        Bilingual::new(
            format!("die amtlichen Schemata zu {label} {version} sind nicht installiert: nicht gegen XSD geprüft"),
            format!("the official schemas of {label} {version} are not installed: not checked against XSD"),
        ),
    )
    .hint(Bilingual::new(
        "Schemata aus dem XRepository mit `amtsbote schema add` hinzufügen",
        "add the schemas from the XRepository with `amtsbote schema add`",
    ))
}

/// What this project itself could check a standard against, where that is less than the published schemas.
fn narrow_basis(standard: &Standard) -> Option<Finding> {
    let (label, version) = (standard.label, standard.version);
    let (de, en) = match standard.basis {
        Basis::Published => return None,
        Basis::Excerpt => (
            format!(
                "{label} {version} wurde bei der Entwicklung nur gegen einen Auszug der Schemata geprüft"
            ),
            format!(
                "{label} {version} was checked against an excerpt of the schemas only while it was built"
            ),
        ),
        Basis::Samples => (
            format!(
                "{label} {version}: nur die Gestalt ist geprüft, nach veröffentlichten Beispielen, nicht nach einem Schema"
            ),
            format!(
                "{label} {version}: only the shape is checked, after published samples, not after a schema"
            ),
        ),
    };
    let rule = if standard.basis == Basis::Excerpt {
        "xsd-excerpt"
    } else {
        "xsd-samples"
    };
    let hint = Bilingual::new(
        "vor dem Produktivbetrieb die veröffentlichten Schemata hinzufügen und die Beispiele erneut prüfen",
        "before production add the published schemas and check the examples again",
    );
    Some(Finding::new("package.toml/settings", rule, Bilingual::new(de, en)).hint(hint))
}

fn no_list(id: &ListId) -> Finding {
    let ListId { uri, version } = id;
    Finding::new(
        "package.toml/settings",
        "code-list-not-installed",
        Bilingual::new(
            format!("die Codeliste {uri}, Version {version}, ist nicht installiert: Schlüssel werden nicht geprüft"),
            format!("code list {uri}, version {version}, is not installed: codes are not checked"),
        ),
    )
    .hint(Bilingual::new(
        "die Liste (genericode) aus dem XRepository mit `amtsbote schema add` hinzufügen",
        "add the list (genericode) from the XRepository with `amtsbote schema add`",
    ))
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Format")
            .field("name", &self.name)
            .field("installed", &self.installed)
            .finish_non_exhaustive()
    }
}

//! How a package's attachments are named: by a rule of ours (`letters`, `numbering`) or by its own (`attachment_name`).
//!
//! ```toml
//! attachment_name = "{nr:00}_{type}.{ext}"
//!
//! [settings.attachment_name]          # the same, with values of its own
//! text = "{az}_{nr:00}_{art}.{ext}"
//! max = 60
//! values.az = "$root.vorgang.aktenzeichen"
//! values.art = { from = ".purpose", codes = "anlagenart" }
//! ```
//!
//! Values are expressions of templates; `.` is the attachment. Documents of the same package see the names in `$attachments`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::columns::{Layout, Shape, Table};
use amtsbote_translate::{Ignored, Limits, Lineage, Place, Root, Translation};
use serde::Deserialize;

use crate::attachment_name::{Filling, LENGTH_MAX, LENGTH_MIN, Pattern};
use crate::attachment_names::NamingRule;
use crate::file_lineage::{SettingLine, attachment_said, attachment_type};
use crate::{
    AttachmentNames, Letters, Numbering, Opened, Package, loss_pointers, refusal_findings,
    template_findings,
};

const SETTING: &str = "package.toml/settings/attachment_name";
const LENGTH: usize = 100;
const ATTACHMENTS_MAX: usize = 1_000;

/// The setting `attachment_name` as written: a text, or a table.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct AttachmentName(toml::Value);

/// How attachments are named.
#[derive(Debug, Clone)]
pub struct Naming {
    letters: Letters,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Numbered(Numbering),
    Said(Box<Said>),
}

#[derive(Debug, Clone)]
struct Said {
    pattern: Pattern,
    values: Option<Values>,
    line: SettingLine,
    rule: String,
}

#[derive(Debug, Clone)]
struct Values {
    layout: Layout,
    ignored: Ignored,
}

/// The names of a submission's attachments.
#[derive(Debug)]
pub struct Named {
    naming: Naming,
    names: Vec<String>,
    sources: Vec<Vec<Place>>,
    /// What no name shows; none where names show nothing of the data.
    losses: Option<BTreeSet<String>>,
}

impl Naming {
    /// As a package says it; `said` is its setting `attachment_name`.
    pub fn open(
        package: &Package,
        letters: Letters,
        numbering: Option<Numbering>,
        said: Option<&AttachmentName>,
    ) -> Result<Self, Findings> {
        let way = match (said, numbering) {
            (None, numbering) => Way::Numbered(numbering.unwrap_or_default()),
            (Some(_), Some(_)) => {
                return Err(wrong(
                    "numbering gilt nicht neben attachment_name: {nr} darin ist die Nummer",
                    "numbering is not for names by attachment_name: {nr} in it is the number",
                ));
            }
            (Some(said), None) => Way::Said(Box::new(Said::open(package, letters, said)?)),
        };
        Ok(Self { letters, way })
    }

    /// Whether the package says the names.
    pub(crate) const fn is_said(&self) -> bool {
        matches!(self.way, Way::Said(_))
    }

    /// Names for all attachments, each once, also where letter case does not count, and none of `taken`.
    pub fn names(
        &self,
        opened: &Opened<'_>,
        taken: impl IntoIterator<Item = String>,
    ) -> Result<Named, Findings> {
        if opened.attachments.len() > ATTACHMENTS_MAX {
            return Err(vec![Finding::new(
                "",
                "attachment-count",
                Bilingual::new("mehr als 1000 Anlagen", "more than 1000 attachments"),
            )]);
        }
        let taken: BTreeSet<String> = taken.into_iter().map(|name| name.to_lowercase()).collect();
        match &self.way {
            Way::Numbered(numbering) => Ok(self.numbered(*numbering, opened, taken)),
            Way::Said(said) => said.names(self, opened, taken),
        }
    }

    fn numbered(
        &self,
        numbering: Numbering,
        opened: &Opened<'_>,
        taken: BTreeSet<String>,
    ) -> Named {
        let count = opened.attachments.len();
        let mut names = AttachmentNames::new(self.letters, numbering, count).beside(taken);
        let mut named = Named {
            naming: self.clone(),
            names: Vec::with_capacity(count),
            sources: Vec::with_capacity(count),
            losses: None,
        };
        for (index, attachment) in opened.attachments.iter().enumerate() {
            let given = attachment.filename.as_ref();
            let given = given.map(|name| name.reveal().as_str());
            named
                .names
                .push(names.next(index + 1, given, &attachment.media_type));
            // Of the type comes the ending where the name has none.
            let place = Place::of(Root::Attachments).index(index);
            let filename = given.map(|_| place.key("filename"));
            named.sources.push(
                filename
                    .into_iter()
                    .chain([place.key("media_type")])
                    .collect(),
            );
        }
        named
    }
}

impl Said {
    fn open(package: &Package, letters: Letters, said: &AttachmentName) -> Result<Self, Findings> {
        let (text, max, values) = read(&said.0)?;
        let own: Vec<&str> = values.keys().map(String::as_str).collect();
        let pattern = Pattern::parse(text, letters, max, &own)
            .map_err(|detail| vec![Finding::new(SETTING, "settings", detail)])?;
        let mut rule = format!(
            "attachment_name = {text}; {}; at most {max} characters",
            NamingRule::letters(letters)
        );
        for (name, value) in &values {
            let _ = write!(rule, "; {name}: {value}");
        }
        let line = package.setting_line("attachment_name", text);
        Ok(Self {
            pattern,
            values: Values::open(package, &values)?,
            line: line.or(package.setting_line("text", text)),
            rule,
        })
    }

    fn names(
        &self,
        naming: &Naming,
        opened: &Opened<'_>,
        mut taken: BTreeSet<String>,
    ) -> Result<Named, Findings> {
        let told = self.values.as_ref().map(|values| values.of(opened));
        let told = told.transpose()?;
        let is_named = |index: usize| opened.attachments[index].filename.is_some();
        let mut named = Named {
            naming: naming.clone(),
            names: Vec::new(),
            sources: Vec::new(),
            losses: told.as_ref().map(|told| {
                let losses = loss_pointers(&told.losses);
                losses.into_iter().collect()
            }),
        };
        let mut findings = Findings::new();
        for index in 0..opened.attachments.len() {
            let own = told.as_ref().map(|told| own(told, index));
            let filling = Filling {
                opened,
                index,
                own: own.unwrap_or_default(),
            };
            let is_free = |name: &str| !taken.contains(&name.to_lowercase());
            let Some(name) = self.pattern.name(&filling, is_free) else {
                // Too long even without what the application says: nobody there can shorten it.
                let ours = told.as_ref().map(|told| of_receiver(told, index));
                let without = Filling {
                    own: ours.unwrap_or_default(),
                    ..filling
                };
                findings.push(match self.pattern.name(&without, is_free) {
                    Some(_) => too_long(index),
                    None => too_long(index).of_receiver(),
                });
                continue;
            };
            taken.insert(name.to_lowercase());
            named.names.push(name);
            let mut sources = self.pattern.sources(index, is_named);
            sources.extend(told.iter().flat_map(|told| places(told, index)));
            named.sources.push(sources.into_iter().collect());
        }
        if findings.is_empty() {
            Ok(named)
        } else {
            Err(findings)
        }
    }
}

/// The text, the longest name and the values of the setting.
fn read(said: &toml::Value) -> Result<(&str, usize, toml::Table), Findings> {
    let form = || {
        wrong(
            "ein Text mit Platzhaltern, oder eine Tabelle mit text, max (12 bis 120 Zeichen) und values",
            "a text with placeholders, or a table with text, max (12 to 120 characters) and values",
        )
    };
    if let Some(text) = said.as_str() {
        return Ok((text, LENGTH, toml::Table::new()));
    }
    let table = said.as_table().ok_or_else(form)?;
    let is_known = |key: &String| ["text", "max", "values"].contains(&key.as_str());
    let text = table.get("text").and_then(toml::Value::as_str);
    let text = text.filter(|_| table.keys().all(is_known));
    let max = match table.get("max").map(toml::Value::as_integer) {
        None => Some(LENGTH),
        Some(max) => max
            .and_then(|max| usize::try_from(max).ok())
            .filter(|max| (LENGTH_MIN..=LENGTH_MAX).contains(max)),
    };
    let values = match table.get("values") {
        None => Some(toml::Table::new()),
        Some(values) => values.as_table().cloned(),
    };
    let values = values.filter(|values| values.keys().all(|name| is_value_name(name)));
    match (text, max, values) {
        (Some(text), Some(max), Some(values)) => Ok((text, max, values)),
        (None, _, _) | (_, None, _) | (_, _, None) => Err(form()),
    }
}

fn is_value_name(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

impl Values {
    /// One column per value, one row per attachment: a column list knows all words of templates.
    fn open(package: &Package, values: &toml::Table) -> Result<Option<Self>, Findings> {
        if values.is_empty() {
            return Ok(None);
        }
        let column = |(name, value): (&String, &toml::Value)| {
            let from = || toml::Table::from_iter([("from".to_owned(), value.clone())]);
            let mut column = value.as_table().cloned().unwrap_or_else(from);
            column.insert("name".to_owned(), name.as_str().into());
            toml::Value::Table(column)
        };
        let list = toml::Table::from_iter([
            ("each".to_owned(), "$attachments".into()),
            (
                "column".to_owned(),
                toml::Value::Array(values.iter().map(column).collect()),
            ),
        ]);
        let layout = Layout::parse(
            "package.toml",
            &list.to_string(),
            &package.code_maps()?,
            Shape::Csv,
        )
        .map_err(|faults| {
            let here = |finding: Finding| Finding {
                at: format!("{SETTING}/values"),
                ..finding
            };
            let findings = template_findings(&faults);
            findings.into_iter().map(here).collect::<Findings>()
        })?;
        Ok(Some(Self {
            layout,
            ignored: package.ignored(),
        }))
    }

    fn of(&self, opened: &Opened<'_>) -> Result<Translation<Table>, Findings> {
        self.layout
            .translate(&opened.sources(), &Limits::default(), &self.ignored)
            .map_err(|refusal| refusal_findings(&refusal))
    }
}

/// The values for the attachment `index`.
fn own(told: &Translation<Table>, index: usize) -> BTreeMap<String, String> {
    let record = told.document.reveal().records.get(index);
    let cells = record.iter().flat_map(|record| &record.cells);
    cells
        .map(|cell| (cell.field.name.clone(), cell.text.reveal().clone()))
        .collect()
}

/// The values of the package or the destination; what the application says is left empty.
fn of_receiver(told: &Translation<Table>, index: usize) -> BTreeMap<String, String> {
    let place = told.document.reveal().records.get(index);
    let place = place.map_or("", |record| record.place.as_str());
    let is_said = |name: &str| {
        let output = format!("{place}/{name}");
        let of_value = told.lineage.iter().filter(|one| one.output == output);
        of_value
            .flat_map(|one| &one.sources)
            .any(|source| matches!(source.root(), Root::Data | Root::Sender | Root::Attachments))
    };
    let mut own = own(told, index);
    own.retain(|name, _| !is_said(name));
    own
}

/// Where these come from. What belongs to no attachment alone decided about all.
fn places(told: &Translation<Table>, index: usize) -> Vec<Place> {
    let records = &told.document.reveal().records;
    let is_of = |output: &str, nr: usize| {
        let rest = records
            .get(nr)
            .and_then(|record| output.strip_prefix(&record.place));
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    let is_here = |one: &&Lineage| {
        is_of(&one.output, index) || !(0..records.len()).any(|nr| is_of(&one.output, nr))
    };
    let here = told.lineage.iter().filter(is_here);
    here.flat_map(|one| one.sources.clone()).collect()
}

impl Named {
    /// The name of the attachment `index`.
    pub fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", String::as_str)
    }

    /// The output `output`, which is the name of the attachment `index` inside a document.
    pub fn said(&self, output: impl Into<String>, index: usize) -> Lineage {
        Lineage::made(output, self.sources(index), &self.rule(""))
    }

    /// Name and media type of the parcel's file `nr` (from 1), which is the attachment `index` in `folder`; none beside the document.
    pub fn lineage(&self, nr: usize, index: usize, folder: &str) -> [Lineage; 2] {
        let rule = self.rule(folder);
        let line = match &self.naming.way {
            Way::Numbered(_) => SettingLine::NONE,
            Way::Said(said) => said.line,
        };
        [
            attachment_said(nr, line, self.sources(index), &rule),
            attachment_type(nr, index),
        ]
    }

    /// Where the names in `$attachments` come from, for [`crate::file_lineage::explain_sources`].
    pub fn known(&self, place: &Place) -> Option<(Vec<Place>, Cow<'static, str>)> {
        let parts: Vec<&str> = place.pointer().split('/').skip(1).collect();
        match (place.root(), parts.as_slice()) {
            (Root::Attachments, [index, "path" | "file"]) if self.naming.is_said() => {
                let index = index.parse().ok()?;
                Some((self.sources(index), self.rule("").into()))
            }
            _ => None,
        }
    }

    /// What [`Self::known`] knows, as lineage names it.
    pub fn outputs(&self) -> impl Iterator<Item = String> {
        let known = if self.naming.is_said() {
            self.names.len()
        } else {
            0
        };
        (0..known).flat_map(|index| {
            let place = Place::of(Root::Attachments).index(index);
            ["path", "file"].map(|member| place.key(member).to_string())
        })
    }

    /// Whether an input that no document shows is lost: a name may show it.
    pub fn is_lost(&self, loss: &str) -> bool {
        let losses = self.losses.as_ref();
        losses.is_none_or(|losses| losses.contains(loss))
    }

    fn sources(&self, index: usize) -> Vec<Place> {
        self.sources.get(index).cloned().unwrap_or_default()
    }

    fn rule(&self, folder: &str) -> String {
        let rule = match &self.naming.way {
            Way::Numbered(numbering) => NamingRule(self.naming.letters, *numbering).rule(),
            Way::Said(said) => said.rule.clone(),
        };
        if folder.is_empty() {
            rule
        } else {
            format!("attachments = {folder}; {rule}")
        }
    }
}

fn wrong(de: &str, en: &str) -> Findings {
    vec![Finding::new(SETTING, "settings", Bilingual::new(de, en))]
}

fn too_long(index: usize) -> Finding {
    Finding::new(
        Place::of(Root::Attachments).index(index).to_string(),
        "attachment-name",
        Bilingual::new(
            "der Name der Anlage wird zu lang, auch ohne {name}: max höher setzen oder die Werte kürzen (as = \"max:20\")",
            "the attachment's name gets too long, even without {name}: raise max or shorten the values (as = \"max:20\")",
        ),
    )
}

#[cfg(test)]
mod tests {
    use amtsbote_problem::Whose;

    use super::*;
    use crate::Files;
    use crate::example::Case;

    const DATA: &str = "{\"az\":\"FS 2026/17\",\"lang\":\"Geheimnis-0123456789-0123456789-0123456789\",\"leer\":\"\",\"rest\":\"x\"}";

    fn package(settings: &str, attachments: &[(&str, &str)]) -> Package {
        let mut list = String::new();
        for (index, (filename, mime)) in attachments.iter().enumerate() {
            let _ = writeln!(
                list,
                "[[attachment]]\nfile = \"{index}\"\nfilename = {filename:?}\nmime = \"{mime}\"\npurpose = \"form\""
            );
        }
        let manifest = format!(
            "name = \"a\"\nversion = \"1.0.0\"\nlabel = {{ de = \"a\", en = \"a\" }}\nservice = \"urn:de:fim:leika:leistung:99012008001000\"\n\
             schema = \"urn:example:a:1\"\nformat = \"json\"\n[settings]\n{settings}\n[[example]]\nname = \"a\"\nabout = \"a\"\n"
        );
        let mut files = Files::from([
            ("package.toml".to_owned(), manifest.into_bytes()),
            (
                "codes/art.toml".to_owned(),
                b"[codes]\n\"form\" = \"ANTRAG\"\n".to_vec(),
            ),
            ("examples/a/input.json".to_owned(), DATA.into()),
            ("examples/a/attachments.toml".to_owned(), list.into()),
        ]);
        for index in 0..attachments.len() {
            files.insert(format!("examples/a/attachments/{index}"), b"x".to_vec());
        }
        Package::parse(files).expect("a package in good order")
    }

    #[derive(Deserialize)]
    struct Settings {
        #[serde(default)]
        letters: Letters,
        numbering: Option<Numbering>,
        attachment_name: AttachmentName,
    }

    fn opened(package: &Package) -> Result<Naming, Findings> {
        let settings: Settings = package.settings_as()?;
        let said = Some(&settings.attachment_name);
        Naming::open(package, settings.letters, settings.numbering, said)
    }

    fn named(package: &Package, taken: &[&str]) -> Result<Named, Findings> {
        let case = Case::read(package, "a").expect("an example in good order");
        let taken = taken.iter().map(|name| (*name).to_owned());
        opened(package)?.names(&case.opened(package), taken)
    }

    fn check(settings: &str, filenames: &[&str], expected: &[&str]) {
        let attachments: Vec<_> = filenames
            .iter()
            .map(|name| (*name, "application/pdf"))
            .collect();
        let names = named(&package(settings, &attachments), &["antrag.pdf"]);
        assert_eq!(names.expect("names").names, expected, "{settings}");
    }

    #[test]
    fn placeholders_are_filled() {
        check(
            "attachment_name = \"{date}_{nr}_{type}.{ext}\"",
            &["Plan.PDF", "x.jpeg"],
            &["20260102_1_PDF.pdf", "20260102_2_PDF.jpeg"],
        );
        check(
            "attachment_name = \"{nr:000} {name} ({purpose})\"",
            &["../Größe 1.pdf"],
            &["001 Größe_1 (form)"],
        );
        let id = "00000000-0000-4000-8000-000000000";
        check(
            "attachment_name = \"{time}{id}\"",
            &["a.pdf"],
            &[&format!("040405{id}100")],
        );
        check(
            "attachment_name = \"{parcel}-{case}\"",
            &["a.pdf"],
            &["00000000-0000-4000-8000-000000000004-00000000-0000-4000-8000-000000000002"],
        );
    }

    #[test]
    fn a_packages_own_values_are_safe_in_a_name() {
        check(
            "attachment_name = { text = \"{az}_{art}_{nr}.{ext}\", values = { az = \"$root.az\", art = { from = \".purpose\", codes = \"art\" } } }",
            &["a.pdf"],
            &["FS_2026_17_ANTRAG_1.pdf"],
        );
        // One's own `type` instead of ours; empty at the front is no hidden file.
        check(
            "attachment_name = { text = \"{type}.{ext}\", values = { type = { from = \"$root.leer\", missing = \"empty\" } } }",
            &["a.pdf"],
            &["anlage.pdf"],
        );
        check(
            "attachment_name = { text = \"{x}.{ext}\", values.x = \"\\\"../../COM1\\\"\" }",
            &["a.pdf"],
            &["anlage.._.._COM1.pdf"],
        );
        check(
            "attachment_name = { text = \"{x}.{ext}\", values.x = \"\\\"com1\\\"\" }",
            &["a.pdf"],
            &["anlage-com1.pdf"],
        );
    }

    #[test]
    fn no_name_is_given_twice_nor_taken_from_a_document() {
        check(
            "attachment_name = \"{name}.{ext}\"",
            &["antrag.pdf", "Antrag.pdf", "antrag-2.pdf", "b.pdf"],
            &["antrag-2.pdf", "Antrag-3.pdf", "antrag-2-2.pdf", "b.pdf"],
        );
        check(
            "attachment_name = \"{name}{nr}\"",
            &["a1", "b", "c", "d", "e", "f", "g", "h", "i", "j", "a"],
            &[
                "a11", "b2", "c3", "d4", "e5", "f6", "g7", "h8", "i9", "j10", "a11-2",
            ],
        );
    }

    #[test]
    fn what_is_too_long_loses_the_end_of_the_senders_name_only() {
        let long = "ä".repeat(300);
        let settings = "attachment_name = { text = \"{az}_{name}.{ext}\", max = 24, values.az = \"$root.az\" }";
        check(
            settings,
            &[&long, &long],
            &["FS_2026_17_äääääääää.pdf", "FS_2026_17_äääääää-2.pdf"],
        );
        check(
            "attachment_name = \"{name}{nr}{name}\"",
            &[&long],
            &[&format!("{}1{}", "ä".repeat(19), "ä".repeat(80))],
        );
        let settings = "attachment_name = { text = \"{lang}_{name}.{ext}\", max = 24, values.lang = \"$root.lang\" }";
        let refused = named(&package(settings, &[("a.pdf", "")]), &[]).expect_err("too long");
        assert_eq!(refused[0].rule, "attachment-name");
        assert!(!format!("{refused:?}").contains("Geheimnis"));
    }

    #[test]
    fn a_name_too_long_is_theirs_whose_value_is_too_long() {
        let whose = |value: &str| {
            let settings = format!(
                "attachment_name = {{ text = \"{{x}}_{{az}}_{{name}}.{{ext}}\", max = 24, values.x = '{value}', values.az = \"$root.az\" }}"
            );
            let mut package = package(&settings, &[("a.pdf", "")]);
            let receiver = b"{\"lang\":\"0123456789-0123456789-0123456789\"}".to_vec();
            package
                .files
                .insert("examples/a/receiver.json".to_owned(), receiver);
            named(&package, &[]).expect_err("too long")[0].whose
        };
        assert_eq!(whose("$root.lang"), Whose::Sender);
        assert_eq!(whose("$receiver.lang"), Whose::Receiver);
        assert_eq!(
            whose("\"0123456789-0123456789-0123456789\""),
            Whose::Receiver
        );
        // Each fits alone, both together do not: a shorter one of the application would do.
        assert_eq!(whose("\"0123456789\""), Whose::Sender);
    }

    #[test]
    fn letters_are_those_the_package_allows() {
        check(
            "letters = \"portable\"\nattachment_name = \"{nr}-{name}.{ext}\"",
            &["Größe (neu).pdf", "Жуков.pdf"],
            &["1-Groesse_neu.pdf", "2-anlage.pdf"],
        );
        check(
            "letters = \"ascii\"\nattachment_name = \"{name}.{ext}\"",
            &["Größe (neu).pdf"],
            &["Groesse_(neu).pdf"],
        );
    }

    #[test]
    fn a_name_tells_where_it_comes_from_and_what_it_shows_is_not_lost() {
        let package = package(
            "attachment_name = { text = \"{az}_{nr}.{ext}\", values.az = \"$root.az\" }",
            &[("a.pdf", "")],
        );
        let names = named(&package, &[]).expect("names");
        let [name, _] = names.lineage(2, 0, "anlagen");
        let sources: Vec<String> = name.sources.iter().map(ToString::to_string).collect();
        assert_eq!(
            sources,
            [
                "/az",
                "$attachments/0/filename",
                "$attachments/0/media_type"
            ]
        );
        assert_eq!(
            (name.output.as_str(), name.template_line),
            ("file[2]/@name", Some(8))
        );
        assert!(!names.is_lost("/az") && names.is_lost("/rest"));
        let path = Place::of(Root::Attachments).index(0).key("path");
        let known = names.known(&path).map(|(sources, _)| sources);
        assert_eq!(known, Some(name.sources));
    }

    #[test]
    fn what_is_wrong_is_found_when_the_package_is_opened() {
        for wrong in [
            "\"\"",
            "\"anlage.pdf\"",
            "\"{nr\"",
            "\"nr}{nr}\"",
            "\"{nummer}\"",
            "\"{nr:1}\"",
            "\"{nr:00000}\"",
            "\"{type}/{nr}\"",
            "\".{nr}\"",
            "\"{nr}.\"",
            "\"{nr}*\"",
            "\"{parcel}{case}{submission}{id}\"",
            "7",
            "{ max = 20 }",
            "{ text = \"{nr}\", max = 4 }",
            "{ text = \"{nr}\", max = 200 }",
            "{ text = \"{nr}\", colour = \"red\" }",
            "{ text = \"{nr}\", values = { az = \".az\" } }",
            "{ text = \"{a-z}\", values = { \"a-z\" = \".az\" } }",
            "{ text = \"{az}\", values = { az = \".az |\" } }",
            "{ text = \"{az}\", values = { az = { from = \".az\", codes = \"x\" } } }",
            "{ text = \"{az}\", values = { az = { from = \".az\", colour = \"red\" } } }",
            "{ text = \"{az}\", values = { az = 7 } }",
            "\"{nr}\"\nnumbering = \"always\"",
            "\"Übersicht {nr}\"\nletters = \"ascii\"",
            "\"Anlage {nr}\"\nletters = \"portable\"",
        ] {
            let findings = opened(&package(&format!("attachment_name = {wrong}"), &[]));
            let findings = findings.err().unwrap_or_default();
            assert!(!findings.is_empty(), "{wrong}");
            assert!(
                findings
                    .iter()
                    .all(|finding| finding.at.starts_with(SETTING)),
                "{wrong}: {findings:?}"
            );
        }
    }
}

//! Parts, attachments and checksums to one parcel.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use amtsbote_adapter::file_lineage::{
    SettingLine, archived, called, document_type, explain_sources, of_file, renumbered,
};
use amtsbote_adapter::placement::Names;
use amtsbote_adapter::{
    Algorithm, Archive, Beside, FileName, Format, Lineage, Mapping, Opened, Package, ParcelFile,
    Piece, Product, safe,
};
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::{Place, Root};
use bytes::Bytes;

use crate::listed::{self, Listed};
use crate::settings::{Pack, Settings, SumForm};

/// The format; its parts are documents of the formats it was given.
pub struct Bundle(Vec<Box<dyn Format>>);

impl Bundle {
    /// With the formats that parts may have. Each has to know `attachments = "none"`.
    pub fn new(parts: Vec<Box<dyn Format>>) -> Self {
        Self(parts)
    }

    fn part(
        &self,
        package: &Package,
        nr: usize,
        mut settings: toml::Table,
    ) -> Result<Box<dyn Mapping>, Findings> {
        let at = format!("package.toml/settings/part[{nr}]");
        let wrong = |de: String, en: String| {
            vec![Finding::new(at.clone(), "settings", Bilingual::new(de, en))]
        };
        let named = settings.remove("format");
        let named = named.as_ref().and_then(toml::Value::as_str);
        let format = self.0.iter().find(|known| named == Some(known.name()));
        let Some(format) = format else {
            let known: Vec<&str> = self.0.iter().map(|format| format.name()).collect();
            let known = known.join(", ");
            return Err(wrong(
                format!("format fehlt oder ist keines von {known}"),
                format!("format is missing or none of {known}"),
            ));
        };
        for key in ["attachments", "letters", "numbering", "attachment_name"] {
            if settings.contains_key(key) {
                return Err(wrong(
                    format!("{key} gehört zum Ganzen: unter [settings], nicht in einen Teil"),
                    format!("{key} belongs to the whole: below [settings], not in a part"),
                ));
            }
        }
        settings.insert("attachments".to_owned(), "none".into());
        let alone = Package {
            format: format.name().to_owned(),
            settings,
            ..package.clone()
        };
        format.open(&alone).map_err(|findings| {
            let inside = |finding: Finding| match finding.at.strip_prefix("package.toml/settings") {
                Some(key) => Finding {
                    at: format!("{at}{key}"),
                    ..finding
                },
                None => finding,
            };
            findings.into_iter().map(inside).collect()
        })
    }
}

impl Format for Bundle {
    fn name(&self) -> &'static str {
        "bundle"
    }

    fn open(&self, package: &Package) -> Result<Box<dyn Mapping>, Findings> {
        let settings: Settings = package.settings_as()?;
        let mut findings = settings.findings();
        let mut parts = Vec::new();
        for (index, part) in settings.part.iter().enumerate() {
            match self.part(package, index + 1, part.clone()) {
                Ok(part) => parts.push(part),
                Err(more) => findings.extend(more),
            }
        }
        let old = package.old_checksums();
        match settings.beside(package) {
            Ok(beside) if findings.is_empty() => Ok(Box::new(Compiled {
                file_line: line_of(package, "file", settings.file.as_ref()),
                checksums_line: line_of(package, "checksums", settings.checksums.as_ref()),
                settings,
                beside,
                parts,
                algorithms: old
                    .into_iter()
                    .chain([Algorithm::Sha256, Algorithm::Sha512])
                    .collect(),
            })),
            Ok(_) => Err(findings),
            Err(more) => {
                findings.extend(more);
                Err(findings)
            }
        }
    }
}

/// A document with attachments in it streams.
fn no_sum(setting: &str, path: &str) -> Findings {
    let finding = Finding::new(
        format!("package.toml/settings/{setting}"),
        "checksum",
        Bilingual::new(
            format!("{path} enthält Anlagen und hat deshalb vorher keine Prüfsumme"),
            format!("{path} holds attachments and has no checksum beforehand"),
        ),
    );
    vec![finding.of_receiver()]
}

/// Where the package says this name.
fn line_of(package: &Package, key: &str, name: Option<&FileName>) -> SettingLine {
    package.setting_line(key, name.map_or("", FileName::as_str))
}

struct Compiled {
    settings: Settings,
    file_line: SettingLine,
    checksums_line: SettingLine,
    beside: Beside,
    parts: Vec<Box<dyn Mapping>>,
    /// Of which checksums are made.
    algorithms: Vec<Algorithm>,
}

/// What is made so far.
#[derive(Default)]
struct Made {
    files: Vec<ParcelFile>,
    listed: Vec<Listed>,
    lineage: Vec<Lineage>,
    /// Sources that are made of others, by themselves.
    sources: BTreeMap<String, Lineage>,
    /// What every part lost; none before the first.
    losses: Option<BTreeSet<String>>,
}

impl Mapping for Compiled {
    fn translate(&self, opened: &Opened<'_>) -> Result<Product, Findings> {
        let opened = &Opened {
            names: match self.settings.pack {
                Pack::Files => opened.names,
                // Names inside the archive.
                Pack::Zip => &Names::Paths,
            },
            ..opened.clone()
        };
        let laid = self.beside.lay(opened, self.documents(opened))?;
        let mut made = Made {
            listed: laid
                .attachments
                .iter()
                .filter_map(Listed::attachment)
                .collect(),
            ..Made::default()
        };
        for part in &self.parts {
            let files = listed::value(&made.listed, opened);
            let product = part.translate(&Opened {
                attachments: &laid.attachments,
                files: &files,
                ..opened.clone()
            })?;
            made.take(product, &self.algorithms);
        }
        let inside = made.inside(laid.attachments.len());
        let along = laid.along(&inside, made.files.len())?;
        made.files.extend(along.files);
        made.lineage.extend(along.lineage);
        self.sums(&mut made, opened)?;
        self.sum_files(&mut made, opened)?;
        made.unique()?;
        // What the parts told of their sources stands once for all. They do not know why attachments are called as they are.
        let names: BTreeSet<String> = laid.names.outputs().collect();
        let told = std::mem::take(&mut made.sources).into_values();
        made.lineage
            .extend(told.filter(|one| !names.contains(&one.output)));
        let of_data = made.losses.unwrap_or_default().into_iter();
        let mut losses: Vec<String> = of_data
            .filter(|loss| !loss.starts_with("$attachments") && laid.names.is_lost(loss))
            .collect();
        losses.extend(along.losses);
        let (files, mut lineage) = self.packed(made.files, made.lineage, opened)?;
        explain_sources(&mut lineage, opened.names, |place| laid.names.known(place));
        Ok(Product {
            files,
            lineage,
            losses,
        })
    }

    fn documents(&self, opened: &Opened<'_>) -> Vec<String> {
        let sums = self.settings.checksums.iter().map(|name| name.of(opened));
        let parts = self.parts.iter();
        let parts = parts.flat_map(|part| part.documents(opened));
        parts.chain(sums).collect()
    }
}

impl Compiled {
    fn sums(&self, made: &mut Made, opened: &Opened<'_>) -> Result<(), Findings> {
        let Some(name) = &self.settings.checksums else {
            return Ok(());
        };
        let text = listed::sums(&made.listed, self.settings.algorithm, opened)
            .map_err(|path| no_sum("checksums", path))?;
        let nr = made.files.len() + 1;
        made.lineage.push(name.lineage(nr, self.checksums_line));
        made.lineage.push(document_type(nr, "checksums"));
        let name = name.of(opened);
        for nr in 1..=text.lines().count() {
            let output = format!("{name}/line[{nr}]");
            let line = Lineage::made(output, Vec::new(), "checksum");
            made.lineage.push(called(line, opened.names));
        }
        made.files.push(ParcelFile {
            path: safe(&name)?,
            media_type: "text/plain".to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::from(text)))],
        });
        Ok(())
    }

    /// A file with its checksum beside each file.
    fn sum_files(&self, made: &mut Made, opened: &Opened<'_>) -> Result<(), Findings> {
        let listed = std::mem::take(&mut made.listed);
        for file in &listed {
            for algorithm in &self.settings.sum_files {
                let sum = file
                    .sum_file(*algorithm, self.settings.sum_form, opened)
                    .map_err(|path| no_sum("sum_files", path))?;
                let nr = made.files.len() + 1;
                let rule = format!("sum_files = {}", algorithm.name());
                let said = |what: &str| Lineage::made(of_file(nr, what), Vec::new(), &rule);
                made.lineage.push(said("@name"));
                made.lineage.push(match self.settings.sum_form {
                    SumForm::Line => called(said("line[1]"), opened.names),
                    SumForm::Bare => said("line[1]"),
                });
                made.lineage.push(document_type(nr, "sum_files"));
                made.files.push(ParcelFile {
                    path: safe(&sum.path)?,
                    media_type: "text/plain".to_owned(),
                    pieces: vec![Piece::Bytes(Personal::new(Bytes::from(sum.text)))],
                });
            }
        }
        made.listed = listed;
        Ok(())
    }

    fn packed(
        &self,
        files: Vec<ParcelFile>,
        lineage: Vec<Lineage>,
        opened: &Opened<'_>,
    ) -> Result<(Vec<ParcelFile>, Vec<Lineage>), Findings> {
        let Some(name) = self.settings.file.as_ref() else {
            return Ok((files, lineage));
        };
        match self.settings.pack {
            Pack::Files => Ok((files, lineage)),
            Pack::Zip => {
                let archive = Archive::new(files).map_err(|_| {
                    vec![Finding::new(
                        "",
                        "archive-size",
                        Bilingual::new(
                            "zu viel für ein Archiv: höchstens 10000 Dateien und 4 GB",
                            "too much for one archive: at most 10000 files and 4 GB",
                        ),
                    )]
                })?;
                let file = ParcelFile {
                    path: safe(&name.of(opened))?,
                    media_type: "application/zip".to_owned(),
                    pieces: vec![Piece::Zip(Arc::new(archive))],
                };
                let lineage = archived(lineage, name.lineage(1, self.file_line));
                Ok((vec![file], lineage))
            }
        }
    }
}

impl Made {
    fn take(&mut self, product: Product, algorithms: &[Algorithm]) {
        let name = product
            .files
            .first()
            .map(|file| file.path.to_string())
            .unwrap_or_default();
        let before = self.files.len();
        self.listed.extend(
            product
                .files
                .iter()
                .map(|file| Listed::document(file, algorithms)),
        );
        self.files.extend(product.files);
        for one in product.lineage {
            if one.output.starts_with('$') {
                self.sources.insert(one.output.clone(), one);
                continue;
            }
            let slash = if one.output.starts_with('/') { "" } else { "/" };
            let output = renumbered(&one.output, before)
                .unwrap_or_else(|| format!("{name}{slash}{}", one.output));
            self.lineage.push(Lineage { output, ..one });
        }
        let lost: BTreeSet<String> = product.losses.into_iter().collect();
        self.losses = Some(match self.losses.take() {
            None => lost,
            Some(known) => known.intersection(&lost).cloned().collect(),
        });
    }

    /// The attachments a document holds: no loss of at least one part.
    fn inside(&self, count: usize) -> BTreeSet<usize> {
        let is_lost = |index: &usize| {
            let place = Place::of(Root::Attachments).index(*index).to_string();
            let losses = self.losses.as_ref();
            losses.is_none_or(|losses| losses.contains(&place))
        };
        (0..count).filter(|index| !is_lost(index)).collect()
    }

    fn unique(&self) -> Result<(), Findings> {
        let mut seen = BTreeSet::new();
        let twice = self
            .files
            .iter()
            .find(|file| !seen.insert(file.path.as_str().to_lowercase()));
        match twice {
            None => Ok(()),
            Some(file) => Err(vec![
                Finding::new(
                    "package.toml/settings",
                    "path",
                    Bilingual::new(
                        format!("zwei Dateien heißen {}", file.path),
                        format!("two files are named {}", file.path),
                    ),
                )
                .of_receiver(),
            ]),
        }
    }
}

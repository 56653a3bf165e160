//! What kind of sample it is, and how that is told.

use amtsbote_adapter::{Packed, is_archive};
use amtsbote_problem::Bilingual;
use amtsbote_propose::{SampleKind as Recognised, Several, recognise};
use anyhow::Result;
use clap::ValueEnum as _;

use crate::args::{NewPackage, SampleKind};
use crate::folder::{self, Files};
use crate::talk::Talk;

/// What the sample is.
pub(super) enum Source {
    /// One file.
    One,
    /// A folder, or an archive of that name.
    Several(Files, Option<String>),
}

/// Reads a folder, or an archive; anything else is one file.
pub(super) fn source(args: &NewPackage, talk: Talk) -> Result<Source> {
    if args.sample.is_dir() {
        return Ok(Source::Several(within(folder::read(&args.sample)?), None));
    }
    let bytes = folder::read_file(&args.sample)?;
    if args.kind.is_some() || !is_archive(&bytes) {
        return Ok(Source::One);
    }
    let unusable = |words: Bilingual| talk.error(&words.de, &words.en);
    let archive = Packed::open(&bytes).map_err(|error| unusable(error.words()))?;
    // Office documents are archives: what they are instead is told where one file is read.
    let is_office = archive
        .paths()
        .any(|path| ["[Content_Types].xml", "mimetype"].contains(&path));
    if is_office {
        return Ok(Source::One);
    }
    let unpacked = archive.unpack().map_err(|error| unusable(error.words()))?;
    let files = unpacked.into_iter().map(|file| (file.path, file.bytes));
    let name = args.sample.file_name();
    let name = name.map(|name| name.to_string_lossy().into_owned());
    Ok(Source::Several(within(files.collect()), name))
}

/// Without the one folder that holds all.
fn within(files: Files) -> Files {
    let top = files.keys().next().and_then(|path| path.split_once('/'));
    let Some(top) = top.map(|(top, _)| format!("{top}/")) else {
        return files;
    };
    if files.keys().any(|path| !path.starts_with(&top)) {
        return files;
    }
    files
        .into_iter()
        .map(|(path, bytes)| (path[top.len()..].to_owned(), bytes))
        .collect()
}

/// What the sample is, and why.
pub(super) struct Told {
    /// None: several files.
    pub(super) kind: Option<SampleKind>,
    pub(super) why: Bilingual,
}

/// Which file is what.
pub(super) fn told_of(several: &Several<'_>) -> Told {
    let mut names = Vec::new();
    for part in several.parts() {
        let kind: SampleKind = part.recognised.kind.into();
        names.push(format!("{} ({})", part.path, kind.word()));
    }
    let (parts, others) = (names.join(", "), several.attachments().join(", "));
    let why = if others.is_empty() {
        Bilingual::new(parts.clone(), parts)
    } else {
        Bilingual::new(
            format!("{parts}; Anlagen: {others}"),
            format!("{parts}; attachments: {others}"),
        )
    };
    Told { kind: None, why }
}

/// As it was said, else by the content; the ending of the name only helps.
pub(super) fn told(args: &NewPackage, talk: Talk) -> Result<Told> {
    let said = |kind, option: &str| Told {
        kind: Some(kind),
        why: Bilingual::new(format!("mit {option} gesagt"), format!("said by {option}")),
    };
    if let Some(kind) = args.kind {
        return Ok(said(kind, "--kind"));
    }
    if args.fields.is_some() {
        return Ok(said(SampleKind::Fixed, "--fields"));
    }
    let bytes = folder::read_file(&args.sample)?;
    let recognised = recognise(&bytes, ending(args).as_deref())
        .map_err(|unusable| talk.error(&unusable.text.de, &unusable.text.en))?;
    Ok(Told {
        kind: Some(recognised.kind.into()),
        why: recognised.why,
    })
}

/// What the sample's name ends in, without the dot.
pub(super) fn ending(args: &NewPackage) -> Option<String> {
    let ending = args.sample.extension()?;
    Some(ending.to_string_lossy().into_owned())
}

impl From<Recognised> for SampleKind {
    fn from(recognised: Recognised) -> Self {
        match recognised {
            Recognised::Xml => Self::Xml,
            Recognised::Csv => Self::Csv,
            Recognised::Fixed => Self::Fixed,
            Recognised::Keys => Self::Keys,
            Recognised::Segments => Self::Segments,
            Recognised::Json => Self::Json,
            Recognised::Xsd => Self::Xsd,
        }
    }
}

impl SampleKind {
    fn word(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Told {
    pub(super) fn name(&self) -> String {
        self.kind
            .map_or_else(|| "several".to_owned(), SampleKind::word)
    }

    /// Which kind, why, and how to say otherwise.
    pub(super) fn line(&self, talk: Talk) -> String {
        let why = talk.text(&self.why);
        let Some(kind) = self.kind else {
            let read_as = talk.pick("mehrere Dateien", "several files");
            return format!("{read_as}: {why}");
        };
        let kind = kind.word();
        let otherwise = talk.pick("anders mit --kind", "otherwise with --kind");
        let read_as = talk.pick("gelesen als", "read as");
        format!("{read_as} {kind}: {why} ({otherwise})")
    }
}

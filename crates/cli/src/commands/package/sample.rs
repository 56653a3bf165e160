//! What kind of sample it is, and how that is told.

use amtsbote_problem::Bilingual;
use amtsbote_propose::{SampleKind as Recognised, recognise};
use anyhow::Result;
use clap::ValueEnum as _;

use crate::args::{NewPackage, SampleKind};
use crate::folder;
use crate::talk::Talk;

/// What the sample is, and why.
pub(super) struct Told {
    pub(super) kind: SampleKind,
    pub(super) why: Bilingual,
}

/// As it was said, else by the content; the ending of the name only helps.
pub(super) fn told(args: &NewPackage, talk: Talk) -> Result<Told> {
    let said = |kind, option: &str| Told {
        kind,
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
        kind: recognised.kind.into(),
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

impl Told {
    pub(super) fn name(&self) -> String {
        let value = self.kind.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Which kind, why, and how to say otherwise.
    pub(super) fn line(&self, talk: Talk) -> String {
        let (kind, why) = (self.name(), talk.text(&self.why));
        let otherwise = talk.pick("anders mit --kind", "otherwise with --kind");
        let read_as = talk.pick("gelesen als", "read as");
        format!("{read_as} {kind}: {why} ({otherwise})")
    }
}

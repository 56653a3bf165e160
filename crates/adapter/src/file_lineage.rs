//! Lineage of what is said of a file rather than in it: its name, its media type, its place in an archive; and of sources that are
//! themselves made of others.
//!
//! ```text
//!  file[2]/@name            the second file of the parcel
//!  file[1]/entry[3]/@name   the third file of the archive that is the first
//!  file[1]/@zip             what else the archive says: order, times, how it is packed
//!  $message/uuid            a source that was made: its own sources and the rule
//! ```
//!
//! Files are numbered, not named: names of attachments are the sender's, and lineage has no values.

use std::borrow::Cow;
use std::collections::BTreeSet;

use amtsbote_translate::{Lineage, Place, Root, Trace};

use crate::placement::Names;
use crate::{FileName, OpenedAttachment, Package};

/// What one file of a parcel is called, and why.
const NAME: &str = "@name";
const MEDIA_TYPE: &str = "@media_type";
const ZIP: &str = "@zip";
/// See `archive.rs`.
const ZIP_RULE: &str = "zip: files in this order, stored, names in UTF-8, times 1980-01-01";

/// Where in `package.toml` a setting stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingLine(Option<u32>);

impl Package {
    /// Where the setting `key` says `value`: the line of `package.toml`, from 1; none where the value is the format's default.
    pub fn setting_line(&self, key: &str, value: &str) -> SettingLine {
        let text = self.text("package.toml").unwrap_or_default();
        let is_it = |line: &str| {
            let rest = line.trim_start().strip_prefix(key).map(str::trim_start);
            rest.is_some_and(|rest| rest.starts_with('=') && rest.contains(value))
        };
        let at = text.lines().position(is_it);
        SettingLine(at.and_then(|at| u32::try_from(at + 1).ok()))
    }
}

impl SettingLine {
    /// Of what no setting says.
    pub const NONE: Self = Self(None);

    /// This one, or else the other.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }

    /// An output the setting says; `rule` is how it is filled in of `sources`, none for a constant. Without a line the format itself
    /// says it.
    pub fn lineage(self, output: String, sources: Vec<Place>, rule: Option<&str>) -> Lineage {
        let trace = match (self.0, rule) {
            (None, _) => Trace::Made,
            (Some(_), None) => Trace::Constant,
            (Some(_), Some(_)) => Trace::Computed,
        };
        Lineage {
            template: self.0.map(|_| "package.toml".into()),
            template_line: self.0,
            trace,
            conversion: rule
                .or(self.0.is_none().then_some("default"))
                .map(str::to_owned),
            ..Lineage::made(output, sources, "")
        }
    }
}

impl FileName {
    /// Where the name of the parcel's file `nr` (from 1) comes from; `line` is where the package says it.
    pub fn lineage(&self, nr: usize, line: SettingLine) -> Lineage {
        let placeholders = [
            ("{date}", Place::of(Root::ReceivedAt)),
            ("{time}", Place::of(Root::ReceivedAt)),
            ("{parcel}", Place::of(Root::Parcel).key("id")),
            ("{submission}", Place::of(Root::Submission).key("id")),
            ("{case}", Place::of(Root::Case).key("id")),
        ];
        let used = placeholders
            .into_iter()
            .filter(|(name, _)| self.as_str().contains(name));
        let sources: BTreeSet<Place> = used.map(|(_, place)| place).collect();
        let rule = (!sources.is_empty()).then_some(self.as_str());
        line.lineage(of_file(nr, NAME), sources.into_iter().collect(), rule)
    }
}

/// The output that is said of the parcel's file `nr` (from 1), such as `@name`.
pub fn of_file(nr: usize, what: &str) -> String {
    format!("file[{nr}]/{what}")
}

/// The media type of the parcel's file `nr` (from 1), which is a document of ours.
pub fn document_type(nr: usize, rule: &str) -> Lineage {
    Lineage::made(of_file(nr, MEDIA_TYPE), Vec::new(), rule)
}

/// The name of a document of ours that is the parcel's file `nr` (from 1).
pub fn document_name(
    nr: usize,
    line: SettingLine,
    sources: Vec<Place>,
    rule: Option<&str>,
) -> Lineage {
    line.lineage(of_file(nr, NAME), sources, rule)
}

/// The name of the parcel's file `nr` (from 1), which is an attachment; `line` is where the package says it, `rule` what was done.
pub(crate) fn attachment_said(
    nr: usize,
    line: SettingLine,
    sources: Vec<Place>,
    rule: &str,
) -> Lineage {
    line.lineage(of_file(nr, NAME), sources, Some(rule))
}

/// The media type of the parcel's file `nr` (from 1), which is the attachment `index` (from 0).
pub(crate) fn attachment_type(nr: usize, index: usize) -> Lineage {
    let place = Place::of(Root::Attachments).index(index);
    Lineage::copied(of_file(nr, MEDIA_TYPE), place.key("media_type"))
}

/// Name and media type of the parcel's file `nr` (from 1), which is the attachment `index` (from 0); `rule` is what was done to its name.
pub fn of_attachment(
    nr: usize,
    index: usize,
    attachment: &OpenedAttachment,
    rule: &str,
) -> [Lineage; 2] {
    let place = Place::of(Root::Attachments).index(index);
    // Of the type comes the ending where the name has none.
    let mut sources = vec![place.key("media_type")];
    if attachment.filename.is_some() {
        sources.insert(0, place.key("filename"));
    }
    [
        Lineage::made(of_file(nr, NAME), sources, rule),
        attachment_type(nr, index),
    ]
}

/// The lineage of files packed as one archive, which is the parcel's only file; `name` is its name's.
pub fn archived(lineage: Vec<Lineage>, name: Lineage) -> Vec<Lineage> {
    let inside = |one: Lineage| match one.output.strip_prefix("file[") {
        Some(rest) => Lineage {
            output: format!("file[1]/entry[{rest}"),
            ..one
        },
        None => one,
    };
    let mut lineage: Vec<Lineage> = lineage.into_iter().map(inside).collect();
    lineage.push(name);
    lineage.push(document_type(1, "zip"));
    lineage.push(Lineage::made(of_file(1, ZIP), Vec::new(), ZIP_RULE));
    lineage
}

/// The output `output` of a product, in a parcel that has `before` files before its own; none where it is said in a file.
pub fn renumbered(output: &str, before: usize) -> Option<String> {
    let (nr, what) = output.strip_prefix("file[")?.split_once("]/")?;
    let nr: usize = nr.parse().ok()?;
    Some(of_file(nr + before, what))
}

/// Adds where the sources of `lineage` come from, if they are made of others and that is not told yet; `known` tells of those the format
/// alone knows, `names` how files are called where they lie.
pub fn explain_sources(
    lineage: &mut Vec<Lineage>,
    names: &Names,
    known: impl Fn(&Place) -> Option<(Vec<Place>, Cow<'static, str>)>,
) {
    let mut open: Vec<Place> = lineage.iter().flat_map(|one| one.sources.clone()).collect();
    let mut told: BTreeSet<String> = lineage.iter().map(|one| one.output.clone()).collect();
    while let Some(place) = open.pop() {
        if !told.insert(place.to_string()) {
            continue;
        }
        let ours = || made_of(&place).map(|(sources, rule)| (sources, Cow::Borrowed(rule)));
        if let Some((sources, rule)) = known(&place).or_else(ours) {
            let made = Lineage::made(place.to_string(), sources, &rule);
            let made = if is_name(&place) {
                called(made, names)
            } else {
                made
            };
            open.extend(made.sources.clone());
            lineage.push(made);
        }
    }
}

/// Whether the source is the name of a file of the parcel.
fn is_name(place: &Place) -> bool {
    let parts: Vec<&str> = place.pointer().split('/').skip(1).collect();
    // The last: the data as sent, beside an XÖV message.
    matches!(
        (place.root(), parts.as_slice()),
        (Root::Attachments | Root::Files, [_, "path" | "file"]) | (Root::Message, ["data", "file"])
    )
}

/// The lineage of a file's name as documents tell it: where the way out names files, of its rule, too.
pub fn called(mut one: Lineage, names: &Names) -> Lineage {
    if let Some((rule, source)) = names.rule() {
        let more = source.filter(|source| !one.sources.contains(source));
        one.sources.extend(more);
        one.conversion = Some(match one.conversion {
            None => rule,
            Some(before) => format!("{before}; {rule}"),
        });
    }
    one
}

/// What a source is made of, and how; none where it was given from outside.
pub(crate) fn made_of(place: &Place) -> Option<(Vec<Place>, &'static str)> {
    let parts: Vec<&str> = place.pointer().split('/').skip(1).collect();
    let parcel = || Place::of(Root::Parcel).key("id");
    Some(match (place.root(), parts.as_slice()) {
        (Root::Message, ["uuid"]) => (vec![parcel()], "uuid-v5(parcel, \"message\")"),
        (Root::Message, ["created_at"]) => {
            (vec![Place::of(Root::ReceivedAt)], "the moment of receipt")
        }
        (Root::Message, _) => (vec![parcel(), Place::of(Root::ReceivedAt)], "message"),
        (Root::Parcel, ["id"]) => (
            vec![Place::of(Root::Submission).key("id")],
            "the submission's UUID, the same on repeat",
        ),
        (Root::Nr, _) => (Vec::new(), "number of the repeat, from 1"),
        (Root::OuterNr, _) => (Vec::new(), "number of the outer repeat, from 1"),
        (Root::Files, _) => (Vec::new(), "files made before: name, size, checksums"),
        (Root::Attachments, [index, member]) => {
            let attachment = Place::of(Root::Attachments).key(index);
            let named = || vec![attachment.key("filename"), attachment.key("media_type")];
            match *member {
                "nr" => (Vec::new(), "position, from 1"),
                "path" | "file" => (named(), "safe name in the parcel"),
                "content" => (vec![attachment], "base64"),
                "size_bytes" | "md5" | "sha1" | "sha256" | "sha512" => {
                    (vec![attachment], "of the content")
                }
                "uuid" => (
                    vec![attachment.key("id"), Place::of(Root::Message).key("uuid")],
                    "uuid-v5(message, attachment)",
                ),
                _ => return None,
            }
        }
        (
            Root::Data
            | Root::Sender
            | Root::Receiver
            | Root::ReceivedAt
            | Root::Submission
            | Root::Case
            | Root::Parcel
            | Root::Attachments,
            _,
        ) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_file_moves_with_it() {
        assert_eq!(
            renumbered("file[1]/@name", 2).as_deref(),
            Some("file[3]/@name")
        );
        assert_eq!(renumbered("/file[1]/@name", 2), None);
        let name = || Lineage::made("file[1]/@name", Vec::new(), "x");
        let outputs: Vec<String> = archived(vec![name()], name())
            .into_iter()
            .map(|one| one.output)
            .collect();
        assert_eq!(
            outputs,
            [
                "file[1]/entry[1]/@name",
                "file[1]/@name",
                "file[1]/@media_type",
                "file[1]/@zip"
            ]
        );
    }

    #[test]
    fn sources_that_are_made_lead_back_to_what_was_given() {
        let mut lineage = vec![Lineage::copied("/a", Place::of(Root::Message).key("uuid"))];
        for _ in 0..2 {
            explain_sources(&mut lineage, &Names::default(), |_| None);
        }
        let told: Vec<String> = lineage
            .iter()
            .map(|one| {
                let sources: Vec<String> = one.sources.iter().map(ToString::to_string).collect();
                format!("{} <- {}", one.output, sources.join(" "))
            })
            .collect();
        assert_eq!(
            told,
            [
                "/a <- $message/uuid",
                "$message/uuid <- $parcel/id",
                "$parcel/id <- $submission/id"
            ]
        );
    }
}

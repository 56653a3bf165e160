//! Attachments beside the message: the names a message may give them.

use std::collections::BTreeSet;

use amtsbote_adapter::{
    AttachmentNames, Letters, Numbering, Opened, OpenedAttachment, ParcelFile, ParcelPath, Piece,
};
use amtsbote_model::Personal;
use amtsbote_xoev::Header;
use serde_json::{Value, json};

/// The longest name before its ending.
const STEM_MAX_CHARS: usize = 80;
/// The same where an id stands before it.
const STEM_BEHIND_ID_MAX_CHARS: usize = 60;

/// The attachments with the names they get.
pub(crate) struct Named<'a>(Vec<(String, &'a OpenedAttachment)>);

impl<'a> Named<'a> {
    /// Names as the sender gave them, as far as the type `Dateiname` (XBau-Kernmodul 1.3.0) and file systems take them; unique
    /// within the message, also where capitals do not count.
    pub(crate) fn new(attachments: &'a [OpenedAttachment], data_file: Option<&str>) -> Self {
        let mut taken: BTreeSet<String> = data_file.map(str::to_owned).into_iter().collect();
        let named = attachments.iter().enumerate().map(|(index, attachment)| {
            let given = attachment
                .filename
                .as_ref()
                .map_or("", |name| name.reveal());
            let plain = plain(given, &attachment.media_type);
            let name = if taken.insert(plain.to_lowercase()) {
                plain
            } else {
                let (stem, ending) = plain.rsplit_once('.').unwrap_or((&plain, "bin"));
                let stem: String = stem.chars().take(STEM_BEHIND_ID_MAX_CHARS).collect();
                let numbered = format!(
                    "{}-{}_{}.{ending}",
                    index + 1,
                    attachment.id,
                    stem.trim_end()
                );
                taken.insert(numbered.to_lowercase());
                numbered
            };
            (name, attachment)
        });
        Self(named.collect())
    }

    /// Names that begin with the attachment's id within the message, as type `stringDateinameType` of xdomea wants, then what the
    /// sender gave, in ASCII: no program that unpacks archives stumbles.
    pub(crate) fn primary(attachments: &'a [OpenedAttachment], header: &Header) -> Self {
        let count = attachments.len();
        let mut names = AttachmentNames::new(Letters::Ascii, Numbering::Duplicates, count);
        let named = attachments.iter().enumerate().map(|(index, attachment)| {
            let given = attachment
                .filename
                .as_ref()
                .map(|name| name.reveal().as_str());
            let name = names.next(index + 1, given, &attachment.media_type);
            let kept = |c: char| if c.is_ascii() { c } else { '_' };
            let name: String = name.chars().map(kept).collect();
            let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, "bin"));
            let stem: String = stem.chars().take(STEM_BEHIND_ID_MAX_CHARS).collect();
            (
                format!("{}_{stem}.{ending}", id(attachment, header)),
                attachment,
            )
        });
        Self(named.collect())
    }

    /// The names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// `$attachments` for templates: as everywhere, and `file`, the name in the parcel, and `uuid`, an id of the attachment
    /// within the message: the same on repeat.
    pub(crate) fn source(&self, header: &Header, opened: &Opened<'_>) -> Value {
        let about = |(index, (file, attachment)): (usize, &(String, &OpenedAttachment))| {
            json!({
                "nr": index + 1,
                "id": attachment.id.to_string(),
                "filename": attachment.filename.as_ref().map(Personal::reveal),
                "description": attachment.description.as_ref().map(Personal::reveal),
                "media_type": attachment.media_type,
                "purpose": attachment.purpose,
                "sha512": attachment.sha512,
                "size_bytes": attachment.source.size_bytes(),
                "file": opened.called(file),
                "uuid": id(attachment, header),
            })
        };
        Value::Array(self.0.iter().enumerate().map(about).collect())
    }

    /// The files; none where a name is not safe after all.
    pub(crate) fn files(&self) -> Option<Vec<ParcelFile>> {
        self.0
            .iter()
            .map(|(name, attachment)| {
                Some(ParcelFile {
                    path: name.parse::<ParcelPath>().ok()?,
                    media_type: attachment.media_type.clone(),
                    pieces: vec![Piece::Attachment(attachment.source.clone())],
                })
            })
            .collect()
    }
}

/// An id of the attachment within the message: the same on repeat.
fn id(attachment: &OpenedAttachment, header: &Header) -> String {
    header
        .part(&format!("/attachments/{}", attachment.id))
        .to_string()
}

fn plain(given: &str, media_type: &str) -> String {
    let (stem, ending) = match given.rsplit_once('.') {
        Some((stem, ending)) if is_ending(ending) => (stem, ending),
        Some(_) | None => (given, ending_of(media_type)),
    };
    // A name beginning with a dot is hidden, and blanks or dots at an end vanish on some systems.
    let stem: String = stem
        .trim_start_matches(['.', ' '])
        .chars()
        .map(|c| if is_allowed(c) { c } else { '_' })
        .take(STEM_MAX_CHARS)
        .collect();
    let stem = stem.trim_matches(['.', ' ']);
    let stem = if stem.is_empty() { "anlage" } else { stem };
    format!("{stem}.{ending}")
}

fn is_ending(text: &str) -> bool {
    (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The characters of `Dateiname`.
fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "ÄÖÜäöüß -_!=+~,;.#°§$%()[]".contains(c)
}

fn ending_of(media_type: &str) -> &'static str {
    match media_type {
        "application/pdf" => "pdf",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/tiff" => "tif",
        "text/plain" => "txt",
        "application/xml" | "text/xml" => "xml",
        "application/json" => "json",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, media_type: &str, expected: &str) {
        assert_eq!(plain(given, media_type), expected);
        assert!(plain(given, media_type).parse::<ParcelPath>().is_ok());
    }

    #[test]
    fn names_keep_what_the_message_takes() {
        check(
            "Lageplan 1 (neu).pdf",
            "application/pdf",
            "Lageplan 1 (neu).pdf",
        );
        check("Größe §5.PDF", "application/pdf", "Größe §5.PDF");
        check("plan", "image/png", "plan.png");
        check("", "application/pdf", "anlage.pdf");
        check(" ..  .x .pdf", "application/pdf", "x.pdf");
        check("....pdf", "application/pdf", "anlage.pdf");
        check("  ", "application/pdf", "anlage.pdf");
        check("..verborgen.pdf", "application/pdf", "verborgen.pdf");
        check("a/b:c*.pdf", "application/pdf", "a_b_c_.pdf");
        check(
            "Žižková.pdf",
            "application/pdf",
            "_i_ková.pdf".replace('á', "_").as_str(),
        );
        check("x.tar.gz!", "application/x", "x.tar.gz!.bin");
        check(
            &format!("{}.pdf", "a".repeat(300)),
            "application/pdf",
            &format!("{}.pdf", "a".repeat(80)),
        );
    }
}

//! What `$files` says, and the file with checksums.

use std::fmt::Write as _;

use amtsbote_adapter::{Algorithm, Checksums, Opened, OpenedAttachment, ParcelFile};
use amtsbote_model::Personal;
use serde_json::{Value, json};

use crate::settings::SumForm;

/// One file of the parcel.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    path: String,
    media_type: String,
    size_bytes: u64,
    /// None where an attachment is inside: what streams has no checksum beforehand.
    sums: Option<Checksums>,
    /// What is known of an attachment.
    about: Option<(String, Option<String>, Option<String>, String)>,
}

impl Listed {
    /// A document of ours.
    pub(crate) fn document(file: &ParcelFile, algorithms: &[Algorithm]) -> Self {
        Self {
            path: file.path.to_string(),
            media_type: file.media_type.clone(),
            size_bytes: file.size_bytes(),
            sums: Checksums::of_pieces(&file.pieces, algorithms),
            about: None,
        }
    }

    /// An attachment in a file of its own.
    pub(crate) fn attachment(attachment: &OpenedAttachment) -> Option<Self> {
        Some(Self {
            path: attachment.path.clone()?,
            media_type: attachment.media_type.clone(),
            size_bytes: attachment.source.size_bytes(),
            sums: Some(
                attachment
                    .old_sums
                    .clone()
                    .with(Algorithm::Sha256, &attachment.sha256)
                    .with(Algorithm::Sha512, &attachment.sha512),
            ),
            about: Some((
                attachment.id.to_string(),
                attachment.filename.as_ref().map(Personal::reveal).cloned(),
                attachment
                    .description
                    .as_ref()
                    .map(Personal::reveal)
                    .cloned(),
                attachment.purpose.clone(),
            )),
        })
    }

    fn value(&self, nr: usize, opened: &Opened<'_>) -> Value {
        let path = opened.called(&self.path);
        let file = path.rsplit('/').next().unwrap_or_default();
        let mut value = json!({
            "nr": nr,
            "kind": if self.about.is_some() { "attachment" } else { "document" },
            "path": path,
            "file": file,
            "media_type": self.media_type,
            "size_bytes": self.size_bytes,
            "sha256": self.sum(Algorithm::Sha256),
            "sha512": self.sum(Algorithm::Sha512),
            "sha1": self.sum(Algorithm::Sha1),
            "md5": self.sum(Algorithm::Md5),
        });
        if let (Value::Object(members), Some((id, filename, description, purpose))) =
            (&mut value, &self.about)
        {
            members.insert("id".to_owned(), json!(id));
            members.insert("filename".to_owned(), json!(filename));
            members.insert("description".to_owned(), json!(description));
            members.insert("purpose".to_owned(), json!(purpose));
        }
        value
    }

    fn sum(&self, algorithm: Algorithm) -> Option<&str> {
        self.sums.as_ref()?.get(algorithm)
    }
}

/// `$files`.
pub(crate) fn value(files: &[Listed], opened: &Opened<'_>) -> Value {
    let value = |(index, file): (usize, &Listed)| file.value(index + 1, opened);
    Value::Array(files.iter().enumerate().map(value).collect())
}

/// The file beside a file, and what stands in it.
pub(crate) struct SumFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Listed {
    /// The file with the checksum of this one; the path of a file that has no sum beforehand is the error.
    pub(crate) fn sum_file(
        &self,
        algorithm: Algorithm,
        form: SumForm,
        opened: &Opened<'_>,
    ) -> Result<SumFile, &str> {
        let sum = self.sum(algorithm).ok_or(self.path.as_str())?;
        let path = opened.called(&self.path);
        let file = path.rsplit('/').next().unwrap_or_default();
        Ok(SumFile {
            path: format!("{}.{}", self.path, algorithm.name()),
            text: match form {
                SumForm::Line => format!("{sum}  {file}\n"),
                SumForm::Bare => sum.to_owned(),
            },
        })
    }
}

/// As `sha256sum -c` reads it; the path of a file that has no sum beforehand is the error.
pub(crate) fn sums<'f>(
    files: &'f [Listed],
    algorithm: Algorithm,
    opened: &Opened<'_>,
) -> Result<String, &'f str> {
    let mut text = String::new();
    for file in files {
        let sum = file.sum(algorithm).ok_or(file.path.as_str())?;
        let _ = writeln!(text, "{sum}  {}", opened.called(&file.path));
    }
    Ok(text)
}

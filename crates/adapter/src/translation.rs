//! Between an opened submission and crate `translate`: the same sources, code maps and findings for every format.

use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::{CodeMap, CodeMaps, Faults, Ignored, Place, Refusal, Root, Sources};
use serde_json::{Value, json};

use crate::{Algorithm, Opened, OpenedAttachment, Package};

impl Opened<'_> {
    /// What a template may read. `$message.uuid` is made of the parcel's id (UUID version 5), so a repeat has the same;
    /// `$message.created_at` is the moment of receipt, because the same input has to give the same bytes.
    pub fn sources(&self) -> Sources {
        let received_at = self.received_at.to_rfc3339();
        let message_id = uuid::Uuid::new_v5(&self.parcel_id.uuid(), b"message");
        Sources::new(self.data.reveal())
            .with(Root::Message, json!({ "uuid": message_id.to_string(), "created_at": received_at }))
            .with(Root::Sender, self.sender.reveal().clone())
            .with(Root::Receiver, self.receiver.clone())
            .with(Root::ReceivedAt, Value::String(received_at))
            .with(Root::Submission, json!({ "id": self.submission_id.to_string(), "service": self.service.as_str(), "destination_id": self.destination_id.to_string() }))
            .with(Root::Case, json!({ "id": self.case_id.to_string() }))
            .with(Root::Parcel, json!({ "id": self.parcel_id.to_string() }))
            .with(Root::Attachments, Value::Array(self.attachments.iter().enumerate().map(|one| about(self, one)).collect()))
            .with(Root::Files, self.files.clone())
    }
}

fn about(opened: &Opened<'_>, (index, attachment): (usize, &OpenedAttachment)) -> Value {
    let path = attachment.path.as_deref().map(|path| opened.called(path));
    json!({
        "nr": index + 1,
        "id": attachment.id.to_string(),
        "filename": attachment.filename.as_ref().map(Personal::reveal),
        "description": attachment.description.as_ref().map(Personal::reveal),
        "media_type": attachment.media_type,
        "purpose": attachment.purpose,
        "sha512": attachment.sha512,
        "size_bytes": attachment.source.size_bytes(),
        "sha256": attachment.sha256,
        "sha1": attachment.old_sums.get(Algorithm::Sha1),
        "md5": attachment.old_sums.get(Algorithm::Md5),
        "path": path,
        "file": path.as_deref().and_then(|path| path.rsplit('/').next()),
        "content": crate::beside::mark(opened.parcel_id, index + 1),
    })
}

impl Package {
    /// The package's code maps: `codes/<name>.toml`. All faults at once.
    pub fn code_maps(&self) -> Result<CodeMaps, Findings> {
        let mut maps = Vec::new();
        let mut findings = Findings::new();
        for path in self.files.keys() {
            let Some(name) = path
                .strip_prefix("codes/")
                .and_then(|file| file.strip_suffix(".toml"))
            else {
                continue;
            };
            match self.text(path) {
                Err(finding) => findings.push(finding),
                Ok(text) => match CodeMap::parse(name, path, text) {
                    Ok(map) => maps.push(map),
                    Err(faults) => findings.extend(template_findings(&faults)),
                },
            }
        }
        if findings.is_empty() {
            Ok(CodeMaps::new(maps))
        } else {
            Err(findings)
        }
    }

    /// The inputs the package leaves out on purpose.
    pub fn ignored(&self) -> Ignored {
        Ignored::new(&self.ignore)
    }

    /// The format's settings, read; unknown keys are findings.
    pub fn settings_as<T: serde::de::DeserializeOwned>(&self) -> Result<T, Findings> {
        // The message shows keys and values of the package, which is no submission.
        self.settings
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| {
                let told = error.to_string();
                let german = amtsbote_problem::toml::german(&told);
                vec![Finding::new(
                    "package.toml/settings",
                    "settings",
                    Bilingual::new(german, told.trim_end()),
                )]
            })
    }
}

/// Faults of a template as findings that name file, line and place.
pub fn template_findings(faults: &Faults) -> Findings {
    let finding = |fault: &amtsbote_translate::Fault| {
        let line = fault
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        let placed = |text: String| {
            if fault.at.is_empty() {
                text
            } else {
                format!("{}: {text}", fault.at)
            }
        };
        Finding::new(
            format!("{}{line}", fault.file),
            "template",
            Bilingual::new(placed(fault.kind.german()), placed(fault.kind.to_string())),
        )
    };
    faults.iter().map(finding).collect()
}

/// A refused translation as findings about the submission.
pub fn refusal_findings<D>(refusal: &Refusal<D>) -> Findings {
    match refusal {
        Refusal::Incomplete { findings, .. } => findings.iter().map(Finding::from).collect(),
        Refusal::TooManyNodes { max } => vec![Finding::new(
            "",
            "translate-too-many-nodes",
            Bilingual::new(
                format!("das Dokument hätte mehr als {max} Elemente oder Zellen"),
                format!("the document would have more than {max} elements or cells"),
            ),
        )],
        Refusal::TooLarge { max_bytes } => vec![Finding::new(
            "",
            "translate-too-large",
            Bilingual::new(
                format!("das Dokument wäre größer als {max_bytes} Bytes"),
                format!("the document would be larger than {max_bytes} bytes"),
            ),
        )],
    }
}

/// Losses as JSON pointers, for [`crate::Product::losses`].
pub fn loss_pointers(losses: &[Place]) -> Vec<String> {
    losses.iter().map(Place::to_string).collect()
}

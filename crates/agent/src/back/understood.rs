//! What an answer says, with its documents in memory.

use amtsbote_adapter::returned::media_type;
use amtsbote_adapter::{
    Answer, AnswerContent, AnswerKind, Fault as WayFault, ParcelFile, Refusal, Return, Said,
    is_archive,
};
use amtsbote_jose::sha256_hex;
use amtsbote_model::Personal;
use amtsbote_problem::{Finding, Findings};

use super::NotTaken;
use crate::WayIn;
use crate::status::Enclosed;

/// All files of an answer together: a reply is sealed in memory.
const ANSWER_MAX_BYTES: usize = 48 << 20;

/// An answer as it was understood.
pub(super) struct Understood {
    pub(super) answer: Answer,
    pub(super) enclosed: Vec<Enclosed>,
    /// Of all its bytes.
    pub(super) hash: String,
}

pub(super) async fn understood(way_in: &WayIn, returned: &Return) -> Result<Understood, NotTaken> {
    let (mut files, mut hashes, mut left) = (Vec::new(), String::new(), ANSWER_MAX_BYTES);
    for file in &returned.files {
        let bytes = read(file, left).await?;
        left -= bytes.len();
        hashes.push_str(&sha256_hex(&bytes));
        files.push((file, bytes));
    }
    let hash = sha256_hex(hashes.as_bytes());
    let is_alone = files.len() == 1;
    let mut files = files.into_iter().peekable();
    // An archive beside other files is a document among them.
    let may_speak = |bytes: &[u8]| is_xml(bytes) || is_alone && is_archive(bytes);
    let read = |(_, bytes): &(&ParcelFile, Vec<u8>)| {
        may_speak(bytes).then(|| (way_in.read)(bytes)).flatten()
    };
    let (mut answer, hash) = match &returned.said {
        // Its id stands for its documents, too: they may be made anew each time somebody asks.
        Said::Answer(answer) => (answer.as_ref().clone(), sha256_hex(answer.said().reveal())),
        Said::Nonsense(findings) => return Err(unreadable(findings.clone())),
        Said::Unread => match files.peek().and_then(read) {
            Some(answer) => {
                files.next();
                (answer.map_err(unreadable)?, hash)
            }
            // Documents alone: the result, found by the id in their names.
            None => (bare(AnswerKind::Result, "document", hash.clone()), hash),
        },
    };
    let mut enclosed: Vec<Enclosed> = files.map(|(file, bytes)| beside(file, bytes)).collect();
    for document in std::mem::take(&mut answer.documents) {
        if let AnswerContent::Inside(content) = document.content {
            let is_pdf = content.reveal().starts_with(b"%PDF-");
            let media_type = match &document.name {
                _ if is_pdf => "application/pdf",
                Some(name) => media_type(name.reveal()),
                None => "application/octet-stream",
            };
            enclosed.push(Enclosed {
                media_type: media_type.to_owned(),
                name: document.name,
                content,
            });
        }
    }
    Ok(Understood {
        answer,
        enclosed,
        hash,
    })
}

fn unreadable(findings: Findings) -> NotTaken {
    // Findings never hold a value of the answer.
    let told = findings.iter().take(5).map(|finding| {
        let Finding { at, rule, .. } = finding;
        format!("{at} {} [{rule}]", finding.detail.en)
    });
    let told: Vec<String> = told.collect();
    let why = format!("it cannot be read: {}", told.join("; "));
    NotTaken::Never(Refusal::Unreadable(findings), why)
}

fn beside(file: &ParcelFile, bytes: Vec<u8>) -> Enclosed {
    let name = file.path.as_str().rsplit('/').next().unwrap_or_default();
    Enclosed {
        media_type: file.media_type.clone(),
        name: Some(Personal::new(name.to_owned())),
        content: Personal::new(bytes),
    }
}

async fn read(file: &ParcelFile, max: usize) -> Result<Vec<u8>, NotTaken> {
    let (mut reader, mut bytes) = (file.read(), Vec::new());
    loop {
        match reader.next().await {
            Ok(Some(piece)) if bytes.len() + piece.len() > max => {
                let why = format!("it is larger than {ANSWER_MAX_BYTES} bytes");
                return Err(NotTaken::Never(Refusal::TooLarge, why));
            }
            Ok(Some(piece)) => bytes.extend_from_slice(&piece),
            Ok(None) => return Ok(bytes),
            Err(WayFault::Unavailable { .. }) => return Err(NotTaken::Later),
            Err(fault @ (WayFault::Misconfigured { .. } | WayFault::Rejected { .. })) => {
                return Err(NotTaken::Never(Refusal::Ours, fault.to_string()));
            }
        }
    }
}

fn is_xml(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    text.trim_ascii_start().starts_with(b"<")
}

pub(super) fn bare(kind: AnswerKind, message: &str, id: String) -> Answer {
    Answer {
        kind,
        message: message.to_owned(),
        id,
        is_test: false,
        in_reply_to: None,
        reference: None,
        file_number: None,
        status: None,
        due: None,
        text: None,
        findings: Vec::new(),
        documents: Vec::new(),
    }
}

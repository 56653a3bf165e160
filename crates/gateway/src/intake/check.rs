//! Everything that can be wrong with the content, at once.

use amtsbote_fit_connect::intake::{InlineAttachment, IntakeRequest};
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Code, Finding, Findings, Problem};
use amtsbote_validate::json;
use amtsbote_validate::service::Service;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::Limits;
use crate::answer::Refused;

/// A request whose content was found valid.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Decoded attachments, in the order of the request.
    pub(crate) attachments: Vec<Personal<Bytes>>,
}

/// Judges data and attachments by the service; findings carry pointers into the request's body.
pub(crate) fn check(
    request: &IntakeRequest,
    service: &Service,
    limits: &Limits,
) -> Result<Checked, Refused> {
    if request.attachments.len() > limits.attachments {
        let detail = format!("at most {} attachments", limits.attachments);
        return Err(Problem::new(Code::TooManyAttachments).detail(detail).into());
    }
    let mut findings = check_data(request, service);
    let (attachments, more) = decode(&request.attachments);
    findings.extend(more);
    findings.extend(check_policy(&request.attachments, &attachments, service));
    if findings.is_empty() {
        return Ok(Checked { attachments });
    }
    Err(Problem::new(Code::SchemaViolated).findings(findings).into())
}

fn check_data(request: &IntakeRequest, service: &Service) -> Findings {
    let judged = json::parse(request.data.reveal().as_bytes(), json::Limits::default());
    let mut findings = match judged {
        Ok(data) => service.check(&data),
        Err(findings) => findings,
    };
    for finding in &mut findings {
        finding.at.insert_str(0, "/data");
    }
    findings
}

fn decode(attachments: &[InlineAttachment]) -> (Vec<Personal<Bytes>>, Findings) {
    let mut decoded = Vec::with_capacity(attachments.len());
    let mut findings = Vec::new();
    for (place, attachment) in attachments.iter().enumerate() {
        let text = attachment.content.reveal();
        match STANDARD.decode(text) {
            Ok(bytes) if !bytes.is_empty() => decoded.push(Personal::new(Bytes::from(bytes))),
            Ok(_) => findings.push(at_content(place, "minLength", "ist leer", "is empty")),
            Err(_) => findings.push(at_content(
                place,
                "contentEncoding",
                "ist kein Base64 (RFC 4648 §4, mit Auffüllzeichen)",
                "is not base64 (RFC 4648 §4, padded)",
            )),
        }
    }
    (decoded, findings)
}

fn at_content(place: usize, rule: &str, de: &str, en: &str) -> Finding {
    Finding::new(
        format!("/attachments/{place}/content"),
        rule,
        Bilingual::new(de, en),
    )
}

fn check_policy(
    attachments: &[InlineAttachment],
    decoded: &[Personal<Bytes>],
    service: &Service,
) -> Findings {
    let policy = service.attachments();
    let mut findings = Vec::new();
    let max_count = policy.max_count as usize;
    if attachments.len() > max_count {
        let detail = Bilingual::new(
            format!("hat zu viele Einträge (höchstens {})", max_count),
            format!("has too many entries (at most {})", max_count),
        );
        findings.push(Finding::new("/attachments", "maxItems", detail));
    }
    let total: u64 = decoded
        .iter()
        .map(|bytes| bytes.reveal().len() as u64)
        .sum();
    if total > policy.max_total_bytes {
        let detail = Bilingual::new(
            format!(
                "ist zusammen zu groß (höchstens {} Bytes)",
                policy.max_total_bytes
            ),
            format!(
                "is too large in all (at most {} bytes)",
                policy.max_total_bytes
            ),
        );
        findings.push(Finding::new("/attachments", "maxTotalBytes", detail));
    }
    for (place, attachment) in attachments.iter().enumerate() {
        let said = |member: &str, value: &str, allowed: &[String]| {
            let fits =
                allowed.is_empty() || allowed.iter().any(|one| one.eq_ignore_ascii_case(value));
            (!fits).then(|| {
                let detail = Bilingual::new("ist hier nicht erlaubt", "is not allowed here");
                Finding::new(format!("/attachments/{place}/{member}"), "enum", detail)
                    .allowed(allowed.to_vec())
            })
        };
        findings.extend(said("mimeType", &attachment.mime_type, &policy.mime_types));
        findings.extend(said("purpose", attachment.purpose.name(), &policy.purposes));
    }
    findings
}

//! Everything that can be wrong with the content, at once.

use amtsbote_fit_connect::intake::{IntakeRequest, ReadAttachment, Reading};
use amtsbote_fit_connect::metadata::Purpose;
use amtsbote_model::{Destination, Personal};
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_validate::json;
use amtsbote_validate::service::Service;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::reply::judge_reply;
use crate::Limits;

/// Judges data and attachments by the service, as far as it is known; findings carry pointers into the request's body. What is
/// right comes back with its attachments decoded, in the order of the request.
pub(crate) fn judge(
    mut reading: Reading,
    service: Option<&Service>,
    destination: Option<&Destination>,
    limits: &Limits,
) -> Result<(IntakeRequest, Vec<Personal<Bytes>>), Findings> {
    let mut findings = Findings::new();
    if let Some(data) = &reading.data {
        findings.extend(check_data(data, service));
    }
    if let Some(channel) = &reading.reply_channel {
        findings.extend(judge_reply(channel, destination));
    }
    let count_max = service.map_or(limits.attachments, |service| {
        (service.attachments().max_count as usize).min(limits.attachments)
    });
    let mut attachments = Vec::new();
    if reading.attachments.len() > count_max {
        findings.push(too_many(count_max));
    } else {
        let (decoded, more) = decode(&mut reading.attachments);
        findings.extend(more);
        if let Some(service) = service {
            findings.extend(check_policy(&reading.attachments, &decoded, service));
        }
        attachments = decoded;
    }
    match reading.complete() {
        Ok(request) if findings.is_empty() => Ok((request, attachments)),
        Ok(_) => Err(findings),
        Err(mut all) => {
            all.append(&mut findings);
            Err(all)
        }
    }
}

fn too_many(count_max: usize) -> Finding {
    let detail = Bilingual::new(
        format!("hat zu viele Einträge (höchstens {count_max})"),
        format!("has too many entries (at most {count_max})"),
    );
    Finding::new("/attachments", "maxItems", detail)
}

fn check_data(data: &Personal<String>, service: Option<&Service>) -> Findings {
    let parsed = json::parse(data.reveal().as_bytes(), json::Limits::default());
    let mut findings = match (parsed, service) {
        (Ok(data), Some(service)) => service.check(&data),
        (Ok(_), None) => Findings::new(),
        (Err(findings), _) => findings,
    };
    for finding in &mut findings {
        finding.at.insert_str(0, "/data");
    }
    findings
}

// Each text is given up once it is decoded: one of the two is enough in memory.
fn decode(attachments: &mut [ReadAttachment]) -> (Vec<Personal<Bytes>>, Findings) {
    let mut decoded = Vec::with_capacity(attachments.len());
    let mut findings = Findings::new();
    for (place, attachment) in attachments.iter_mut().enumerate() {
        let Some(content) = &mut attachment.content else {
            continue;
        };
        let text = std::mem::replace(content, Personal::new(String::new()));
        match STANDARD.decode(text.reveal()) {
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
    attachments: &[ReadAttachment],
    decoded: &[Personal<Bytes>],
    service: &Service,
) -> Findings {
    let policy = service.attachments();
    let mut findings = Findings::new();
    let total: u64 = decoded
        .iter()
        .map(|bytes| bytes.reveal().len() as u64)
        .sum();
    if total > policy.max_total_bytes {
        let most = policy.max_total_bytes;
        let detail = Bilingual::new(
            format!("ist zusammen zu groß (höchstens {most} Bytes)"),
            format!("is too large in all (at most {most} bytes)"),
        );
        findings.push(Finding::new("/attachments", "maxTotalBytes", detail));
    }
    for (place, attachment) in attachments.iter().enumerate() {
        let mime_type = attachment.mime_type.as_deref();
        let at = format!("/attachments/{place}/mimeType");
        findings.extend(mime_type.and_then(|said| unless_allowed(said, &policy.mime_types, at)));
        let purpose = attachment.purpose.map(Purpose::name);
        let at = format!("/attachments/{place}/purpose");
        findings.extend(purpose.and_then(|said| unless_allowed(said, &policy.purposes, at)));
    }
    findings
}

fn unless_allowed(said: &str, allowed: &[String], at: String) -> Option<Finding> {
    let fits = allowed.is_empty() || allowed.iter().any(|one| one.eq_ignore_ascii_case(said));
    (!fits).then(|| {
        let detail = Bilingual::new("ist hier nicht erlaubt", "is not allowed here");
        Finding::new(at, "enum", detail).allowed(allowed.to_vec())
    })
}

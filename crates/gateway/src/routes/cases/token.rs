//! A security event token from outside: who signed it, and what it claims.
//!
//! Form → header → key → signature → claims. Form is 400; from the header on everything that can be found is found at once (422).

use std::sync::Arc;

use amtsbote_fit_connect::event::{Claims, Issuer, Subject};
use amtsbote_jose::{Jws, KeyUse, MalformedJws, NotVerified, PublicKey, X5c};
use amtsbote_model::{CaseId, DestinationId};
use amtsbote_problem::{Bilingual, Code, Finding, Findings, Problem};
use bytes::Bytes;

use crate::access::Asked;
use crate::answer::Refused;
use crate::events::EVENT_TYP;

/// An event with the tags of 100 attachments has 10 kB; problems with long texts need more.
pub(super) const TOKEN_MAX_BYTES: usize = 256 * 1024;

/// Clocks of subscribers may be this far ahead.
const AHEAD_MAX_S: i64 = 300;

/// Where the token must come from and belong to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) destination_id: DestinationId,
    pub(super) case_id: CaseId,
}

/// A token whose signature holds and whose claims fit the case.
pub(super) struct Verified {
    pub(super) claims: Claims,
    pub(super) text: String,
}

pub(super) fn finding(at: &str, rule: &str, (de, en): (&str, &str)) -> Finding {
    Finding::new(at, rule, Bilingual::new(de, en))
}

pub(super) fn refused(findings: Findings) -> Refused {
    Problem::new(Code::EventMalformed).findings(findings).into()
}

/// Checks everything that does not depend on the submission's state.
pub(super) async fn verified(
    asked: &Asked,
    body: Bytes,
    expected: Expected,
) -> Result<Verified, Refused> {
    let text: Arc<str> = std::str::from_utf8(&body)
        .map_err(|_| form(MalformedJws::Encoding))?
        .trim()
        .into();
    let jws = Jws::parse(&text, TOKEN_MAX_BYTES).map_err(form)?;
    let mut findings = Findings::new();
    if jws.header().typ() != Some(EVENT_TYP) {
        findings.push(finding(
            "typ",
            "const",
            ("ist nicht secevent+jwt", "is not secevent+jwt"),
        ));
    }
    match key(asked, expected.destination_id, jws.header().kid()).await? {
        Ok(key) => findings.extend(signature(asked, &text, key).await?),
        Err(finding) => findings.push(finding),
    }
    let claims = Claims::parse(jws.unverified_payload(), asked.version.schema_rule());
    match claims {
        Ok(claims) => {
            findings.extend(misfits(asked, &claims, expected));
            if findings.is_empty() {
                return Ok(Verified {
                    claims,
                    text: text.as_ref().to_owned(),
                });
            }
        }
        Err(more) => findings.extend(more),
    }
    Err(refused(findings))
}

fn form(fault: MalformedJws) -> Refused {
    let at = match fault {
        MalformedJws::TooLong | MalformedJws::Parts | MalformedJws::Encoding => {
            return Problem::new(Code::MalformedRequest)
                .detail(fault.to_string())
                .into();
        }
        MalformedJws::Header => "",
        MalformedJws::Algorithm => "alg",
        MalformedJws::KeyId => "kid",
        MalformedJws::Critical => "crit",
    };
    let text = Bilingual::new("der Kopf des Tokens ist fehlerhaft", fault.to_string());
    refused(vec![Finding::new(at, "jws-header", text)])
}

/// The signature key the header names, among those of the destination.
async fn key(
    asked: &Asked,
    id: DestinationId,
    kid: &str,
) -> Result<Result<PublicKey, Finding>, Refused> {
    let keys = asked.context.store().keys(id).await?;
    let Some(record) = keys.into_iter().find(|key| key.kid == kid) else {
        let text = (
            "nennt keinen Schlüssel des Zustellpunkts",
            "names no key of the destination",
        );
        return Ok(Err(finding("kid", "unknown-key", text)));
    };
    // Its certificate was judged when it was registered.
    let read = PublicKey::parse(&record.jwk, KeyUse::Signature, X5c::Optional);
    Ok(read.map_err(|_| {
        finding(
            "kid",
            "key-use",
            ("nennt keinen Signaturschlüssel", "names no signature key"),
        )
    }))
}

async fn signature(
    asked: &Asked,
    text: &Arc<str>,
    key: PublicKey,
) -> Result<Option<Finding>, Refused> {
    let text = Arc::clone(text);
    let verify = move || match Jws::parse(&text, TOKEN_MAX_BYTES) {
        Ok(jws) => jws.verify(&key).map(|_| ()),
        Err(_) => Err(NotVerified::Signature),
    };
    let verified = asked.context.crypto().run(verify).await?;
    Ok(verified.err().map(|fault| {
        let text = Bilingual::new("die Signatur ist ungültig", fault.to_string());
        Finding::new("", "signature", text)
    }))
}

/// Claims that belong somewhere else.
fn misfits(asked: &Asked, claims: &Claims, expected: Expected) -> Findings {
    let mut findings = Findings::new();
    if claims.issuer != Issuer::Destination(expected.destination_id) {
        let text = (
            "ist nicht der Zustellpunkt der Einreichung",
            "is not the submission's destination",
        );
        findings.push(finding("/iss", "issuer", text));
    }
    if claims.case_id != expected.case_id {
        findings.push(finding(
            "/txn",
            "case",
            (
                "ist nicht der Vorgang im Pfad",
                "is not the case in the path",
            ),
        ));
    }
    if let Subject::Reply(_) = claims.subject {
        let text = (
            "Antworten bestätigt ihr Empfänger, und an anderer Stelle",
            "replies are acknowledged by their receiver, and elsewhere",
        );
        let hint = Bilingual::new(
            "als Sender der Einreichung PUT replies/{replyId}/accept oder …/reject aufrufen",
            "as the submission's sender call PUT replies/{replyId}/accept or …/reject",
        );
        findings.push(finding("/sub", "subject", text).hint(hint));
    }
    if claims.issued_at.as_seconds() > asked.context.now().as_seconds().saturating_add(AHEAD_MAX_S)
    {
        let text = (
            "liegt in der Zukunft; die Uhr stellen",
            "lies in the future; set the clock",
        );
        findings.push(finding("/iat", "future", text));
    }
    findings
}

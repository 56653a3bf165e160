//! What sealed parts must look like from outside. The service holds no keys: header, form and tag are all it sees.

use std::collections::{BTreeMap, BTreeSet};

use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::event::AuthenticationTags;
use amtsbote_fit_connect::jwe_header::{JweHeader, Part};
use amtsbote_fit_connect::submission::SubmitSubmission;
use amtsbote_jose::{Header, Jwe, KeyUse, jwe};
use amtsbote_model::DestinationId;
use amtsbote_problem::{Bilingual, Code, Finding, Findings, Problem};
use amtsbote_store::Content;
use bytes::Bytes;

use crate::Context;
use crate::access::Asked;
use crate::answer::Refused;
use crate::consignment::Consignment;

/// A body above this is read on a thread of its own.
const INLINE_MAX_BYTES: usize = 256 * 1024;

/// Which key a JWE may name.
pub(in crate::routes) enum KeyNames {
    /// One of the destination's.
    OneOf(Vec<String>),
    /// Any: the key of a reply stands in the sealed metadata of its submission.
    Any,
}

impl KeyNames {
    fn allow(&self, kid: Option<&str>) -> bool {
        match self {
            Self::OneOf(names) => kid.is_some_and(|kid| names.iter().any(|known| known == kid)),
            Self::Any => true,
        }
    }
}

/// The names of the destination's encryption keys, present and past.
pub(in crate::routes) async fn encryption_kids(
    context: &Context,
    id: DestinationId,
) -> Result<KeyNames, Refused> {
    let is_for_encryption = |jwk: &str| {
        let jwk: serde_json::Value = serde_json::from_str(jwk).unwrap_or_default();
        jwk.get("alg").and_then(|alg| alg.as_str()) == Some(KeyUse::Encryption.algorithm())
    };
    let keys = context.store().keys(id).await?;
    let names = keys
        .into_iter()
        .filter(|key| is_for_encryption(&key.jwk))
        .map(|key| key.kid);
    Ok(KeyNames::OneOf(names.collect()))
}

/// What the version does not allow in the header of the part at `at`.
pub(in crate::routes) fn header_findings(
    header: &Header,
    (version, part): (ApiVersion, Part),
    names: &KeyNames,
    at: &str,
) -> Findings {
    let judged = JweHeader {
        cty: header.cty(),
        zip: header.is_packed().then_some("DEF"),
        kid: header.kid(),
        typ: header.typ(),
    };
    let mut findings = judged.check(version, part);
    // v1 clients name the key by its thumbprint (RFC 7638): only v2 is held to `encryptionKid`.
    if version == ApiVersion::V2 && !names.allow(header.kid()) {
        let text = Bilingual::new(
            "nennt keinen Verschlüsselungsschlüssel des Zustellpunkts",
            "names no encryption key of the destination",
        );
        let hint = Bilingual::new(
            "die encryptionKid des Zustellpunkts verwenden",
            "use the destination's encryptionKid",
        );
        findings.push(Finding::new("kid", "unknown-key", text).hint(hint));
    }
    for finding in &mut findings {
        finding.at = format!("{at}#{}", finding.at);
    }
    findings
}

/// The finding about a part that is no JWE of the profile.
pub(in crate::routes) fn malformed(at: &str, fault: jwe::Malformed) -> Finding {
    let text = Bilingual::new("ist kein JWE des Profils", fault.to_string());
    Finding::new(at, "jwe", text)
}

/// The sealed parts and their tags.
pub(in crate::routes) struct Sealed {
    pub(in crate::routes) content: Content,
    metadata_tag: String,
    data_tag: Option<String>,
}

/// Reads the body of a submit.
pub(in crate::routes) async fn sealed(
    asked: &Asked,
    bytes: Bytes,
    names: KeyNames,
) -> Result<Sealed, Refused> {
    let version = asked.version;
    let read = if bytes.len() > INLINE_MAX_BYTES {
        asked
            .context
            .crypto()
            .run(move || read_sealed(&bytes, version, &names))
            .await?
    } else {
        read_sealed(&bytes, version, &names)
    };
    Ok(read?)
}

fn read_sealed(bytes: &[u8], version: ApiVersion, names: &KeyNames) -> Result<Sealed, Problem> {
    let body = SubmitSubmission::parse(bytes, version)
        .map_err(|findings| Problem::new(Code::MalformedJson).findings(findings))?;
    let metadata = body.encrypted_metadata.into_string();
    let data = body
        .encrypted_data
        .map(amtsbote_fit_connect::submission::CompactJwe::into_string);
    let mut findings = Findings::new();
    let mut tag = |text: &str, part: Part, at: &str| match Jwe::parse(text, bytes.len() as u64) {
        Ok(jwe) => {
            findings.extend(header_findings(jwe.header(), (version, part), names, at));
            jwe.tag().as_str().to_owned()
        }
        Err(fault) => {
            findings.push(malformed(at, fault));
            String::new()
        }
    };
    let metadata_tag = tag(&metadata, Part::Metadata, "/encryptedMetadata");
    let data_tag = data
        .as_deref()
        .map(|data| tag(data, Part::Data, "/encryptedData"));
    if findings.is_empty() {
        return Ok(Sealed {
            content: Content { metadata, data },
            metadata_tag,
            data_tag,
        });
    }
    let problem = match findings.iter().find(|finding| finding.at.ends_with("#cty")) {
        // The words of the public service, which people search for.
        Some(_) => Problem::new(Code::JweMalformed).detail("Invalid JWE Header 'cty'"),
        None => Problem::new(Code::JweMalformed),
    };
    Err(problem.findings(findings))
}

/// The answer to a submit that is there already: the same again is fine (its answer may have been lost), anything else is not.
pub(in crate::routes) async fn expect_same(
    context: &Context,
    consignment: &Consignment,
    sealed: &Sealed,
) -> Result<(), Refused> {
    match context.store().content(consignment.subject).await? {
        Some(content) if content == sealed.content => Ok(()),
        Some(_) | None => {
            let detail = format!("it is {} already, with other content", consignment.state);
            Err(consignment.closed(detail))
        }
    }
}

/// Everything announced has arrived, and is not too much together.
pub(in crate::routes) fn check_attachments(
    context: &Context,
    consignment: &Consignment,
) -> Result<(), Refused> {
    let arrived: BTreeSet<_> = consignment
        .attachments
        .iter()
        .map(|attachment| attachment.id)
        .collect();
    let missing: Findings = consignment
        .announced
        .iter()
        .filter(|id| !arrived.contains(id))
        .map(|id| {
            let text = Bilingual::new("wurde noch nicht hochgeladen", "has not been uploaded yet");
            Finding::new(format!("attachment:{id}"), "missing", text)
        })
        .collect();
    if !missing.is_empty() {
        return Err(Problem::new(Code::AttachmentsMissing)
            .findings(missing)
            .into());
    }
    // Uploads that ran side by side may have passed their own checks and be too much together.
    let total: u64 = consignment
        .attachments
        .iter()
        .map(|attachment| attachment.size_bytes)
        .sum();
    let most = context.limits().submission_bytes;
    if total > most {
        let detail = format!("at most {most} bytes of encrypted attachments");
        return Err(Problem::new(Code::SubmissionTooLarge).detail(detail).into());
    }
    Ok(())
}

/// The tags of all parts.
pub(in crate::routes) fn tags(consignment: &Consignment, sealed: &Sealed) -> AuthenticationTags {
    let attachments: BTreeMap<_, _> = consignment
        .attachments
        .iter()
        .map(|attachment| (attachment.id, attachment.tag.clone()))
        .collect();
    AuthenticationTags {
        metadata: sealed.metadata_tag.clone(),
        data: sealed.data_tag.clone(),
        attachments,
    }
}

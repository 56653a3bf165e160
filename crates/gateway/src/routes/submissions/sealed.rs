//! What sealed parts must look like from outside. The service holds no keys: header, form and tag are all it sees.

use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::jwe_header::{JweHeader, Part};
use amtsbote_jose::{Header, KeyUse, jwe};
use amtsbote_model::DestinationId;
use amtsbote_problem::{Bilingual, Finding, Findings};

use crate::Context;
use crate::answer::Refused;

/// The names of the destination's encryption keys, present and past.
pub(in crate::routes) async fn encryption_kids(
    context: &Context,
    id: DestinationId,
) -> Result<Vec<String>, Refused> {
    let is_for_encryption = |jwk: &str| {
        let jwk: serde_json::Value = serde_json::from_str(jwk).unwrap_or_default();
        jwk.get("alg").and_then(|alg| alg.as_str()) == Some(KeyUse::Encryption.algorithm())
    };
    let keys = context.store().keys(id).await?;
    Ok(keys
        .into_iter()
        .filter(|key| is_for_encryption(&key.jwk))
        .map(|key| key.kid)
        .collect())
}

/// What the version does not allow in the header of the part at `at`.
pub(in crate::routes) fn header_findings(
    header: &Header,
    (version, part): (ApiVersion, Part),
    kids: &[String],
    at: &str,
) -> Findings {
    let judged = JweHeader {
        cty: header.cty(),
        zip: header.is_packed().then_some("DEF"),
        kid: header.kid(),
        typ: header.typ(),
    };
    let mut findings = judged.check(version, part);
    let named = header
        .kid()
        .is_some_and(|kid| kids.iter().any(|known| known == kid));
    // v1 clients name the key by its thumbprint (RFC 7638): only v2 is held to `encryptionKid`.
    if version == ApiVersion::V2 && !named {
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

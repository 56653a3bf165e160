//! Keys of destinations whose certificates must lead to a root that the operator names.

use amtsbote_jose::{CertificateRule, PublicKey, TrustAnchors, X5c};

use crate::bench::{Bench, ENCRYPTION_KEY, FORGED_KEY};

/// Anchors made of a key's own certificate: that key has the shortest chain there is.
fn anchored(key: &PublicKey) -> TrustAnchors {
    let der = key.to_json()["x5c"][0].as_str().unwrap().to_owned();
    let lines: Vec<&str> = der
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    );
    TrustAnchors::from_pem(pem.as_bytes()).unwrap()
}

async fn check(rule: CertificateRule, trusted: u16, self_signed: u16) {
    let bench = Bench::of(|parts| parts.certificates = rule).await;
    let path = format!("/submission-api/v1/destinations/{}/keys", bench.destination);
    let add = |key: &PublicKey, kid: &str| {
        let mut jwk = key.to_json();
        jwk["kid"] = kid.into();
        bench.post(&path).by("subscriber").json(&jwk)
    };
    add(ENCRYPTION_KEY.public(), "trusted-wrapKey")
        .await
        .expect(trusted);
    let answer = add(FORGED_KEY.public(), "stranger-verify").await;
    answer.expect(self_signed);
    if self_signed == 400 {
        assert_eq!(answer.findings(), ["key-policy /x5c"]);
        assert_eq!(
            answer.json()["findings"][0]["detail"]["de"],
            "das Zertifikat in `x5c` ist selbst signiert"
        );
    }
}

#[tokio::test]
async fn without_anchors_any_certificate_will_do() {
    check(X5c::Required.into(), 201, 201).await;
}

#[tokio::test]
async fn with_anchors_a_key_must_lead_to_one() {
    let rule = CertificateRule::from(X5c::Required).trusting(anchored(ENCRYPTION_KEY.public()));
    check(rule.clone(), 201, 400).await;
    check(rule.danger_self_signed(), 201, 201).await;
}

//! Packed attachments (`zip` of RFC 7516 §4.1.3, API v1): they may grow a thousandfold.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use amtsbote_agent::Agent;
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::event::Violation;
use amtsbote_jose::PrivateKey;
use josekit::jwe::{JweHeader, RSA_OAEP_256, serialize_compact};
use josekit::jwk::Jwk;
use serde_json::json;

use crate::bench::{Bench, Draft};
use crate::large::Weigher;
use crate::ways::Meter;

fn packed(plain: &[u8], key: &PrivateKey) -> String {
    let mut jwk = key.public().to_json();
    // josekit wants `encrypt` or nothing.
    jwk.as_object_mut().unwrap().remove("key_ops");
    let jwk = Jwk::from_bytes(jwk.to_string()).unwrap();
    let mut header = JweHeader::new();
    header.set_content_encryption("A256GCM");
    header.set_compression("DEF");
    header.set_key_id(key.kid());
    serialize_compact(
        plain,
        &header,
        &RSA_OAEP_256.encrypter_from_jwk(&jwk).unwrap(),
    )
    .unwrap()
}

fn draft(plain: &[u8]) -> Draft {
    Draft {
        seal_attachment: packed,
        ..Draft::with(&json!({ "name": "Ada", "zahl": 7 }), &[plain])
    }
}

#[tokio::test]
async fn a_packed_attachment_comes_in_small_pieces() {
    let bench = Bench::of(ApiVersion::V1).await;
    let plain = vec![b' '; 30_000_000];
    let ids = bench.send(draft(&plain)).await;
    let weigher = Arc::new(Weigher::new(Arc::new(Meter::default())));
    let mut parts = bench.parts();
    parts.destinations[0].outbound = weigher.clone();
    Agent::new(parts).run_once().await.unwrap();
    assert_eq!(bench.delivery(&ids).await.name(), "done");
    assert_eq!(
        *weigher.sha512.lock().unwrap(),
        amtsbote_jose::sha512_hex(&plain)
    );
    assert!(weigher.piece_max_bytes.load(Ordering::SeqCst) <= 256 * 1024);
}

#[tokio::test]
async fn a_packed_attachment_that_grows_beyond_the_bound_is_refused() {
    let bench = Bench::of(ApiVersion::V1).await;
    let ids = bench.send(draft(&vec![b' '; 5_000_000])).await;
    let mut parts = bench.parts();
    parts.policy.attachment_max_bytes = 1_000_000;
    Agent::new(parts).run_once().await.unwrap();
    let problems = bench.problems(&ids).await;
    assert_eq!(problems[0].violation(), Some(Violation::EncryptionIssue));
    bench.assert_spool_empty().await;
}

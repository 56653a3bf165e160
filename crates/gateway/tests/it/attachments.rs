//! Uploading and downloading attachments.

use std::time::Duration;

use amtsbote_gateway::Limits;
use amtsbote_model::submission::State;
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;

use crate::bench::{Bench, new_attachment, sealed, with_header};

#[tokio::test]
async fn an_attachment_comes_back_as_it_went_in() {
    let bench = Bench::new().await;
    let id = new_attachment();
    let text = sealed(&vec![7; 1_000_000], "application/pdf");
    let ids = bench.announce("v2", &[id]).await;
    bench.upload(&ids, id, text.clone()).await.expect(204);
    bench
        .get(&ids.attachment(id))
        .by("subscriber")
        .await
        .refuses(404, "submission-not-found");
    bench.submit(&ids).await.expect(200);
    let back = bench.get(&ids.attachment(id)).by("subscriber").await;
    back.expect(200);
    assert_eq!(back.header("content-type"), "application/jose");
    assert_eq!(back.header("content-length"), text.len().to_string());
    assert_eq!(back.text(), text);
    let tag = text.rsplit('.').next().unwrap();
    assert_eq!(
        bench.submit_payload(&ids).await["authenticationTags"]["attachments"][id.to_string()],
        tag
    );
    bench
        .get(&ids.attachment(new_attachment()))
        .by("subscriber")
        .await
        .refuses(404, "attachment-not-found");
}

#[tokio::test]
async fn a_second_upload_replaces_the_first_and_its_blob() {
    let bench = Bench::new().await;
    let id = new_attachment();
    let ids = bench.announce("v1", &[id]).await;
    bench
        .upload(&ids, id, sealed(b"first", "application/pdf"))
        .await
        .expect(204);
    let second = sealed(b"second", "application/pdf");
    bench.upload(&ids, id, second.clone()).await.expect(204);
    assert_eq!(bench.blob_count().await, 1);
    bench.submit(&ids).await.expect(202);
    assert_eq!(
        bench.get(&ids.attachment(id)).by("subscriber").await.text(),
        second
    );
    bench
        .upload(&ids, id, second)
        .await
        .refuses(422, "submission-closed");
    assert_eq!(bench.blob_count().await, 1);
}

#[tokio::test]
async fn a_refused_upload_leaves_nothing() {
    let bench = Bench::new().await;
    let id = new_attachment();
    let good = sealed(b"x", "application/pdf");
    let header = |change: (&str, &str)| {
        let mut header = json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "application/pdf", "kid": "destination-wrapKey"});
        header[change.0] = json!(change.1);
        with_header(&good, &header)
    };
    for (version, text, finding) in [
        ("v1", String::new(), "jwe attachment:"),
        ("v1", "%PDF-1.7".to_owned(), "jwe attachment:"),
        ("v1", good[..good.len() - 1].to_owned(), "jwe attachment:"),
        ("v1", format!("{good}."), "jwe attachment:"),
        ("v1", header(("alg", "RSA1_5")), "jwe attachment:"),
        ("v1", header(("enc", "A256CBC-HS512")), "jwe attachment:"),
        ("v2", header(("zip", "DEF")), "forbidden attachment:#zip"),
        (
            "v2",
            header(("kid", "somebody-elses")),
            "unknown-key attachment:#kid",
        ),
    ] {
        let ids = bench.announce(version, &[id]).await;
        let answer = bench.upload(&ids, id, text).await;
        answer.refuses(422, "jwe-malformed");
        let found: Vec<_> = answer
            .findings()
            .iter()
            .map(|found| found.replace(&id.to_string(), ""))
            .collect();
        assert_eq!(found, [finding]);
        assert_eq!(bench.stored(&ids).await.attachments, []);
        assert_eq!(bench.blob_count().await, 0);
    }
    let ids = bench.announce("v1", &[id]).await;
    // What v1 clients send: a thumbprint, compression.
    bench
        .upload(&ids, id, header(("zip", "DEF")))
        .await
        .expect(204);
    bench
        .upload(
            &ids,
            id,
            header(("kid", "NFNb7k84r61G9ayAAJItJCNGl7wKWif9HyBAgicJq_8")),
        )
        .await
        .expect(204);
}

#[tokio::test]
async fn only_announced_attachments_of_ones_own_are_taken() {
    let bench = Bench::new().await;
    let id = new_attachment();
    let ids = bench.announce("v2", &[id]).await;
    let text = sealed(b"x", "application/pdf");
    bench
        .upload(&ids, new_attachment(), text.clone())
        .await
        .refuses(422, "attachment-not-announced");
    let put = || bench.put(&ids.attachment(id));
    // 404 is no answer of this route.
    put()
        .by("other-sender")
        .jose(text.clone())
        .await
        .refuses(403, "submission-not-yours");
    put()
        .by("sender")
        .body("application/pdf", text.clone())
        .await
        .refuses(415, "media-type-unsupported");
    put()
        .by("subscriber")
        .jose(text)
        .await
        .refuses(403, "not-permitted");
    assert_eq!(bench.blob_count().await, 0);
}

#[tokio::test]
async fn attachments_have_limits_alone_and_together() {
    let size = sealed(b"xxx", "application/pdf").len() as u64;
    let limits = Limits {
        attachment_bytes: size,
        submission_bytes: 2 * size,
        ..Limits::default()
    };
    let bench = Bench::with_limits(limits).await;
    let list: Vec<_> = (0..3).map(|_| new_attachment()).collect();
    let ids = bench.announce("v2", &list).await;
    let fits = || sealed(b"xxx", "application/pdf");
    bench
        .upload(&ids, list[0], sealed(b"xxxx", "application/pdf"))
        .await
        .refuses(413, "attachment-too-large");
    bench.upload(&ids, list[0], fits()).await.expect(204);
    bench.upload(&ids, list[1], fits()).await.expect(204);
    bench.upload(&ids, list[1], fits()).await.expect(204);
    bench
        .upload(&ids, list[2], fits())
        .await
        .refuses(413, "submission-too-large");
    // Nobody said beforehand how long it would be.
    let pieces = stream::iter([
        Ok::<_, std::io::Error>(Bytes::from(fits())),
        Ok(Bytes::from("x")),
    ]);
    let answer = bench
        .put(&ids.attachment(list[0]))
        .by("sender")
        .body("application/jose", Body::from_stream(pieces))
        .await;
    answer.refuses(413, "attachment-too-large");
    assert_eq!(bench.blob_count().await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_silent_upload_is_given_up() {
    let bench = Bench::new().await;
    let id = new_attachment();
    let ids = bench.announce("v2", &[id]).await;
    let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from("eyJ"))]);
    let silent = futures_util::StreamExt::chain(begun, stream::pending());
    let answer = bench
        .put(&ids.attachment(id))
        .by("sender")
        .body("application/jose", Body::from_stream(silent))
        .await;
    answer.refuses(408, "too-slow");
    assert_eq!(bench.blob_count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_drips_is_given_up_in_the_end() {
    let bench = Bench::new().await;
    let id = new_attachment();
    let ids = bench.announce("v2", &[id]).await;
    // Whole but for its end, which comes so slowly that no silence is too long.
    let text = sealed(b"x", "application/pdf");
    let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from(text))]);
    let drip = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(59)).await;
        Some((Ok(Bytes::new()), ()))
    });
    let answer = bench
        .put(&ids.attachment(id))
        .by("sender")
        .body(
            "application/jose",
            Body::from_stream(futures_util::StreamExt::chain(begun, drip)),
        )
        .await;
    answer.refuses(408, "too-slow");
    assert_eq!(bench.blob_count().await, 0);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let bench = Bench::new().await;
    let id = new_attachment();
    let ids = bench.announce("v2", &[id]).await;
    let text = sealed(b"x", "application/pdf");
    let broken = stream::iter([Ok(Bytes::from(text)), Err(std::io::Error::other("gone"))]);
    let answer = bench
        .put(&ids.attachment(id))
        .by("sender")
        .body("application/jose", Body::from_stream(broken))
        .await;
    answer.refuses(400, "malformed-request");
    assert_eq!(
        (bench.blob_count().await, bench.stored(&ids).await.state),
        (0, State::Created)
    );
    assert_eq!(bench.stored(&ids).await.attachments, []);
}

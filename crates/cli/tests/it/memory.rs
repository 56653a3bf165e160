//! Large attachments pass through in little memory, however large they are. `AMTSBOTE_LONG=1` takes the largest one
//! the service allows (500 000 000 bytes of ciphertext) instead of 60 MB.

use std::io;
use std::time::{Duration, Instant};

use amtsbote_client::{Sender, Subscriber};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_jose::{KeyUse, OpenReader, PrivateKey, PublicKey, SealWriter, Sha512Stream, X5c};
use amtsbote_model::AttachmentId;
use amtsbote_model::submission::State;
use bytes::Bytes;
use futures_util::{Stream, stream};
use uuid::Uuid;

use crate::stand::{Facts, LOOK, Place, Program, files_below};
use crate::wire::{Application, announcement, description, encryption_key, seal_content, session};

const PEAK_MAX_KIB: u64 = 150 * 1024;
/// What ten times the size may add: buffers that grow once, and the allocator's leftovers.
const GROWTH_MAX_KIB: u64 = 24 * 1024;
const SMALL_BYTES: u64 = 6_000_000;
const PIECE_BYTES: usize = 60_000;
const DELIVERED_MAX: Duration = Duration::from_mins(5);

#[expect(
    clippy::disallowed_methods,
    reason = "the long run is asked for by whoever has the time"
)]
fn large_bytes() -> u64 {
    match std::env::var("AMTSBOTE_LONG") {
        // In base64url, 4 characters for 3 bytes, it just fits into 500 000 000.
        Ok(_) => 374_900_000,
        Err(_) => 60_000_000,
    }
}

/// The plaintext: noise that repeats, so that nobody gets away with compressing it.
struct Noise {
    piece: Vec<u8>,
    left: u64,
}

impl Noise {
    fn new(bytes: u64) -> Self {
        let piece = (0..PIECE_BYTES / 32).flat_map(|_| amtsbote_jose::random_bytes::<32>());
        Self {
            piece: piece.collect(),
            left: bytes,
        }
    }

    fn again(&self, bytes: u64) -> Self {
        Self {
            piece: self.piece.clone(),
            left: bytes,
        }
    }

    fn next(&mut self) -> Option<&[u8]> {
        let take = usize::try_from(self.left.min(self.piece.len() as u64)).unwrap();
        self.left -= take as u64;
        (take > 0).then(|| &self.piece[..take])
    }

    fn sha512(mut self) -> String {
        let mut hash = Sha512Stream::new();
        while let Some(piece) = self.next() {
            hash.push(piece);
        }
        hash.finish_hex()
    }
}

/// The JWE of the noise, made while it is sent.
fn sealed(noise: Noise, key: &PublicKey) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    let writer = SealWriter::new(key, "application/pdf").unwrap();
    stream::unfold((noise, Some(writer)), async |(mut noise, mut writer)| {
        let mut out = String::new();
        match noise.next() {
            Some(piece) => writer.as_mut()?.push(piece, &mut out).unwrap(),
            None => {
                writer.take()?.finish(&mut out).unwrap();
            }
        }
        Some((Ok(Bytes::from(out)), (noise, writer)))
    })
}

/// Sends an application with one attachment of `bytes` bytes.
async fn send(facts: &Facts, bytes: u64) -> (SubmissionRef, AttachmentId, String) {
    let key = encryption_key(facts);
    let sender = Sender::new(session(facts, "sender", ApiVersion::V2));
    let noise = Noise::new(bytes);
    let sha512 = noise.again(bytes).sha512();
    let id = AttachmentId::from_uuid(Uuid::new_v4());
    let application = Application::new("Musterfrau", vec![Vec::new()]);
    let ids = sender
        .announce(&announcement(facts, vec![id]))
        .await
        .unwrap();
    sender
        .upload(ids.submission_id, id, sealed(noise, &key), None)
        .await
        .unwrap();
    let content = seal_content(&application.data, vec![description(id, 0, &sha512)], &key);
    sender.submit(ids.submission_id, &content).await.unwrap();
    (ids, id, sha512)
}

/// Fetches, opens and hashes the attachment.
async fn fetch(facts: &Facts, ids: SubmissionRef, id: AttachmentId) -> String {
    let text = std::fs::read_to_string(facts.text("/keys/decryption")).unwrap();
    let key = PrivateKey::parse(&text, KeyUse::Encryption, X5c::Optional).unwrap();
    let subscriber = Subscriber::new(session(facts, "subscriber", ApiVersion::V2));
    let mut download = subscriber.download(ids.submission_id, id).await.unwrap();
    let mut opener = OpenReader::new(&[key], 500_000_000, 500_000_000);
    let (mut hash, mut out) = (Sha512Stream::new(), Vec::new());
    while let Some(piece) = download.next().await.unwrap() {
        opener.push(&piece, &mut out).unwrap();
        hash.push(&out);
        out.clear();
    }
    opener.finish(&mut out).unwrap();
    hash.push(&out);
    hash.finish_hex()
}

fn assert_flat(what: &str, sandbox: &Program, small_kib: u64, bytes: u64) {
    let peak_kib = sandbox.memory_kib("VmHWM");
    println!(
        "{what}: {bytes} bytes, peak {} MiB (small one: {} MiB)",
        peak_kib / 1024,
        small_kib / 1024
    );
    assert!(peak_kib <= PEAK_MAX_KIB, "{what}: {peak_kib} KiB");
    assert!(
        peak_kib <= small_kib + GROWTH_MAX_KIB,
        "{what}: grew from {small_kib} to {peak_kib} KiB"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_passes_a_large_attachment_in_little_memory() {
    let place = Place::new();
    let sandbox = place.start(&[]);
    let facts = place.facts();
    let mut small_kib = 0;
    for bytes in [SMALL_BYTES, large_bytes()] {
        let (ids, id, sha512) = send(&facts, bytes).await;
        assert_eq!(fetch(&facts, ids, id).await, sha512);
        if bytes == SMALL_BYTES {
            small_kib = sandbox.memory_kib("VmHWM");
        }
    }
    assert_flat("gateway", &sandbox, small_kib, large_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_and_agent_in_one_process_deliver_a_large_attachment_in_little_memory() {
    let place = Place::new();
    let sandbox = place.start(&["--with-agent"]);
    let facts = place.facts();
    let sender = session(&facts, "sender", ApiVersion::V2);
    let mut small_kib = 0;
    for bytes in [SMALL_BYTES, large_bytes()] {
        let (ids, ..) = send(&facts, bytes).await;
        let end = Instant::now() + DELIVERED_MAX;
        loop {
            let log = sender.verified_log(ids).await.unwrap().unwrap();
            if log.state() == State::Accepted {
                break;
            }
            assert_eq!(log.state(), State::Submitted, "{}", sandbox.talk());
            assert!(Instant::now() < end, "{}", sandbox.talk());
            tokio::time::sleep(LOOK).await;
        }
        if bytes == SMALL_BYTES {
            small_kib = sandbox.memory_kib("VmHWM");
        }
    }
    assert_flat("gateway and agent", &sandbox, small_kib, large_bytes());
    let brought: u64 = files_below(&place.dir().join("out"))
        .iter()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert!(
        brought >= large_bytes() + SMALL_BYTES,
        "only {brought} bytes were brought"
    );
}

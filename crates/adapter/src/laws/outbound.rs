//! The laws of transports (design.md §3: one effect per submission, no content elsewhere, flat memory).

#![expect(
    clippy::missing_panics_doc,
    reason = "a law panics where it is broken; that is its answer"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_model::{ParcelId, Personal};
use bytes::Bytes;
use futures_util::future::join_all;

use super::sources::{Script, Scripted};
use crate::check::collect;
use crate::laws::is_told_in_two_languages;
use crate::{
    Archive, Arrival, AttachmentSource, Fault, Outbound, Parcel, ParcelFile, Piece, Receipt,
    bytes_source,
};

const LIMIT: Duration = Duration::from_mins(1);
const MARK: &str = "Geheimnis-7f3a";

/// The files of one parcel as the procedure sees them: path → bytes.
pub type Arrived = BTreeMap<String, Vec<u8>>;

/// A transport and the scripted peer behind it. Every law gets a fresh one.
pub trait Bench {
    /// A way out to the peer, in good order. Called again, it is another process at the same peer.
    fn way(&self) -> Box<dyn Outbound>;

    /// A way out to a peer in trouble; `None` if this trouble can't come up on this way.
    fn troubled(&self, trouble: Trouble) -> Option<Box<dyn Outbound>>;

    /// The parcels that are with the peer now, each whole.
    fn arrived(&self) -> Vec<Arrived>;

    /// Everything the peer can see, whole or not, by name.
    fn visible(&self) -> Vec<String>;

    /// The procedure takes everything away.
    fn consume(&self);

    /// How often a parcel may arrive whose bringer was cut off once.
    fn repeats(&self) -> Repeats {
        Repeats::Once
    }

    /// From now on the peer knows nothing again by itself, if the way asks before it repeats.
    fn recognise_nothing(&self) {}

    /// Whether the peer has carried out whatever it was asked for by calls that are gone.
    fn is_at_rest(&self) -> bool {
        true
    }

    /// A delivery is cut off after each so many polls. More than one where a delivery is long and dear; what is left out
    /// between two requests changes nothing at the peer.
    fn stride(&self) -> u32 {
        1
    }

    /// What the way noted last of this parcel is lost, though it had been durable. Whether that can be made up for; `false` where
    /// nothing is noted, or nobody could be asked.
    fn lose_last_note(&self, _: &Parcel) -> bool {
        false
    }
}

/// How often a parcel may arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// Once, whatever happens.
    Once,
    /// Once more for each bringer that was cut off with the peer's word on its way: the peer recognises no repeats and cannot be asked.
    OncePerDeath,
}

/// What can be wrong at the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Refuses every parcel for good.
    Refusing,
    /// Breaks off in the middle.
    Cut,
    /// Asks to come again after 7 seconds.
    Busy,
    /// Is not where the settings say.
    WrongPlace,
    /// Does not let us.
    NoRight,
}

fn parcel(nr: u128, files: Vec<ParcelFile>) -> Parcel {
    Parcel {
        id: ParcelId::from_uuid(uuid::Uuid::from_u128(0x7000_8000 << 64 | nr)),
        files,
    }
}

fn file(path: &str, pieces: Vec<Piece>) -> ParcelFile {
    let path = path.parse().expect("the laws use safe paths");
    ParcelFile {
        path,
        media_type: "application/octet-stream".to_owned(),
        pieces,
    }
}

fn text(text: &str) -> Piece {
    Piece::Bytes(Personal::new(Bytes::copy_from_slice(text.as_bytes())))
}

pub(super) fn small(nr: u128) -> Parcel {
    let pdf = Piece::Attachment(bytes_source(Bytes::from_static(b"%PDF-1.7 invented")));
    parcel(
        nr,
        vec![
            file(
                "antrag.json",
                vec![text("{\"nr\":"), text(&nr.to_string()), text("}")],
            ),
            file("anlagen/01-plan.pdf", vec![pdf]),
        ],
    )
}

fn with_source(nr: u128, source: Arc<dyn AttachmentSource>) -> Parcel {
    parcel(
        nr,
        vec![
            file("antrag.json", vec![text("{}")]),
            file("anlagen/01-gross.bin", vec![Piece::Attachment(source)]),
        ],
    )
}

fn contents(parcel: &Parcel) -> Vec<Vec<u8>> {
    let mut contents: Vec<Vec<u8>> = parcel
        .files
        .iter()
        .map(|file| collect(file).expect("in memory"))
        .collect();
    contents.sort();
    contents
}

/// What is not empty, sorted.
pub(super) fn contents_of(parcel: &Parcel) -> Vec<Vec<u8>> {
    let mut contents = contents(parcel);
    contents.retain(|bytes| !bytes.is_empty());
    contents
}

// Transports may name files anew (flat layouts), so contents are compared; empty markers don't count.
fn assert_arrived(bench: &impl Bench, parcels: &[&Parcel]) {
    let whole = |contents: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
        contents
            .into_iter()
            .filter(|bytes| !bytes.is_empty())
            .collect()
    };
    let mut expected: Vec<Vec<Vec<u8>>> = parcels
        .iter()
        .map(|parcel| whole(contents(parcel)))
        .collect();
    let mut arrived: Vec<Vec<Vec<u8>>> = bench
        .arrived()
        .into_iter()
        .map(|files| {
            let mut contents: Vec<Vec<u8>> = files.into_values().collect();
            contents.sort();
            whole(contents)
        })
        .collect();
    expected.sort();
    arrived.sort();
    assert!(
        expected == arrived,
        "not exactly the parcels arrived: {} expected, {} there",
        expected.len(),
        arrived.len()
    );
}

async fn new_receipt(way: &dyn Outbound, parcel: &Parcel) -> Receipt {
    let receipt = way
        .deliver(parcel, LIMIT)
        .await
        .expect("the peer is in good order");
    assert_eq!(receipt.arrival, Arrival::New);
    receipt
}

/// Accepted → a receipt, and the procedure has every byte.
pub async fn an_accepted_parcel_gives_a_receipt(bench: &impl Bench) {
    let parcel = small(1);
    let receipt = new_receipt(bench.way().as_ref(), &parcel).await;
    assert!(!receipt.place.is_empty());
    assert_arrived(bench, &[&parcel]);
}

/// A parcel that was handed over has no second effect, also from another process.
pub async fn a_repeated_parcel_is_kept_once(bench: &impl Bench) {
    let parcel = small(1);
    let way = bench.way();
    let first = new_receipt(way.as_ref(), &parcel).await;
    for way in [way, bench.way()] {
        let again = way
            .deliver(&parcel, LIMIT)
            .await
            .expect("a repeat succeeds");
        assert_eq!(
            (again.arrival, &again.place),
            (Arrival::Repeated, &first.place)
        );
    }
    assert_arrived(bench, &[&parcel]);
}

/// The procedure moved the parcel away; a repeat must not bring it a second time.
pub async fn a_repeated_parcel_is_kept_once_after_the_procedure_took_it(bench: &impl Bench) {
    let parcel = small(1);
    new_receipt(bench.way().as_ref(), &parcel).await;
    bench.consume();
    let again = bench
        .way()
        .deliver(&parcel, LIMIT)
        .await
        .expect("a repeat succeeds");
    assert_eq!(again.arrival, Arrival::Repeated);
    assert_arrived(bench, &[]);
}

/// Two workers with the same parcel: one effect. A loser may be told to come again.
pub async fn the_same_parcel_twice_at_once_is_kept_once(bench: &impl Bench) {
    let source = Scripted::new(1_000_000, 10_000, Script::Whole);
    let parcel = with_source(1, source);
    let ways: Vec<_> = (0..4).map(|_| bench.way()).collect();
    let outcomes = join_all(ways.iter().map(|way| way.deliver(&parcel, LIMIT))).await;
    let new = outcomes
        .iter()
        .filter(|outcome| {
            matches!(
                outcome,
                Ok(Receipt {
                    arrival: Arrival::New,
                    ..
                })
            )
        })
        .count();
    assert_eq!(new, 1, "exactly one call brought it");
    for outcome in outcomes {
        assert!(
            matches!(outcome, Ok(_) | Err(Fault::Unavailable { .. })),
            "{outcome:?}"
        );
    }
    let again = bench
        .way()
        .deliver(&parcel, LIMIT)
        .await
        .expect("a repeat succeeds");
    assert_eq!(again.arrival, Arrival::Repeated);
    assert_arrived(bench, &[&parcel]);
}

/// Different parcels don't get into each other's way.
pub async fn different_parcels_at_once_all_arrive(bench: &impl Bench) {
    let parcels: Vec<Parcel> = (1..=8).map(small).collect();
    let way = bench.way();
    for outcome in join_all(parcels.iter().map(|parcel| way.deliver(parcel, LIMIT))).await {
        assert_eq!(
            outcome.expect("the peer is in good order").arrival,
            Arrival::New
        );
    }
    assert_arrived(bench, &parcels.iter().collect::<Vec<_>>());
}

/// Every size around the edges of base64 and of pieces arrives byte for byte.
pub async fn attachments_arrive_identical(bench: &impl Bench) {
    let mut files = vec![file("antrag.xml", vec![text("<antrag/>")])];
    for (nr, (size, piece)) in [
        (1, 1),
        (2, 1),
        (3, 2),
        (262_145, 262_144),
        (700_001, 65_537),
    ]
    .into_iter()
    .enumerate()
    {
        let source = Scripted::new(size, piece, Script::Whole);
        let framed = vec![
            text("<inhalt>"),
            Piece::Base64(source.clone()),
            text("</inhalt>"),
        ];
        files.push(file(
            &format!("anlagen/{nr}.bin"),
            vec![Piece::Attachment(source)],
        ));
        files.push(file(&format!("anlagen/{nr}.xml"), framed));
    }
    let parcel = parcel(1, files);
    new_receipt(bench.way().as_ref(), &parcel).await;
    assert_arrived(bench, &[&parcel]);
}

/// An archive, which is written while it streams, arrives byte for byte, beside other files and alone; one whose source fails leaves
/// nothing.
pub async fn an_archive_arrives_whole(bench: &impl Bench) {
    let way = bench.way();
    let zipped = |script: Script| {
        let source = Scripted::new(700_001, 65_537, script);
        let inside = vec![
            file("antrag.xml", vec![text("<antrag/>")]),
            file("anlagen/Größe.bin", vec![Piece::Attachment(source.clone())]),
            file("anlagen/2.txt", vec![Piece::Base64(source)]),
        ];
        let archive = Archive::new(inside).expect("a small archive");
        file("antrag.zip", vec![Piece::Zip(Arc::new(archive))])
    };
    let before = bench.visible();
    let broken = parcel(2, vec![zipped(Script::Fails)]);
    let fault = way.deliver(&broken, LIMIT).await;
    assert!(matches!(fault, Err(Fault::Unavailable { .. })), "{fault:?}");
    assert_eq!(bench.visible(), before);
    let whole = [
        parcel(
            1,
            vec![file("a.xml", vec![text("<a/>")]), zipped(Script::Whole)],
        ),
        parcel(2, vec![zipped(Script::Whole)]),
    ];
    for parcel in &whole {
        new_receipt(way.as_ref(), parcel).await;
    }
    assert_arrived(bench, &[&whole[0], &whole[1]]);
}

/// 50 MB pass while at most 4 MiB of the source's pieces are alive.
pub async fn a_large_attachment_passes_in_bounded_memory(bench: &impl Bench) {
    let source = Scripted::new(50_000_000, 262_144, Script::Whole);
    let parcel = with_source(1, source.clone());
    new_receipt(bench.way().as_ref(), &parcel).await;
    let alive = source.alive_max_bytes();
    assert!(
        alive <= 4 * 1024 * 1024,
        "{alive} bytes of the attachment were held at once"
    );
    let whole = source.content();
    assert!(
        bench
            .arrived()
            .iter()
            .any(|files| files.values().any(|bytes| *bytes == whole))
    );
}

/// What a broken source gave so far never becomes visible, and the parcel can still be brought.
pub async fn a_source_that_fails_midway_leaves_nothing(bench: &impl Bench) {
    let way = bench.way();
    let before = bench.visible();
    let fault = way
        .deliver(
            &with_source(1, Scripted::new(400_000, 50_000, Script::Fails)),
            LIMIT,
        )
        .await;
    assert!(matches!(fault, Err(Fault::Unavailable { .. })), "{fault:?}");
    assert_eq!(bench.visible(), before);
    let parcel = with_source(1, Scripted::new(400_000, 50_000, Script::Whole));
    new_receipt(way.as_ref(), &parcel).await;
    assert_arrived(bench, &[&parcel]);
}

/// A worker that is stopped midway leaves nothing half visible, and the parcel can still be brought.
pub async fn dropping_the_call_midway_leaves_nothing_half_visible(bench: &impl Bench) {
    let way = bench.way();
    let before = bench.visible();
    let stalled = with_source(1, Scripted::new(400_000, 50_000, Script::Stalls));
    let dropped =
        tokio::time::timeout(Duration::from_millis(200), way.deliver(&stalled, LIMIT)).await;
    assert!(
        dropped.is_err(),
        "the source stalls, so the call cannot have ended"
    );
    assert_eq!(bench.visible(), before);
    let parcel = with_source(1, Scripted::new(400_000, 50_000, Script::Whole));
    new_receipt(way.as_ref(), &parcel).await;
    assert_arrived(bench, &[&parcel]);
}

/// A call ends within its limit, with `Unavailable`.
pub async fn silence_ends_within_the_limit(bench: &impl Bench) {
    let stalled = with_source(1, Scripted::new(400_000, 50_000, Script::Stalls));
    let way = bench.way();
    let call = way.deliver(&stalled, Duration::from_millis(100));
    let outcome = tokio::time::timeout(Duration::from_secs(10), call)
        .await
        .expect("ends by itself");
    assert!(
        matches!(outcome, Err(Fault::Unavailable { .. })),
        "{outcome:?}"
    );
    is_told_in_two_languages(&outcome.expect_err("was just looked at"));
    assert!(bench.arrived().is_empty());
}

/// A refusal stays one when repeated.
pub async fn a_refusal_is_final(bench: &impl Bench) {
    // Two files that are one on Windows: no receiver can take both.
    let twice = parcel(
        9,
        vec![
            file("antrag.json", vec![text("{}")]),
            file("Antrag.JSON", vec![text("[]")]),
        ],
    );
    let parcels = [twice, parcel(8, Vec::new())];
    let ways = [Some(bench.way()), bench.troubled(Trouble::Refusing)];
    for (refusing, way) in ways.into_iter().flatten().enumerate() {
        for parcel in if refusing == 0 {
            parcels.to_vec()
        } else {
            vec![small(1)]
        } {
            for _ in 0..2 {
                let outcome = way.deliver(&parcel, LIMIT).await;
                let Err(Fault::Rejected { findings }) = outcome else {
                    panic!("not refused: {outcome:?}")
                };
                assert!(!findings.is_empty());
            }
        }
    }
    assert!(bench.arrived().is_empty());
}

/// A connection that breaks leaves nothing half visible and may be tried again.
pub async fn a_cut_connection_is_unavailable(bench: &impl Bench) {
    if let Some(way) = bench.troubled(Trouble::Cut) {
        let outcome = way.deliver(&small(1), LIMIT).await;
        assert!(
            matches!(outcome, Err(Fault::Unavailable { .. })),
            "{outcome:?}"
        );
        is_told_in_two_languages(&outcome.expect_err("was just looked at"));
        assert!(bench.arrived().is_empty());
    }
}

/// A receiver's "later" is passed on.
pub async fn a_busy_receiver_says_when(bench: &impl Bench) {
    if let Some(way) = bench.troubled(Trouble::Busy) {
        let outcome = way.deliver(&small(1), LIMIT).await;
        let seven = Some(Duration::from_secs(7));
        assert!(
            matches!(&outcome, Err(Fault::Unavailable { retry_after, .. }) if *retry_after == seven),
            "{outcome:?}"
        );
        is_told_in_two_languages(&outcome.expect_err("was just looked at"));
    }
}

/// Wrong settings are a person's to correct, and the probe tells before the first parcel.
pub async fn a_wrong_place_or_missing_right_is_misconfigured(bench: &impl Bench) {
    for trouble in [Trouble::WrongPlace, Trouble::NoRight] {
        if let Some(way) = bench.troubled(trouble) {
            let outcome = way.deliver(&small(1), LIMIT).await;
            assert!(
                matches!(outcome, Err(Fault::Misconfigured { .. })),
                "{trouble:?}: {outcome:?}"
            );
            is_told_in_two_languages(&outcome.expect_err("was just looked at"));
            let probe = way.probe(LIMIT).await;
            assert!(
                matches!(probe, Err(Fault::Misconfigured { .. })),
                "{trouble:?}: {probe:?}"
            );
            is_told_in_two_languages(&probe.expect_err("was just looked at"));
        }
    }
}

/// A probe leaves no trace at the procedure.
pub async fn a_probe_has_no_effect(bench: &impl Bench) {
    let way = bench.way();
    let before = bench.visible();
    way.probe(LIMIT).await.expect("the peer is in good order");
    assert_eq!(bench.visible(), before);
    new_receipt(way.as_ref(), &small(1)).await;
}

/// Receipts and faults tell neither content nor file names.
pub async fn nothing_printed_tells_content(bench: &impl Bench) {
    let secret = |nr, script| {
        let source = Scripted::new(100, 10, script);
        let name = format!("anlagen/{MARK}.pdf");
        parcel(
            nr,
            vec![
                file("antrag.json", vec![text(MARK)]),
                file(&name, vec![Piece::Attachment(source)]),
            ],
        )
    };
    let troubles = [
        Trouble::Refusing,
        Trouble::Cut,
        Trouble::Busy,
        Trouble::WrongPlace,
        Trouble::NoRight,
    ];
    let mut ways: Vec<Box<dyn Outbound>> = troubles
        .into_iter()
        .filter_map(|trouble| bench.troubled(trouble))
        .collect();
    ways.push(bench.way());
    let mut printed = Vec::new();
    for way in &ways {
        for (nr, script) in [(1, Script::Fails), (2, Script::Whole)] {
            let outcome = way.deliver(&secret(nr, script), LIMIT).await;
            printed.push(format!("{outcome:?}"));
            printed.extend(outcome.err().map(|fault| fault.to_string()));
        }
    }
    let clash = parcel(
        3,
        vec![
            file(&format!("{MARK}.a"), vec![]),
            file(&format!("{MARK}.A"), vec![]),
        ],
    );
    printed.push(format!("{:?}", bench.way().deliver(&clash, LIMIT).await));
    assert!(
        printed.iter().all(|text| !text.contains(MARK)),
        "content or a file name was printed"
    );
}

//! The law that a file is called in documents as it lies.

#![expect(
    clippy::missing_panics_doc,
    reason = "a law panics where it is broken; that is its answer"
)]

use super::explained::{self, Leaf, leaves_of};
use super::format::{Bench, mapping};
use crate::example::Case;
use crate::placement::Names;
use crate::{Algorithm, Checksums, Opened, Package, ParcelFile, Piece, Product};

/// Whatever the way calls files: what names an attachment's file, a document or a list of checksums, names it so, and everything else
/// stays. Formats whose standard says the names refuse, which is the package's fault.
pub fn documents_call_files_as_they_lie(bench: &impl Bench) {
    let before = "vor-{parcel}".to_owned().try_into().expect("a pattern");
    for names in [Names::Behind(before), Names::Joined, Names::Last] {
        named_so(bench, &names);
    }
}

fn named_so(bench: &impl Bench, names: &Names) {
    for package in bench.packages() {
        let mapping = mapping(bench, &package);
        for example in &package.examples {
            let case = Case::read(&package, &example.name).expect("an example in good order");
            let opened = case.opened(&package);
            let behind = Opened {
                names,
                ..opened.clone()
            };
            let Ok(kept) = mapping.translate(&opened) else {
                continue;
            };
            match mapping.translate(&behind) {
                Ok(changed) => same_but_names(bench, &package, &opened, (&kept, &changed, names)),
                Err(findings) => {
                    let is_standard = |finding: &amtsbote_problem::Finding| {
                        finding.rule == "file-names"
                            && finding.whose == amtsbote_problem::Whose::Receiver
                    };
                    assert!(findings.iter().all(is_standard), "{findings:?}");
                }
            }
        }
    }
}

fn same_but_names(
    bench: &impl Bench,
    package: &Package,
    opened: &Opened<'_>,
    (kept, changed, names): (&Product, &Product, &Names),
) {
    let read = |file: &ParcelFile, bytes: &[u8]| bench.leaves(package, file, bytes);
    explained::check(package, opened.data.reveal(), changed, read);
    let paths = |product: &Product| -> Vec<String> {
        let path = |file: &ParcelFile| file.path.to_string();
        product.files.iter().map(path).collect()
    };
    assert_eq!(paths(kept), paths(changed), "{}", package.name);
    // Of an archive, names inside stay; its own document does not name it.
    let is_attachment =
        |file: &&ParcelFile| matches!(file.pieces.as_slice(), [Piece::Attachment(_)]);
    let attachments: Vec<&str> = kept
        .files
        .iter()
        .filter(is_attachment)
        .map(|file| file.path.as_str())
        .collect();
    let leaves = |product: &Product| -> Vec<Leaf> {
        let files = product.files.iter().filter(|file| !is_attachment(file));
        let inside = files.flat_map(explained::inside);
        let documents = inside.filter(|file| !is_attachment(file));
        documents.flat_map(|file| leaves_of(file, &read)).collect()
    };
    let (before, after) = (leaves(kept), leaves(changed));
    assert_eq!(before.len(), after.len(), "{}", package.name);
    for ((at, before), (_, after)) in before.iter().zip(&after) {
        let lies = |path: &str| names.of(opened.parcel_id, path).into_owned();
        let is_named = |path: &&&str| {
            let leaf = path.rsplit('/').next().unwrap_or_default();
            before == *path || before == leaf || before.ends_with(&format!("  {path}"))
        };
        match attachments.iter().find(is_named) {
            Some(path) => assert!(
                after.ends_with(&lies(path)),
                "{}: {at} names a file otherwise than it lies: {after}",
                package.name
            ),
            None if before == after => {}
            None => {
                let is_lying = |file: &ParcelFile| after.ends_with(&lies(file.path.as_str()));
                let mut files = changed.files.iter();
                assert!(
                    files.any(|file| is_lying(file) || is_told_of(file, after)),
                    "{}: {at} changed from {before} to {after}",
                    package.name
                );
            }
        }
    }
}

/// Length and checksums of a document change with the names in it.
fn is_told_of(file: &ParcelFile, text: &str) -> bool {
    let sums = Checksums::of_pieces(&file.pieces, &Algorithm::ALL);
    let is_sum = |algorithm: &Algorithm| {
        let sum = sums.as_ref().and_then(|sums| sums.get(*algorithm));
        sum.is_some_and(|sum| text.starts_with(sum))
    };
    text == file.size_bytes().to_string() || Algorithm::ALL.iter().any(is_sum)
}

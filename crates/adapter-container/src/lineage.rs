//! Where the values of files come from that no template makes: the data as sent, its generic rendering, manifests.

use amtsbote_adapter::file_lineage::called;
use amtsbote_adapter::placement::Names;
use amtsbote_translate::{Lineage, Place, Root};
use serde_json::Value;

use crate::generic::{Leaf, What};
use crate::manifest::Entry;

/// The files, and how documents have to call them.
type Called<'a> = (&'a [Entry], &'a Names);

/// Each value of the data in the file `file`, which holds it as it was sent.
pub(crate) fn as_sent(file: &str, data: &Value) -> Vec<Lineage> {
    let copied =
        |at: String| Lineage::copied(format!("{file}{at}"), Place::pointing(Root::Data, at));
    pointers(data).into_iter().map(copied).collect()
}

/// Each leaf of a generic rendering of the data; `above` stands before its paths.
pub(crate) fn rendered(above: &str, leaves: Vec<Leaf>) -> Vec<Lineage> {
    let one = |leaf: Leaf| {
        let output = format!("{above}{}", leaf.path);
        let place = Place::pointing(Root::Data, leaf.pointer);
        match leaf.what {
            What::Value => Lineage::copied(output, place),
            What::Type => Lineage::made(output, vec![place], "type"),
            What::Key => Lineage::made(output, vec![place], "key"),
        }
    };
    leaves.into_iter().map(one).collect()
}

/// Each value of the manifest written as JSON to `file`.
pub(crate) fn manifest_json(file: &str, manifest: &Value, entries: Called<'_>) -> Vec<Lineage> {
    let about = |at: String| about(format!("{file}{at}"), &at, entries);
    pointers(manifest).into_iter().map(about).collect()
}

/// Each leaf of the manifest rendered as XML; `above` stands before its paths.
pub(crate) fn manifest_xml(above: &str, leaves: Vec<Leaf>, entries: Called<'_>) -> Vec<Lineage> {
    let one = |leaf: Leaf| {
        let output = format!("{above}{}", leaf.path);
        match leaf.what {
            What::Value => about(output, &leaf.pointer, entries),
            What::Type => Lineage::made(output, Vec::new(), "type"),
            What::Key => Lineage::made(output, Vec::new(), "key"),
        }
    };
    leaves.into_iter().map(one).collect()
}

/// The element `attachment` in the one file, and its attributes.
pub(crate) fn inside(nr: usize, index: usize, name: Lineage) -> [Lineage; 5] {
    let place = Place::of(Root::Attachments).index(index);
    let at = format!("/container/attachment[{nr}]");
    [
        Lineage::made(format!("{at}/@nr"), Vec::new(), "nr"),
        Lineage {
            output: format!("{at}/@name"),
            ..name
        },
        Lineage::copied(format!("{at}/@media_type"), place.key("media_type")),
        Lineage::made(format!("{at}/@encoding"), Vec::new(), "base64"),
        Lineage::copied(at, place),
    ]
}

/// The value at `pointer` of a manifest (see `manifest.rs`) as `output`.
fn about(output: String, pointer: &str, entries: Called<'_>) -> Lineage {
    let whole = |root: Root, member: &str| {
        let place = Place::of(root);
        if member.is_empty() {
            place
        } else {
            place.key(member)
        }
    };
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    let place = match *parts.as_slice() {
        ["submission_id"] => whole(Root::Submission, "id"),
        ["destination_id"] => whole(Root::Submission, "destination_id"),
        ["service"] => whole(Root::Submission, "service"),
        ["case_id"] => whole(Root::Case, "id"),
        ["parcel_id"] => whole(Root::Parcel, "id"),
        ["received_at"] => whole(Root::ReceivedAt, ""),
        ["sender", ..] => {
            let inside = pointer.strip_prefix("/sender").unwrap_or_default();
            Place::pointing(Root::Sender, inside)
        }
        ["files" | "file", index, name] => return of_file(output, index, name, entries),
        ["package" | "schema", ..] => return Lineage::made(output, Vec::new(), "package.toml"),
        _ => return Lineage::made(output, Vec::new(), "manifest"),
    };
    Lineage::copied(output, place)
}

fn of_file(output: String, index: &str, name: &str, (entries, names): Called<'_>) -> Lineage {
    let entry = index.parse().ok().and_then(|at: usize| entries.get(at));
    let Some((attachment, said)) = entry.and_then(|entry| entry.attachment.as_ref()) else {
        // A file made of the data: its name, type, length and checksum.
        let made = Lineage::made(output, vec![Place::of(Root::Data)], name);
        return if name == "path" {
            called(made, names)
        } else {
            made
        };
    };
    let place = Place::of(Root::Attachments).index(*attachment);
    match name {
        "path" => {
            let said = said.clone();
            called(Lineage { output, ..said }, names)
        }
        "attachment_id" => Lineage::copied(output, place.key("id")),
        "original_filename" => Lineage::copied(output, place.key("filename")),
        name => Lineage::copied(output, place.key(name)),
    }
}

/// JSON pointers of everything that is neither list nor object. Depth is bounded by the parser of the data.
fn pointers(value: &Value) -> Vec<String> {
    let mut open = vec![(String::new(), value)];
    let mut found = Vec::new();
    while let Some((at, value)) = open.pop() {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(at),
            Value::Array(items) => {
                let inside = items.iter().enumerate().rev();
                open.extend(inside.map(|(index, item)| (format!("{at}/{index}"), item)));
            }
            Value::Object(members) => {
                let below =
                    |key: &str| format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                let inside = members.iter().rev();
                open.extend(inside.map(|(key, member)| (below(key), member)));
            }
        }
    }
    found
}

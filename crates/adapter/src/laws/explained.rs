//! The law that every value of every file is explained, and nothing is explained that is not there.
//!
//! Values are texts and attributes, cells, leaves of JSON, and what is said of a file: its name, its media type, its place in an archive.
//! What is a copy of an input is that input to the letter, or its lineage tells what the writer changed. A source that is made of others
//! is explained itself.

use std::collections::BTreeMap;

use amtsbote_translate::{Lineage, Place, Root, Trace};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use serde_json::Value;

use crate::check::{collect, numbered};
use crate::file_lineage::made_of;
use crate::{Package, ParcelFile, Piece, Product};

/// Path and text of a value in a file.
pub type Leaf = (String, String);

/// What explains the outputs of a product, by file.
struct Explained<'a> {
    package: &'a Package,
    data: &'a Value,
    lineage: BTreeMap<String, &'a Lineage>,
    seen: BTreeMap<String, bool>,
}

/// Checks one product; `read` gives the leaves of files that are neither XML nor JSON.
pub(super) fn check(
    package: &Package,
    data: &Value,
    product: &Product,
    read: impl Fn(&ParcelFile, &[u8]) -> Vec<Leaf>,
) {
    let told = || {
        product
            .lineage
            .iter()
            .filter(|one| one.trace != Trace::Decides)
    };
    let mut explained = Explained {
        package,
        data,
        lineage: told().map(|one| (plain(&one.output), one)).collect(),
        seen: told().map(|one| (plain(&one.output), false)).collect(),
    };
    assert_eq!(
        explained.lineage.len(),
        told().count(),
        "{}: an output is explained twice",
        package.name
    );
    let mut attachment = 0;
    for file in product.files.iter().flat_map(inside) {
        if let [Piece::Attachment(_)] = file.pieces.as_slice() {
            explained.attachment(attachment);
            attachment += 1;
            continue;
        }
        for (at, text) in leaves_of(file, &read) {
            explained.leaf(file.path.as_str(), &at, &text);
        }
    }
    explained.files(product);
    explained.sources(product);
    for (output, seen) in &explained.seen {
        assert!(seen, "{}: {output} points nowhere", package.name);
    }
    for one in told() {
        let is_data = |place: &&Place| place.root() == Root::Data && one.trace == Trace::Exact;
        for place in one.sources.iter().filter(is_data) {
            assert!(
                data.pointer(place.pointer()).is_some(),
                "{}: no input {place} for {}",
                package.name,
                one.output
            );
        }
    }
}

/// The values of a document.
pub(super) fn leaves_of(
    file: &ParcelFile,
    read: &impl Fn(&ParcelFile, &[u8]) -> Vec<Leaf>,
) -> Vec<Leaf> {
    let bytes = collect(file).expect("in memory");
    match file.media_type.as_str() {
        "application/xml" => xml(&bytes),
        "application/json" => json(&bytes),
        _ => read(file, &bytes),
    }
}

impl Explained<'_> {
    fn leaf(&mut self, file: &str, at: &str, text: &str) {
        let names = [plain(at), plain(&format!("{file}{at}"))];
        let Some(name) = names
            .iter()
            .find(|name| self.lineage.contains_key(name.as_str()))
        else {
            assert!(
                text.trim().is_empty(),
                "{}: {file}: {at} is not explained",
                self.package.name
            );
            return;
        };
        self.seen.insert(name.clone(), true);
        let one = self.lineage[name];
        let line = one.template_line.zip(one.template.as_deref());
        let is_reason = match one.trace {
            Trace::Exact => !one.sources.is_empty(),
            // An expression may be a constant of its own.
            Trace::Computed | Trace::Default => line.is_some() || !one.sources.is_empty(),
            Trace::Constant => line.is_some(),
            Trace::Made => one.conversion.is_some(),
            Trace::Decides => false,
        };
        assert!(
            is_reason,
            "{}: {at} has no reason: {one:?}",
            self.package.name
        );
        if let Some((line, template)) = line {
            self.stands_there(at, text, (template, line, one.trace));
        }
        self.is_copied(at, text, one);
    }

    /// A copy of the data is the data, or it says that it was changed.
    fn is_copied(&self, at: &str, text: &str, one: &Lineage) {
        let (Trace::Exact, None, [place]) = (one.trace, &one.conversion, one.sources.as_slice())
        else {
            return;
        };
        let value = (place.root() == Root::Data).then(|| self.data.pointer(place.pointer()));
        let is_same = match value.flatten() {
            Some(Value::String(given)) => given == text,
            Some(Value::Bool(given)) => given.to_string() == text,
            // 1.0 may stand there as 1.
            Some(Value::Number(given)) => given.as_f64() == text.trim_matches('"').parse().ok(),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => return,
        };
        let is_number = value.flatten().is_some_and(Value::is_number);
        assert!(
            is_same == one.changes.is_empty() || (is_number && is_same),
            "{}: {at} is not {place} to the letter, or is although {:?} is told",
            self.package.name,
            one.changes
        );
    }

    /// Name and media type of each file, of those in archives too, and the archive itself.
    fn files(&mut self, product: &Product) {
        let all: Vec<&ParcelFile> = product
            .files
            .iter()
            .flat_map(|file| std::iter::once(file).chain(archive_of(file)))
            .collect();
        let names = numbered(product);
        assert_eq!(names.len(), all.len());
        for ((name, path), file) in names.into_iter().zip(all) {
            self.leaf("", &format!("{name}/@name"), &path);
            self.leaf("", &format!("{name}/@media_type"), &file.media_type);
            if !archive_of(file).is_empty() {
                self.leaf("", &format!("{name}/@zip"), "order, times, packing");
            }
        }
    }

    /// A source that was made has its own sources, or at least a rule.
    fn sources(&mut self, product: &Product) {
        for place in product.lineage.iter().flat_map(|one| &one.sources) {
            let name = place.to_string();
            let is_made = made_of(place).is_some();
            assert!(
                !is_made || self.lineage.contains_key(&name),
                "{}: the source {name} is made and not explained",
                self.package.name
            );
            if let Some(seen) = self.seen.get_mut(&name) {
                *seen = true;
            }
        }
    }

    /// The template has that line, and a constant stands there or below.
    fn stands_there(&self, at: &str, text: &str, (template, line, trace): (&str, u32, Trace)) {
        let whole = self
            .package
            .text(template)
            .expect("a template of the package");
        let rest: Vec<&str> = whole.lines().skip(line as usize - 1).collect();
        assert!(!rest.is_empty(), "{at}: {template} has no line {line}");
        let text = text.trim();
        let is_simple = text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if trace == Trace::Constant && is_simple {
            assert!(
                rest.iter().any(|line| line.contains(text)),
                "{at}: not at {template}:{line}"
            );
        }
    }

    /// The attachment `index`, which lies in a file of its own.
    fn attachment(&mut self, index: usize) {
        let place = Place::of(Root::Attachments).index(index);
        let found = self.lineage.iter().find(|(output, one)| {
            one.trace == Trace::Exact && one.sources == [place.clone()] && !output.starts_with('/')
        });
        let (output, _) = found.unwrap_or_else(|| {
            panic!("{}: attachment {index} is not explained", self.package.name)
        });
        self.seen.insert(output.clone(), true);
    }
}

/// The files in an archive; none of any other file.
fn archive_of(file: &ParcelFile) -> &[ParcelFile] {
    match file.pieces.as_slice() {
        [Piece::Zip(archive)] => archive.files(),
        _ => &[],
    }
}

/// The files in an archive; any other file itself.
pub(super) fn inside(file: &ParcelFile) -> &[ParcelFile] {
    match file.pieces.as_slice() {
        [Piece::Zip(archive)] => archive.files(),
        _ => std::slice::from_ref(file),
    }
}

/// A path without `[1]`: whether there are more like it is another question.
fn plain(path: &str) -> String {
    path.replace("[1]", "")
}

/// Everything of a JSON document that is neither list nor object.
fn json(bytes: &[u8]) -> Vec<Leaf> {
    let value: Value = serde_json::from_slice(bytes).expect("JSON");
    let mut leaves = Vec::new();
    json_below(&value, "", &mut leaves);
    leaves
}

fn json_below(value: &Value, at: &str, leaves: &mut Vec<Leaf>) {
    match value {
        Value::Null => leaves.push((at.to_owned(), String::new())),
        Value::Bool(_) | Value::Number(_) => leaves.push((at.to_owned(), value.to_string())),
        Value::String(text) => leaves.push((at.to_owned(), text.clone())),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                json_below(item, &format!("{at}/{index}"), leaves);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                json_below(member, &format!("{at}/{key}"), leaves);
            }
        }
    }
}

/// An element of an XML document that is not closed yet.
#[derive(Default)]
struct Open {
    path: String,
    children: BTreeMap<String, usize>,
    text: String,
}

impl Open {
    /// A further child of that name: its path, and what its attributes say.
    fn enter(&mut self, start: &BytesStart<'_>, leaves: &mut Vec<Leaf>) -> Self {
        let name = start.name().as_ref().to_owned();
        let nth = self.children.entry(name.clone()).or_default();
        *nth += 1;
        let path = format!("{}/{name}[{nth}]", self.path);
        for attribute in start.attributes() {
            let attribute = attribute.expect("an attribute");
            let name: &str = attribute.key.as_ref();
            if name != "xmlns" && !name.starts_with("xmlns:") {
                let value = attribute.normalized_value(XmlVersion::Implicit1_0);
                let value = value.expect("its value").into_owned();
                leaves.push((format!("{path}/@{name}"), value));
            }
        }
        Self {
            path,
            ..Self::default()
        }
    }

    fn leave(self, leaves: &mut Vec<Leaf>) {
        assert!(
            self.children.is_empty() || self.text.trim().is_empty(),
            "{}: text beside elements",
            self.path
        );
        if self.children.is_empty() {
            leaves.push((self.path, self.text));
        }
    }
}

/// Every attribute that declares no namespace, and the text of every element without elements.
///
/// # Panics
///
/// If it is no XML, as a law does.
pub fn xml(bytes: &[u8]) -> Vec<Leaf> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let mut reader = Reader::from_str(text);
    let mut open = vec![Open::default()];
    let mut leaves = Vec::new();
    loop {
        let here = open.last_mut().expect("the document");
        match reader.read_event().expect("well-formed") {
            Event::Start(start) => {
                let inside = here.enter(&start, &mut leaves);
                open.push(inside);
            }
            Event::Empty(start) => here.enter(&start, &mut leaves).leave(&mut leaves),
            Event::End(_) => open.pop().expect("an element").leave(&mut leaves),
            Event::Text(text) => here.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let text = format!("&{};", &*reference);
                let text = quick_xml::escape::unescape(&text).expect("a known reference");
                here.text.push_str(&text);
            }
            Event::CData(text) => here.text.push_str(&text),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::DocType(_) => {}
            Event::Eof => return leaves,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use amtsbote_model::Personal;
    use amtsbote_translate::Change;
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::{Files, Package};

    const MANIFEST: &str = "name = \"a\"\nversion = \"1.0.0\"\nlabel = { de = \"a\", en = \"a\" }\n\
        service = \"urn:de:fim:leika:leistung:99012008001000\"\nschema = \"urn:example:a:1\"\nformat = \"json\"\n\
        [[example]]\nname = \"a\"\nabout = \"a\"\n";

    /// Whether the law holds for this document of these data; name and type are explained besides.
    fn holds(file: (&str, &str), mut lineage: Vec<Lineage>) -> bool {
        lineage.push(Lineage::made("file[1]/@name", Vec::new(), "name"));
        lineage.push(Lineage::made("file[1]/@media_type", Vec::new(), "type"));
        holds_as_it_is(file, lineage)
    }

    fn holds_as_it_is((media_type, text): (&str, &str), lineage: Vec<Lineage>) -> bool {
        let files = Files::from([("package.toml".to_owned(), MANIFEST.as_bytes().to_vec())]);
        let package = Package::parse(files).expect("a package in good order");
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let product = Product {
            files: vec![ParcelFile {
                path: "a".parse().expect("a path"),
                media_type: media_type.to_owned(),
                pieces: vec![Piece::Bytes(Personal::new(bytes))],
            }],
            lineage,
            losses: Vec::new(),
        };
        let data = json!({"x": "1"});
        let law = AssertUnwindSafe(|| check(&package, &data, &product, |_, _| Vec::new()));
        std::panic::catch_unwind(law).is_ok()
    }

    fn copied(output: &str, pointer: &str) -> Lineage {
        Lineage::copied(output, Place::pointing(Root::Data, pointer))
    }

    #[test]
    fn names_changes_and_made_sources_are_seen() {
        let json = ("application/json", "{\"a\":\"1\"}");
        let name = Lineage::made("file[1]/@name", Vec::new(), "name");
        assert!(!holds_as_it_is(json, vec![copied("/a", "/x"), name]));
        let other = ("application/json", "{\"a\":\"2\"}");
        assert!(!holds(other, vec![copied("/a", "/x")]));
        let changed = || Lineage {
            changes: vec![Change::Transliterated],
            ..copied("/a", "/x")
        };
        assert!(holds(other, vec![changed()]));
        assert!(!holds(json, vec![changed()]));
        let uuid = Place::of(Root::Message).key("uuid");
        let made = || Lineage::copied("/a", uuid.clone());
        assert!(!holds(json, vec![made()]));
        let rule = Lineage::made("$message/uuid", Vec::new(), "uuid");
        assert!(holds(json, vec![made(), rule]));
    }

    #[test]
    fn a_gap_a_phantom_and_a_wrong_source_are_seen() {
        let json = ("application/json", "{\"a\":\"1\",\"b\":[\"\",null]}");
        assert!(holds(json, vec![copied("/a", "/x")]));
        assert!(!holds(json, vec![]));
        assert!(!holds(json, vec![copied("/a", "/y")]));
        assert!(!holds(json, vec![copied("/a", "/x"), copied("/c", "/x")]));
        assert!(!holds(json, vec![copied("/a", "/x"), copied("/a", "/x")]));
        let decides = Lineage {
            trace: Trace::Decides,
            ..copied("/a", "/x")
        };
        assert!(!holds(json, vec![decides]));
    }

    #[test]
    fn texts_and_attributes_of_xml_are_seen() {
        let xml = (
            "application/xml",
            "<a xmlns=\"urn:a\"><b c=\"1\">1</b><b/><b>1</b></a>",
        );
        let all = ["/a/b[1]/@c", "/a/b[1]", "/a/b[3]"];
        let of = |left: usize| {
            let kept = all.iter().enumerate().filter(|(index, _)| *index != left);
            kept.map(|(_, at)| copied(at, "/x")).collect::<Vec<_>>()
        };
        assert!(holds(xml, of(all.len())));
        assert!((0..all.len()).all(|left| !holds(xml, of(left))));
    }
}

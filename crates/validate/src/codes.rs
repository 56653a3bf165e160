//! Code lists in genericode 1.0 (OASIS, <http://docs.oasis-open.org/codelist/ns/genericode/1.0/>), as the German
//! administration publishes them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use amtsbote_problem::Findings;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::xml;

/// A code list: rows of columns, found by the key column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeList {
    uri: String,
    version: String,
    columns: Vec<String>,
    key: String,
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value of the key column.
    pub code: String,
    /// The values of all columns that have one, by column id.
    pub values: BTreeMap<String, String>,
}

impl CodeList {
    /// Parses a genericode file. The key is the first column of the first `Key`, else the first column. Codes that
    /// occur more than once keep their first row.
    pub fn parse(bytes: &[u8], limits: xml::Limits) -> Result<Self, Findings> {
        let utf8 = utf8(bytes, limits);
        let text = xml::guard(&utf8, limits)?;
        let mut parser = Parser::default();
        let mut reader = Reader::from_str(text);
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag)) => parser.open(&tag),
                Ok(Event::Empty(tag)) => {
                    parser.open(&tag);
                    parser.close();
                }
                Ok(Event::End(_)) => parser.close(),
                Ok(Event::Text(run)) => parser.text.push_str(&run.xml10_content()),
                Ok(Event::CData(run)) => parser.text.push_str(&run.xml10_content()),
                Ok(Event::GeneralRef(reference)) => parser.reference(&reference),
                Ok(Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::DocType(_)) => {}
                Ok(Event::Eof) | Err(_) => break,
            }
        }
        parser.finish()
    }

    /// The URI of the list in all versions (`CanonicalUri`).
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The ids of the columns, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The id of the key column.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The rows, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Is this a code of the list?
    pub fn contains(&self, code: &str) -> bool {
        self.index.contains_key(code)
    }

    /// The row of a code.
    pub fn entry(&self, code: &str) -> Option<&Entry> {
        self.index.get(code).and_then(|at| self.entries.get(*at))
    }
}

// Some lists of the Federal Statistical Office are still in ISO 8859-1, whose bytes are the first code points.
fn utf8(bytes: &[u8], limits: xml::Limits) -> Cow<'_, [u8]> {
    const DECLARED: &[u8] = b"encoding=\"ISO-8859-1\"";
    let head = &bytes[..bytes.len().min(100)];
    let at = head
        .windows(DECLARED.len())
        .position(|part| part.eq_ignore_ascii_case(DECLARED));
    match at {
        Some(at) if bytes.len() <= limits.size_max_bytes => {
            let (before, after) = (&bytes[..at], &bytes[at + DECLARED.len()..]);
            let text: String = before
                .iter()
                .chain(after)
                .map(|byte| char::from(*byte))
                .collect();
            Cow::Owned(text.into_bytes())
        }
        Some(_) | None => Cow::Borrowed(bytes),
    }
}

#[derive(Default)]
struct Parser {
    path: Vec<String>,
    text: String,
    uri: String,
    version: String,
    columns: Vec<String>,
    key: Option<String>,
    column: Option<String>,
    row: BTreeMap<String, String>,
    rows: Vec<BTreeMap<String, String>>,
}

impl Parser {
    fn open(&mut self, tag: &BytesStart<'_>) {
        self.text.clear();
        self.path.push(tag.local_name().into_inner().to_owned());
        let attribute = |name: &str| {
            let found = tag.try_get_attribute(name).ok().flatten()?;
            found
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .ok()
                .map(Cow::into_owned)
        };
        match &self.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["CodeList", "ColumnSet", "Column"] => self.columns.extend(attribute("Id")),
            ["CodeList", "ColumnSet", "Key", "ColumnRef"] if self.key.is_none() => {
                self.key = attribute("Ref");
            }
            ["CodeList", "SimpleCodeList", "Row"] => {
                self.row.clear();
                self.column = None;
            }
            ["CodeList", "SimpleCodeList", "Row", "Value"] => {
                // Without a reference a value belongs to the column after the one before.
                self.column = attribute("ColumnRef").or_else(|| self.next_column());
            }
            _ => {}
        }
    }

    fn next_column(&self) -> Option<String> {
        let next = match &self.column {
            Some(last) => self.columns.iter().position(|column| column == last)? + 1,
            None => 0,
        };
        self.columns.get(next).cloned()
    }

    fn close(&mut self) {
        let text = std::mem::take(&mut self.text);
        match &self.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["CodeList", "Identification", "CanonicalUri"] => text.trim().clone_into(&mut self.uri),
            ["CodeList", "Identification", "Version"] => text.trim().clone_into(&mut self.version),
            ["CodeList", "SimpleCodeList", "Row", "Value", "SimpleValue"] => {
                if let Some(column) = self.column.clone() {
                    self.row.insert(column, text);
                }
            }
            ["CodeList", "SimpleCodeList", "Row"] => self.rows.push(std::mem::take(&mut self.row)),
            _ => {}
        }
        self.path.pop();
    }

    fn reference(&mut self, reference: &quick_xml::events::BytesRef<'_>) {
        let predefined = match &*reference.xml10_content() {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => None,
        };
        self.text
            .extend(predefined.or_else(|| reference.resolve_char_ref().ok().flatten()));
    }

    fn finish(self) -> Result<CodeList, Findings> {
        let key = self.key.or_else(|| self.columns.first().cloned());
        let Some(key) = key.filter(|_| !self.uri.is_empty()) else {
            return Err(xml::refusal(
                "genericode",
                "",
                "ist keine Codeliste in genericode 1.0 (Kennung oder Spalten fehlen)",
                "is not a code list in genericode 1.0 (identification or columns are missing)",
            ));
        };
        let mut entries = Vec::with_capacity(self.rows.len());
        let mut index = HashMap::new();
        for values in self.rows {
            let Some(code) = values.get(&key).cloned() else {
                continue;
            };
            index.entry(code.clone()).or_insert(entries.len());
            entries.push(Entry { code, values });
        }
        Ok(CodeList {
            uri: self.uri,
            version: self.version,
            columns: self.columns,
            key,
            entries,
            index,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"<gc:CodeList xmlns:gc="http://docs.oasis-open.org/codelist/ns/genericode/1.0/">
      <Identification><Version> 2 </Version><CanonicalUri>urn:x</CanonicalUri></Identification>
      <ColumnSet><Column Id="name"/><Column Id="code"/><Key Id="k"><ColumnRef Ref="code"/></Key></ColumnSet>
      <SimpleCodeList>
        <Row><Value ColumnRef="code"><SimpleValue>01</SimpleValue></Value><Value ColumnRef="name"><SimpleValue>A &amp; B</SimpleValue></Value></Row>
        <Row><Value><SimpleValue>Ohne Verweis</SimpleValue></Value><Value><SimpleValue>02</SimpleValue></Value></Row>
      </SimpleCodeList></gc:CodeList>"#;

    #[test]
    fn a_list_is_found_by_its_key_column() {
        let list = CodeList::parse(SMALL.as_bytes(), xml::Limits::default()).unwrap();
        assert_eq!(
            (list.uri(), list.version(), list.key()),
            ("urn:x", "2", "code")
        );
        assert!(
            list.contains("01")
                && list.contains("02")
                && !list.contains("03")
                && !list.contains("1")
        );
        assert_eq!(list.entry("01").unwrap().values["name"], "A & B");
        assert_eq!(list.entry("02").unwrap().values["name"], "Ohne Verweis");
    }

    #[test]
    fn a_list_in_latin_1_is_read() {
        let text = format!("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>{SMALL}")
            .replace("A &amp; B", "Th\u{fc}ringen");
        let bytes: Vec<u8> = text
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect();
        let list = CodeList::parse(&bytes, xml::Limits::default()).unwrap();
        assert_eq!(list.entry("01").unwrap().values["name"], "Thüringen");
    }

    #[test]
    fn other_documents_are_refused() {
        for text in ["<a/>", "", "<CodeList/>", "<!DOCTYPE a><CodeList/>"] {
            assert!(
                CodeList::parse(text.as_bytes(), xml::Limits::default()).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn the_published_lists_are_read() {
        let Some(folder) = crate::shared::path("reference/xoev/codelists") else {
            return;
        };
        let lists = crate::shared::files(&folder, ".xml");
        assert!(lists.len() > 50);
        for (name, bytes) in lists {
            let list = CodeList::parse(&bytes, xml::Limits::default())
                .unwrap_or_else(|f| panic!("{name}: {f:?}"));
            assert!(
                list.entries()
                    .iter()
                    .all(|entry| list.contains(&entry.code)),
                "{name}"
            );
            assert!(!list.entries().is_empty(), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_cut_of_a_list_gets_an_answer(end in 0..SMALL.len()) {
            let _ = CodeList::parse(&SMALL.as_bytes()[..end], xml::Limits::default());
        }
    }
}

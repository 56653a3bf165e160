//! XML and JSON as one tree of values, so that one way of pointing reads both. Pure.
//!
//! An element with children is an object by local names, repeated ones are a list; one without is its text. Attributes are `@name`,
//! text beside attributes or children is `#text`. The root itself is a member, too: `/antwort/aktenzeichen`.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

const DEPTH_MAX: usize = 40;
const ELEMENTS_MAX: usize = 200_000;
/// Of one element: they are compared with each other, each with each.
const ATTRIBUTES_MAX: usize = 256;

/// An element that is being read.
#[derive(Default)]
struct Open {
    name: String,
    members: Map<String, Value>,
    text: String,
}

/// JSON or XML, whichever it is; XML in the encoding that it says, UTF-8 if it says none.
pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Value> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match text.trim_ascii_start().first()? {
        b'<' => of_xml(bytes),
        _ => serde_json::from_slice(text).ok(),
    }
}

/// The text of an XML document in the encoding that its first line says.
fn decoded(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let first = bytes.split(|byte| *byte == b'>').next()?;
    let said = std::str::from_utf8(first).ok().and_then(|first| {
        let (_, said) = first
            .starts_with("<?xml")
            .then(|| first.split_once("encoding"))??;
        let said = said.trim_start().strip_prefix('=')?.trim_start();
        said.split(['"', '\'']).nth(1)
    });
    match said {
        None => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Some(said) => {
            let encoding = encoding_rs::Encoding::for_label(said.as_bytes())?;
            encoding.decode_without_bom_handling_and_without_replacement(bytes)
        }
    }
}

/// The document as a tree; nothing if it is not well-formed, declares a document type, or is too deep.
pub(crate) fn of_xml(bytes: &[u8]) -> Option<Value> {
    let text = decoded(bytes)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open = vec![Open::default()];
    let mut count = 0;
    loop {
        let event = reader.read_event().ok()?;
        match event {
            Event::Start(start) => {
                count += 1;
                let is_second_root = open.len() == 1 && !open[0].members.is_empty();
                if open.len() > DEPTH_MAX || count > ELEMENTS_MAX || is_second_root {
                    return None;
                }
                open.push(begun(&start)?);
            }
            Event::Empty(start) => {
                count += 1;
                let is_second_root = open.len() == 1 && !open[0].members.is_empty();
                if count > ELEMENTS_MAX || is_second_root {
                    return None;
                }
                let element = begun(&start)?;
                put(open.last_mut()?, element);
            }
            Event::End(_) => {
                let element = open.pop()?;
                put(open.last_mut()?, element);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
            Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let escaped = format!("&{};", &*reference);
                // Predefined entities and characters only: without a document type there are no others.
                let text = quick_xml::escape::unescape(&escaped).map(Cow::into_owned);
                open.last_mut()?.text.push_str(&text.ok()?);
            }
            Event::DocType(_) => return None,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    let root = open
        .pop()
        .filter(|root| open.is_empty() && !root.members.is_empty())?;
    Some(Value::Object(root.members))
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn begun(start: &BytesStart<'_>) -> Option<Open> {
    let name = start.name();
    let mut element = Open {
        name: local(name.as_ref()).to_owned(),
        ..Open::default()
    };
    for (count, attribute) in start.attributes().enumerate() {
        let attribute = attribute.ok().filter(|_| count < ATTRIBUTES_MAX)?;
        let key: &str = attribute.key.as_ref();
        if key != "xmlns" && !key.starts_with("xmlns:") {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            let name = format!("@{}", local(key));
            element.members.insert(name, value.into_owned().into());
        }
    }
    Some(element)
}

fn put(above: &mut Open, element: Open) {
    let Open {
        name,
        mut members,
        text,
    } = element;
    let value = if members.is_empty() {
        Value::String(text)
    } else {
        if !text.trim().is_empty() {
            members.insert("#text".to_owned(), text.into());
        }
        Value::Object(members)
    };
    match above.members.get_mut(&name) {
        None => {
            above.members.insert(name, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(one) => *one = Value::Array(vec![one.take(), value]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_attributes_and_texts_have_their_places() {
        let xml = r#"<?xml version="1.0"?><a:liste xmlns:a="urn:x"><a:eintrag nr="1"><az>63 &amp; 7</az><leer/><b>x</b><b><![CDATA[<y>]]></b></a:eintrag><zahl art="z"> 5 </zahl></a:liste>"#;
        let expected = json!({ "liste": {
            "eintrag": { "@nr": "1", "az": "63 & 7", "leer": "", "b": ["x", "<y>"] },
            "zahl": { "@art": "z", "#text": " 5 " },
        }});
        assert_eq!(of_xml(xml.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_document_is_read_in_the_encoding_that_it_says() {
        for (said, bytes) in [
            ("iso-8859-1", &b"Gr\xfc\xdfe"[..]),
            ("Windows-1252", b"Gr\xfc\xdfe"),
            ("UTF-8", "Grüße".as_bytes()),
        ] {
            let head = format!("<?xml version='1.0' encoding='{said}'?><a>");
            let whole = [head.as_bytes(), bytes, b"</a>"].concat();
            assert_eq!(of_bytes(&whole).unwrap(), json!({ "a": "Grüße" }), "{said}");
        }
        assert_eq!(
            of_bytes(" {\"a\": \"ü\"}".as_bytes()).unwrap(),
            json!({ "a": "ü" })
        );
        assert!(of_bytes(b"<?xml version='1.0' encoding='ebcdic-x'?><a/>").is_none());
        assert!(of_bytes(b"<a>\xfc</a>").is_none());
    }

    #[test]
    fn what_is_not_xml_or_too_much_is_nothing() {
        let attributes =
            |count| (0..count).fold(String::new(), |all, nr| all + &format!(" a{nr}=\"\""));
        let wide = format!("<a{}/>", attributes(ATTRIBUTES_MAX + 1));
        let fits = format!("<a{}/>", attributes(ATTRIBUTES_MAX));
        assert!(of_xml(fits.as_bytes()).is_some());
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        for xml in [
            "",
            "text",
            "<a>",
            "<a/><b/>",
            "<a></a><b></b>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            "<a>&x;</a>",
            "<a b=c/>",
            &deep,
            &wide,
        ] {
            assert!(of_xml(xml.as_bytes()).is_none(), "{xml}");
        }
    }
}

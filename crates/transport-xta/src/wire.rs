//! Bodies and headers of XTA: message metadata, content containers, requests and answers of the message box. Pure.

use std::fmt::Write as _;

use amtsbote_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::soap::{ADDRESSING, OSCI, OSCI_METADATA, XOP, XTA};
use crate::xml::{Element, escaped};

const TEXT_MAX_BYTES: usize = 500;

/// A participant: author or reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// `prefix:key` of the directory, for example `psw:06414000`.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its category in the directory, for example `Standesamt`.
    #[serde(default)]
    pub category: String,
}

/// A code of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusinessScenario {
    /// The code.
    pub code: String,
    /// The list; without it the scenario is sent as `Undefined`.
    #[serde(default)]
    pub list_uri: String,
    /// The list's version.
    #[serde(default)]
    pub list_version: String,
}

/// What kind of message it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageType {
    /// The code: name of the message's root element or the standard's message number.
    pub code: String,
    /// Its list.
    #[serde(default = "MessageType::list")]
    pub list_uri: String,
    /// The list's version.
    #[serde(default = "MessageType::version")]
    pub list_version: String,
    /// Namespace or URN of the message's schema.
    #[serde(default)]
    pub payload_schema: String,
}

impl MessageType {
    fn list() -> String {
        "urn:de:payloadSchema:elementName".to_owned()
    }

    fn version() -> String {
        "1.0".to_owned()
    }
}

/// What stands on a message's cover: who to whom, which service, which kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cover {
    /// Who sends.
    pub author: Party,
    /// Who is to read.
    pub reader: Party,
    /// URI of the directory's service description.
    pub service: String,
    /// Business scenario.
    pub business_scenario: BusinessScenario,
    /// Message type.
    pub message_type: MessageType,
}

/// When what happened to a message; written into its metadata.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) delivery: Option<Timestamp>,
    pub(crate) initial_fetch: Option<Timestamp>,
    pub(crate) reception: Option<Timestamp>,
}

/// `Author` or `Reader` with its identifier.
pub(crate) fn party(element: &str, party: &Party) -> String {
    let attribute = |name: &str, value: &str| {
        if value.is_empty() {
            String::new()
        } else {
            format!(" {name}=\"{}\"", escaped(value))
        }
    };
    format!(
        "<oscimeta:{element} xmlns:oscimeta=\"{OSCI_METADATA}\"><oscimeta:Identifier type=\"xoev\"{}{}>{}</oscimeta:Identifier></oscimeta:{element}>",
        attribute("name", &party.name),
        attribute("category", &party.category),
        escaped(&party.id),
    )
}

fn read_party(element: Option<&Element>) -> Option<Party> {
    let identifier = element?.child("Identifier")?;
    let party = Party {
        id: identifier.text().to_owned(),
        name: identifier.attribute("name").to_owned(),
        category: identifier.attribute("category").to_owned(),
    };
    let fits = !party.id.is_empty()
        && [&party.id, &party.name, &party.category]
            .iter()
            .all(|text| is_short(text));
    fits.then_some(party)
}

/// The `Author` header of a request.
pub(crate) fn read_author(header: &Element) -> Option<Party> {
    read_party(header.child("Author"))
}

fn is_short(text: &str) -> bool {
    text.len() <= TEXT_MAX_BYTES && !text.chars().any(char::is_control)
}

/// A message id as peers choose them: a URI, short, without white space.
pub(crate) fn is_message_id(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `MessageMetaData`.
pub(crate) fn metadata(cover: &Cover, message_id: &str, times: Times) -> String {
    let mut xml = format!(
        "<oscimeta:MessageMetaData xmlns:oscimeta=\"{OSCI_METADATA}\"><oscimeta:DeliveryAttributes>"
    );
    for (name, time) in [
        ("InitialSend", times.delivery),
        ("Delivery", times.delivery),
        ("InitialFetch", times.initial_fetch),
        ("Reception", times.reception),
    ] {
        if let Some(time) = time {
            let _ = write!(xml, "<oscimeta:{name}>{time}</oscimeta:{name}>");
        }
    }
    let scenario = &cover.business_scenario;
    let kind = &cover.message_type;
    let scenario = if scenario.list_uri.is_empty() {
        format!(
            "<oscimeta:Undefined>{}</oscimeta:Undefined>",
            escaped(&scenario.code)
        )
    } else {
        format!(
            "<oscimeta:Defined listURI=\"{}\" listVersionID=\"{}\"><code>{}</code></oscimeta:Defined>",
            escaped(&scenario.list_uri),
            escaped(&scenario.list_version),
            escaped(&scenario.code)
        )
    };
    let _ = write!(
        xml,
        "</oscimeta:DeliveryAttributes><oscimeta:Originators>{}</oscimeta:Originators><oscimeta:Destinations>{}</oscimeta:Destinations>\
         <oscimeta:MsgIdentification>{}</oscimeta:MsgIdentification><oscimeta:Qualifier><oscimeta:Service>{}</oscimeta:Service>\
         <oscimeta:BusinessScenario>{scenario}</oscimeta:BusinessScenario>\
         <oscimeta:MessageType listURI=\"{}\" listVersionID=\"{}\" payloadSchema=\"{}\"><code>{}</code></oscimeta:MessageType>\
         </oscimeta:Qualifier></oscimeta:MessageMetaData>",
        party("Author", &cover.author),
        party("Reader", &cover.reader),
        message_id_element(message_id),
        escaped(&cover.service),
        escaped(&kind.list_uri),
        escaped(&kind.list_version),
        escaped(&kind.payload_schema),
        escaped(&kind.code),
    );
    xml
}

/// `wsa:MessageID`.
pub(crate) fn message_id_element(id: &str) -> String {
    format!(
        "<wsa:MessageID xmlns:wsa=\"{ADDRESSING}\">{}</wsa:MessageID>",
        escaped(id)
    )
}

/// What a `MessageMetaData` says, or which part of it is missing or too long.
pub(crate) fn read_metadata(element: &Element) -> Result<(Cover, String), &'static str> {
    let author =
        read_party(element.at("Originators/Author")).ok_or("Originators/Author/Identifier")?;
    let reader =
        read_party(element.at("Destinations/Reader")).ok_or("Destinations/Reader/Identifier")?;
    let message_id = element.text_at("MsgIdentification/MessageID").to_owned();
    if !is_message_id(&message_id) {
        return Err("MsgIdentification/MessageID");
    }
    let qualifier = element.child("Qualifier").ok_or("Qualifier")?;
    let defined = qualifier.at("BusinessScenario/Defined");
    let list = |name| {
        defined
            .map_or("", |defined| defined.attribute(name))
            .to_owned()
    };
    let kind = qualifier
        .child("MessageType")
        .ok_or("Qualifier/MessageType")?;
    let cover = Cover {
        author,
        reader,
        service: qualifier.text_at("Service").to_owned(),
        business_scenario: BusinessScenario {
            code: match defined {
                Some(defined) => defined.text_at("code"),
                None => qualifier.text_at("BusinessScenario/Undefined"),
            }
            .to_owned(),
            list_uri: list("listURI"),
            list_version: list("listVersionID"),
        },
        message_type: MessageType {
            code: kind.text_at("code").to_owned(),
            list_uri: kind.attribute("listURI").to_owned(),
            list_version: kind.attribute("listVersionID").to_owned(),
            payload_schema: kind.attribute("payloadSchema").to_owned(),
        },
    };
    let scenario = &cover.business_scenario;
    let kind = &cover.message_type;
    let texts = [
        &cover.service,
        &scenario.code,
        &scenario.list_uri,
        &scenario.list_version,
        &kind.code,
        &kind.list_uri,
        &kind.list_version,
        &kind.payload_schema,
    ];
    if texts.iter().all(|text| is_short(text)) {
        Ok((cover, message_id))
    } else {
        Err("Qualifier")
    }
}

/// One content of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content<'a> {
    pub(crate) name: &'a str,
    pub(crate) media_type: &'a str,
    /// What stands in the element.
    pub(crate) inner: Inner<'a>,
}

/// How a content is brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inner<'a> {
    /// `xop:Include` of this `href`.
    Include(&'a str),
    /// Base64 in place.
    Inline(&'a str),
}

/// The opening tag of a content's element up to where the content begins; the message stands first.
pub(crate) fn content_start(index: usize, name: &str, media_type: &str) -> String {
    let element = content_element(index);
    // Empty attributes break the schema.
    let filename = if name.is_empty() {
        String::new()
    } else {
        format!(" filename=\"{}\"", escaped(name))
    };
    format!(
        "<xta:{element} contentType=\"{}\"{filename}>",
        escaped(media_type)
    )
}

/// The closing tag.
pub(crate) fn content_end(index: usize) -> String {
    format!("</xta:{}>", content_element(index))
}

const fn content_element(index: usize) -> &'static str {
    if index == 0 { "Message" } else { "Attachment" }
}

/// An include of a part.
pub(crate) fn include(id: &str) -> String {
    format!(
        "<xop:Include xmlns:xop=\"{XOP}\" href=\"cid:{}\"/>",
        escaped(id)
    )
}

/// Around the contents.
pub(crate) fn container_start() -> String {
    format!("<xta:GenericContentContainer xmlns:xta=\"{XTA}\"><xta:ContentContainer>")
}

/// See [`container_start`].
pub(crate) const CONTAINER_END: &str = "</xta:ContentContainer></xta:GenericContentContainer>";

/// The contents of a container, the message first, or what is wrong with it.
pub(crate) fn read_container(container: &Element) -> Result<Vec<Content<'_>>, &'static str> {
    let Some(content) = container.child("ContentContainer") else {
        return Err("ContentContainer");
    };
    let message = content.child("Message").ok_or("ContentContainer/Message")?;
    let each = std::iter::once(message).chain(content.all("Attachment"));
    each.map(|element| {
        let inner = match element.child("Include") {
            Some(include) if include.namespace == XOP => Inner::Include(include.attribute("href")),
            Some(_) => return Err("xop:Include"),
            None => Inner::Inline(element.text()),
        };
        Ok(Content {
            name: element.attribute("filename"),
            media_type: element.attribute("contentType"),
            inner,
        })
    })
    .collect()
}

/// The answer to a status list: metadata of each.
pub(crate) fn status_list(entries: &[String]) -> String {
    format!(
        "<osci:MsgStatusList xmlns:osci=\"{OSCI}\">{}</osci:MsgStatusList>",
        entries.concat()
    )
}

/// `MsgBoxResponse`: under which id the next ones are asked for, and how many there are.
pub(crate) fn box_response(request_id: &str, pending: usize) -> String {
    format!(
        "<osci:MsgBoxResponse xmlns:osci=\"{OSCI}\" MsgBoxRequestID=\"{}\"><osci:ItemsPending>{pending}</osci:ItemsPending></osci:MsgBoxResponse>",
        escaped(request_id)
    )
}

/// `MsgBoxResponse` where the id of a request leads nowhere.
pub(crate) fn box_has_nothing(request_id: &str) -> String {
    format!(
        "<osci:MsgBoxResponse xmlns:osci=\"{OSCI}\" MsgBoxRequestID=\"{}\"><osci:NoMessageAvailable reason=\"{OSCI}/MsgBox/reasons/RequestIdInvalid\"/></osci:MsgBoxResponse>",
        escaped(request_id)
    )
}

/// A point in time of XML Schema; without a zone it is UTC.
pub(crate) fn date_time(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_rfc3339(&format!("{text}Z")))
}

/// The message ids a fetch or close request names: as `wsa:MessageID` below the selector, or as text.
pub(crate) fn selected<'a>(request: &'a Element, element: &'a str) -> Vec<&'a str> {
    let id = |at: &'a Element| {
        at.child("MessageID")
            .map_or_else(|| at.text(), Element::text)
    };
    request
        .all(element)
        .map(id)
        .filter(|id| !id.is_empty())
        .collect()
}

/// Where a transport order stands: 0 open, 1 done (green), 2 done with warnings (yellow), 3 failed (red).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Open,
    Done,
}

impl Status {
    const fn number(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Done => 1,
        }
    }
}

/// `TransportReport`; its parts stand in this order.
pub(crate) fn transport_report(
    metadata: &str,
    status: Status,
    server: &str,
    now: Timestamp,
) -> String {
    format!(
        "<xta:TransportReport xmlns:xta=\"{XTA}\">{metadata}<xta:ReportTime>{now}</xta:ReportTime><xta:XTAServerIdentity>{}</xta:XTAServerIdentity>\
         <xta:MessageStatus><xta:Status>{}</xta:Status></xta:MessageStatus></xta:TransportReport>",
        escaped(server),
        status.number(),
    )
}

/// What a `LookupServiceRequest` asks for: services, and who is to offer each. `None` if one names no service, or there is none.
pub(crate) fn read_lookup(request: &Element) -> Option<Vec<(String, Option<Party>)>> {
    let lists = request.all("LookupServiceRequestList");
    let asked = lists.flat_map(|list| list.all("LookupService"));
    let read = |one: &Element| {
        let service = one.text_at("ServiceType");
        let named = !service.is_empty() && is_short(service);
        named.then(|| (service.to_owned(), read_party(one.child("Reader"))))
    };
    let asked: Option<Vec<_>> = asked.map(read).collect();
    asked.filter(|asked| !asked.is_empty())
}

/// One result of the answer: what was asked, and the result.
pub(crate) fn lookup_result(
    service: &str,
    reader: Option<&Party>,
    available: Availability,
) -> String {
    let value = match available {
        Availability::Yes => "true",
        Availability::No => "false",
    };
    format!(
        "<xta:LookupServiceResult>{}<xta:ServiceType>{}</xta:ServiceType><xta:IsServiceAvailableValue>\
         <xta:ServiceIsAvailable>{value}</xta:ServiceIsAvailable></xta:IsServiceAvailableValue></xta:LookupServiceResult>",
        reader.map_or_else(String::new, |reader| party("Reader", reader)),
        escaped(service),
    )
}

/// The answer of these results.
pub(crate) fn lookup_response(results: &str) -> String {
    format!(
        "<xta:LookupServiceResponse xmlns:xta=\"{XTA}\"><xta:LookupServiceResultList>{results}</xta:LookupServiceResultList></xta:LookupServiceResponse>"
    )
}

/// Whether a reader can be reached for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Availability {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::{Envelope, envelope};

    fn cover() -> Cover {
        let party = |id: &str| Party {
            id: id.to_owned(),
            name: "Amt & Söhne".to_owned(),
            category: String::new(),
        };
        Cover {
            author: party("kop:06414000"),
            reader: party("psw:06414000"),
            service: "urn:x:service".to_owned(),
            business_scenario: BusinessScenario {
                code: "S".to_owned(),
                list_uri: "urn:list".to_owned(),
                list_version: "1".to_owned(),
            },
            message_type: MessageType {
                code: "T".to_owned(),
                list_uri: MessageType::list(),
                list_version: MessageType::version(),
                payload_schema: "urn:schema".to_owned(),
            },
        }
    }

    #[test]
    fn metadata_written_is_read_again() {
        let mut undefined = cover();
        undefined.business_scenario.list_uri.clear();
        undefined.business_scenario.list_version.clear();
        for cover in [cover(), undefined] {
            let times = Times {
                delivery: Some(Timestamp::from_millis(0)),
                ..Times::default()
            };
            let xml = envelope(&metadata(&cover, "urn:uuid:1", times), "");
            let read = Envelope::read(xml.as_bytes()).unwrap();
            let element = read.header.child("MessageMetaData").unwrap();
            assert_eq!(read_metadata(element), Ok((cover, "urn:uuid:1".to_owned())));
            assert_eq!(
                element.text_at("DeliveryAttributes/Delivery"),
                "1970-01-01T00:00:00.000Z"
            );
        }
    }

    #[test]
    fn metadata_with_gaps_or_long_texts_is_refused() {
        for (from, to, place) in [
            ("psw:06414000", "", "Destinations/Reader/Identifier"),
            ("kop:06414000", "&#10;", "Originators/Author/Identifier"),
            ("urn:uuid:1", "a b", "MsgIdentification/MessageID"),
            ("urn:x:service", &"x".repeat(501), "Qualifier"),
            (
                "oscimeta:MessageType",
                "oscimeta:Other",
                "Qualifier/MessageType",
            ),
        ] {
            let xml = metadata(&cover(), "urn:uuid:1", Times::default()).replace(from, to);
            let read = Element::read(xml.as_bytes()).unwrap();
            assert_eq!(read_metadata(&read), Err(place), "{from}");
        }
    }

    #[test]
    fn containers_hold_the_message_first() {
        let inner = |index: usize, inner: &str| {
            format!(
                "{}{inner}{}",
                content_start(index, "a\".xml", "application/xml"),
                content_end(index)
            )
        };
        let xml = format!(
            "{}{}{}{CONTAINER_END}",
            container_start(),
            inner(0, &include("1@x")),
            inner(1, "QQ==")
        );
        let read = Element::read(xml.as_bytes()).unwrap();
        let contents = read_container(&read).unwrap();
        assert_eq!(contents.len(), 2);
        assert_eq!(contents[0].name, "a\".xml");
        assert_eq!(contents[0].inner, Inner::Include("cid:1@x"));
        assert_eq!(contents[1].inner, Inner::Inline("QQ=="));
        let encrypted = Element::read(b"<g><EncryptedData/></g>").unwrap();
        assert_eq!(read_container(&encrypted), Err("ContentContainer"));
    }
}

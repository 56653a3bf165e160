//! Where what a message's cover and container say around the parcel's files comes from. Pure.

use amtsbote_adapter::transport::{name_of, said as way};
use amtsbote_adapter::{Lineage, Place};

use crate::wire::Cover;

/// Paths are those of `MessageMetaData` and `ContentContainer`, without prefixes; `id` is what the message id is made of, and how.
pub(crate) fn said(cover: &Cover, files: usize, (sources, rule): (&[Place], &str)) -> Vec<Lineage> {
    let mut all = vec![way("MsgIdentification/MessageID", sources, rule)];
    for (at, name) in [
        ("Originators/Author", "author"),
        ("Destinations/Reader", "reader"),
    ] {
        let party = if name == "author" {
            &cover.author
        } else {
            &cover.reader
        };
        let at = format!("{at}/Identifier");
        let setting = format!("outbound.cover.{name}");
        all.push(way(&at, &[], &format!("{setting}.id")));
        all.push(way(format!("{at}/@type"), &[], "xoev (XTA 2)"));
        for (attribute, text) in [("name", &party.name), ("category", &party.category)] {
            if !text.is_empty() {
                all.push(way(
                    format!("{at}/@{attribute}"),
                    &[],
                    &format!("{setting}.{attribute}"),
                ));
            }
        }
    }
    all.push(way("Qualifier/Service", &[], "outbound.cover.service"));
    all.extend(scenario(cover));
    all.extend(message_type());
    for nr in 1..=files {
        let at = match nr {
            1 => "Message".to_owned(),
            _ => format!("Attachment[{}]", nr - 1),
        };
        all.push(way(
            format!("{at}/@contentType"),
            &[],
            &format!("file[{nr}]/@media_type"),
        ));
        all.push(way(format!("{at}/@filename"), &[], &name_of(nr)));
        all.push(way(
            at,
            &[],
            &format!("file[{nr}], the message first (outbound.message)"),
        ));
    }
    all
}

fn scenario(cover: &Cover) -> Vec<Lineage> {
    let at = "Qualifier/BusinessScenario";
    let setting = "outbound.cover.business_scenario";
    if cover.business_scenario.list_uri.is_empty() {
        return vec![way(
            format!("{at}/Undefined"),
            &[],
            &format!("{setting}.code"),
        )];
    }
    [
        ("/@listURI", "list_uri"),
        ("/@listVersionID", "list_version"),
        ("/code", "code"),
    ]
    .map(|(part, name)| {
        way(
            format!("{at}/Defined{part}"),
            &[],
            &format!("{setting}.{name}"),
        )
    })
    .to_vec()
}

fn message_type() -> [Lineage; 4] {
    let members = [
        ("/@listURI", "list_uri"),
        ("/@listVersionID", "list_version"),
        ("/@payloadSchema", "payload_schema"),
        ("/code", "code"),
    ];
    members.map(|(part, name)| {
        let setting = format!("outbound.cover.message_type.{name}");
        way(format!("Qualifier/MessageType{part}"), &[], &setting)
    })
}

#[cfg(test)]
mod tests {
    use amtsbote_adapter::laws::explained::xml;

    use super::*;
    use crate::wire::{BusinessScenario, MessageType, Party, Times, metadata};

    fn cover(list_uri: &str) -> Cover {
        let party = |name: &str| Party {
            id: "psw:06414000".to_owned(),
            name: name.to_owned(),
            category: String::new(),
        };
        Cover {
            author: party("A"),
            reader: party(""),
            service: "http://service".to_owned(),
            business_scenario: BusinessScenario {
                code: "c".to_owned(),
                list_uri: list_uri.to_owned(),
                list_version: "1".to_owned(),
            },
            message_type: MessageType {
                code: "m".to_owned(),
                list_uri: "urn:l".to_owned(),
                list_version: "1.0".to_owned(),
                payload_schema: "urn:s".to_owned(),
            },
        }
    }

    /// Every text and attribute of the cover as it is sent is explained, and nothing else.
    #[test]
    fn every_value_of_a_cover_is_explained() {
        for list_uri in ["", "urn:list"] {
            let cover = cover(list_uri);
            let sent = metadata(&cover, "urn:uuid:1", Times::default());
            let plain = |path: &str| {
                let names = path
                    .split('/')
                    .skip(2)
                    .map(|step| match step.split_once(':') {
                        Some((_, name)) => name,
                        None => step,
                    });
                names.collect::<Vec<_>>().join("/").replace("[1]", "")
            };
            let mut wanted: Vec<String> = xml(sent.as_bytes())
                .into_iter()
                .filter(|(_, text)| !text.is_empty())
                .map(|(path, _)| plain(&path))
                .collect();
            let mut told: Vec<String> = said(&cover, 0, (&[], "x"))
                .into_iter()
                .map(|one| one.output.trim_start_matches("way/").to_owned())
                .collect();
            wanted.sort();
            told.sort();
            assert_eq!(told, wanted);
        }
    }
}

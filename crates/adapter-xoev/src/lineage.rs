//! Where what a message and its files say comes from that no template binds: names, sources made here, changed characters.

use std::collections::BTreeSet;

use amtsbote_adapter::file_lineage::{
    archived, document_name, document_type, explain_sources, of_attachment,
};
use amtsbote_adapter::{Change, Lineage, Opened, Trace};
use amtsbote_translate::{Place, Root};
use amtsbote_xoev::transliterate;
use serde_json::Value;

use crate::mapping::{Along, Edition, XoevMapping};
use crate::settings::{Characters, Pack};

impl XoevMapping {
    /// The lineage with names, types and the archive of the files, and with where made sources come from.
    pub(crate) fn said(
        &self,
        mut lineage: Vec<Lineage>,
        edition: &Edition,
        along: &Along<'_>,
        opened: &Opened<'_>,
    ) -> Vec<Lineage> {
        let message = self.message_name();
        lineage.push(message.clone());
        lineage.push(document_type(1, "xml"));
        let is_primary = edition.message.standard.has_primary_documents();
        if along.data.is_some() {
            let uuid = Place::of(Root::Message).key("data").key("uuid");
            let (sources, rule) = if is_primary {
                (vec![uuid], Some("{uuid}_{data_file}"))
            } else {
                (Vec::new(), None)
            };
            lineage.push(document_name(2, self.lines[1], sources, rule));
            lineage.push(document_type(2, "json"));
        }
        let before = 1 + usize::from(along.data.is_some());
        let rule = if is_primary {
            "{uuid}_{safe name in ASCII} (xdomea, stringDateinameType)"
        } else {
            "safe name (XBau, Dateiname)"
        };
        for (index, attachment) in opened.attachments.iter().enumerate() {
            let mut said = of_attachment(before + index + 1, index, attachment, rule);
            if is_primary {
                let place = Place::of(Root::Attachments).index(index);
                said[0].sources.push(place.key("uuid"));
            }
            lineage.extend(said);
        }
        let mut lineage = match self.settings.pack() {
            Pack::Files => lineage,
            Pack::Zip => archived(lineage, message),
        };
        explain_sources(&mut lineage, opened.names, |place| {
            made_of(place).map(|(sources, rule)| (sources, rule.into()))
        });
        lineage
    }

    /// Where the name of the message's file comes from.
    fn message_name(&self) -> Lineage {
        let pattern = self.settings.pattern();
        let message = Place::of(Root::Message);
        let parts = [("{uuid}", "uuid"), ("{date}", "created_at")];
        let used = parts.iter().filter(|(part, _)| pattern.contains(part));
        let sources = used.map(|(_, member)| message.key(member)).collect();
        document_name(1, self.lines[0], sources, Some(pattern))
    }

    /// Places whose texts are written with other characters than they were sent with.
    pub(crate) fn changed(&self, opened: &Opened<'_>) -> BTreeSet<Place> {
        let mut changed = BTreeSet::new();
        match self.settings.characters {
            Characters::Refuse => {}
            Characters::Transliterate => {
                below(opened.data.reveal(), &Place::of(Root::Data), &mut changed);
                for (index, attachment) in opened.attachments.iter().enumerate() {
                    let place = Place::of(Root::Attachments).index(index);
                    let said = [
                        ("filename", &attachment.filename),
                        ("description", &attachment.description),
                    ];
                    for (member, text) in said {
                        let text = text.as_ref().map(|text| text.reveal().as_str());
                        if text.is_some_and(|text| transliterate(text) != text) {
                            changed.insert(place.key(member));
                        }
                    }
                }
            }
        }
        changed
    }
}

/// What `$message` has here besides what it has everywhere.
fn made_of(place: &Place) -> Option<(Vec<Place>, &'static str)> {
    if place.root() != Root::Message {
        return None;
    }
    let message = Place::of(Root::Message);
    Some(match place.pointer() {
        "/produkt" | "/produkthersteller" | "/produktversion" => (
            Vec::new(),
            "this program, or what the settings say in its place",
        ),
        "/test" => (
            vec![Place::of(Root::Sender).key("reference")],
            "settings/test, or a connection test by its reference",
        ),
        "/received_on" => (
            vec![Place::of(Root::ReceivedAt)],
            "the day of receipt, German legal time",
        ),
        "/data/file" => (vec![message.key("data").key("uuid")], "settings/data_file"),
        "/data/uuid" => (vec![message.key("uuid")], "uuid-v5(message, \"/data\")"),
        "/data/size_bytes" => (vec![Place::of(Root::Data)], "of the content"),
        _ => return None,
    })
}

/// Depth is bounded by the parser of the data.
fn below(value: &Value, at: &Place, changed: &mut BTreeSet<Place>) {
    match value {
        Value::String(text) if transliterate(text) != *text => {
            changed.insert(at.clone());
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                below(item, &at.index(index), changed);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                below(member, &at.key(key), changed);
            }
        }
    }
}

/// With a note that characters of one of its sources were changed.
pub(crate) fn with_changes(mut one: Lineage, changed: &BTreeSet<Place>) -> Lineage {
    let is_value = one.trace != Trace::Decides;
    if is_value && one.sources.iter().any(|place| changed.contains(place)) {
        one.changes.push(Change::Transliterated);
    }
    one
}

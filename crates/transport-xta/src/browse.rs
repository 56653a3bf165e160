//! What waits in a box, piece by piece. Where a client stands, it carries itself: the id of its request says behind which message
//! the next one is looked for, so nothing is kept here, and a repeat gets the same again. Pure.

use amtsbote_model::Timestamp;

use crate::accounts::Voice;
use crate::mailbox::{Record, hex};
use crate::soap::Wrong;
use crate::wire::selected;
use crate::xml::Element;

const PREFIX: &str = "urn:amtsbote:box:";
const END: &str = "urn:amtsbote:box:end";
const LIST_MAX: usize = 1_000;
const LIST_DEFAULT: usize = 100;

/// Which of the waiting messages a request is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Only these; all if there are none.
    ids: Vec<String>,
    /// Only those nobody has fetched.
    new: Only,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    /// It asks for what messages here have not: relations, extensions.
    impossible: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Only {
    #[default]
    All,
    New,
}

impl Selection {
    /// From the `MsgSelector` of a request; everything without.
    pub(crate) fn read(request: Option<&Element>) -> Result<Self, (Wrong, &'static str)> {
        let Some(selector) = request.and_then(|request| request.child("MsgSelector")) else {
            return Ok(Self::default());
        };
        let time = |name: &str| match selector.text_at(name) {
            "" => Ok(None),
            text => crate::wire::date_time(text).map(Some).ok_or((
                Wrong::Parameter,
                "MsgBoxEntryTimeFrom oder MsgBoxEntryTimeTo ist kein Zeitpunkt",
            )),
        };
        Ok(Self {
            ids: selected(selector, "MessageID")
                .into_iter()
                .map(str::to_owned)
                .collect(),
            new: match selector.attribute("newEntry") {
                "true" | "1" => Only::New,
                _ => Only::All,
            },
            from: time("MsgBoxEntryTimeFrom")?,
            to: time("MsgBoxEntryTimeTo")?,
            impossible: ["RelatesTo", "Extension"]
                .iter()
                .any(|name| selector.child(name).is_some()),
        })
    }

    /// The one message it names, if it names exactly one.
    pub(crate) fn one(&self) -> Option<&str> {
        match &self.ids[..] {
            [id] => Some(id),
            _ => None,
        }
    }

    /// Whether it names several.
    pub(crate) const fn names_several(&self) -> bool {
        self.ids.len() > 1
    }

    fn has(&self, record: &Record) -> bool {
        !self.impossible
            && (self.ids.is_empty() || self.ids.contains(&record.message_id))
            && (self.new == Only::All || record.fetched.is_none())
            && self.from.is_none_or(|from| record.arrived >= from)
            && self.to.is_none_or(|to| record.arrived <= to)
    }
}

/// Where an iteration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    max: usize,
    /// Of the last message that was given.
    arrived: Timestamp,
    id: String,
}

impl Position {
    /// At the beginning. `max` is what the client wants at most in one list.
    pub(crate) fn start(max: Option<usize>) -> Self {
        Self {
            max: max.unwrap_or(LIST_DEFAULT).clamp(1, LIST_MAX),
            arrived: Timestamp::from_millis(i64::MIN),
            id: String::new(),
        }
    }

    /// From a `MsgBoxRequestID` of ours.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(PREFIX)?.split(':');
        let (max, arrived, id) = (parts.next()?, parts.next()?, parts.next()?);
        let read = Self {
            max: max.parse().ok()?,
            arrived: Timestamp::from_millis(arrived.parse().ok()?),
            id: String::from_utf8(unhex(id)?).ok()?,
        };
        let ours = parts.next().is_none() && (1..=LIST_MAX).contains(&read.max);
        ours.then_some(read)
    }

    /// As a `MsgBoxRequestID`.
    pub(crate) fn request_id(&self) -> String {
        format!(
            "{PREFIX}{}:{}:{}",
            self.max,
            self.arrived.as_millis(),
            hex(self.id.as_bytes())
        )
    }

    /// The id of a request that leads nowhere: one message was named.
    pub(crate) fn end() -> String {
        END.to_owned()
    }

    /// The next ones behind it, at most `max` or one list, and how many come after these.
    pub(crate) fn next<'a>(
        &self,
        records: &'a [Record],
        voice: &Voice,
        selection: &Selection,
        max: Option<usize>,
    ) -> (Vec<&'a Record>, Self, usize) {
        let behind = |record: &&Record| {
            (record.arrived, record.message_id.as_str()) > (self.arrived, self.id.as_str())
        };
        let mut mine: Vec<&Record> = records
            .iter()
            .filter(behind)
            .filter(|record| voice.may_read(record) && selection.has(record))
            .collect();
        let given = mine.len().min(max.unwrap_or(self.max));
        let pending = mine.len() - given;
        mine.truncate(given);
        let mut position = self.clone();
        if let Some(last) = mine.last() {
            position.arrived = last.arrived;
            position.id.clone_from(&last.message_id);
        }
        (mine, position, pending)
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_again_and_nothing_else_is() {
        let mut position = Position::start(Some(7));
        assert_eq!(
            Position::read(&position.request_id()),
            Some(position.clone())
        );
        position.id = "urn:x:ä%".to_owned();
        position.arrived = Timestamp::from_seconds(1_800_000_000);
        assert_eq!(
            Position::read(&position.request_id()),
            Some(position.clone())
        );
        for bad in [
            "1",
            "",
            END,
            "urn:amtsbote:box:0:1:",
            "urn:amtsbote:box:2000:1:",
            "urn:amtsbote:box:1:1:f",
            "urn:amtsbote:box:1:1:ff",
            "urn:amtsbote:box:1:1:00:",
        ] {
            assert_eq!(Position::read(bad), None, "{bad}");
        }
    }
}

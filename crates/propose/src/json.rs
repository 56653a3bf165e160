//! A JSON sample becomes an annotated sample.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::attached::{self, Content};
use crate::binding::{self, Context, Maps};
use crate::counted::{self, List};
use crate::fields::{Field, Step};
use crate::matching::{Match, Offer, Source, matches};
use crate::names;
use crate::package::{Note, NoteKind};
use crate::several::{Names, of_document};
use crate::slots::Slot;
use crate::xml::{first_list, first_only, is_counter, of_attachments};

/// What became of the sample.
pub(crate) struct Drafted {
    pub(crate) sample: Value,
    pub(crate) notes: Vec<Note>,
    pub(crate) found: Vec<(Slot, Match)>,
}

pub(crate) fn draft(sample: &Value, offer: &Offer<'_>, maps: &mut Maps) -> Drafted {
    let mut notes = Vec::new();
    let mut lengths = BTreeMap::new();
    let sample = &united(sample, "", (&mut notes, &mut lengths));
    let mut slots = Vec::new();
    collect(sample, "", &mut Vec::new(), &mut slots);
    let found = matches(&slots, offer);
    let mut writer = Writer {
        slots: &slots,
        found: &found,
        fields: offer.fields,
        files: offer.files,
        maps,
        notes,
        next: 0,
    };
    let mut sample = writer.value(sample, &Context::default());
    let mut notes = writer.notes;
    count_lists(&mut sample, "", &lengths, &mut notes);
    let found = slots
        .iter()
        .zip(&found)
        .filter_map(|(slot, found)| Some((slot.clone(), found.clone()?)))
        .collect();
    Drafted {
        sample,
        notes,
        found,
    }
}

fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The objects of a list as one that has the members of all: some items say more than the first. Lists are told by their length.
fn united(
    value: &Value,
    at: &str,
    (notes, lengths): (&mut Vec<Note>, &mut BTreeMap<String, usize>),
) -> Value {
    match value {
        Value::Object(members) => {
            let inside = |(name, member): (&String, &Value)| {
                let member = united(member, &below(at, name), (notes, lengths));
                (name.clone(), member)
            };
            members.iter().map(inside).collect()
        }
        Value::Array(items) => {
            lengths.insert(at.to_owned(), items.len());
            if items.len() < 2 || !items.iter().all(Value::is_object) {
                let inside = |(nr, item)| united(item, &format!("{at}/{nr}"), (notes, lengths));
                return items.iter().enumerate().map(inside).collect();
            }
            notes.push(Note::new(
                NoteKind::Repeat,
                at.to_owned(),
                "die Einträge dieser Liste des Musters stehen in der Vorlage als einer, der alles hat, was einer von ihnen hat",
                "the items of this list of the sample are one in the template, which has all that any of them has",
            ));
            let one = items.iter().fold(Value::Null, absorbed);
            Value::Array(vec![united(&one, &format!("{at}/0"), (notes, lengths))])
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Binds places that say how many items a list beside them has.
fn count_lists(
    template: &mut Value,
    at: &str,
    lengths: &BTreeMap<String, usize>,
    notes: &mut Vec<Note>,
) {
    match template {
        Value::Object(members) => {
            let lists = lists_in(members, at, lengths);
            for (name, member) in members {
                let at = below(at, name);
                let text = match &*member {
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
                };
                let list = text.and_then(|text| counted::list(name, &text, &lists));
                let Some(list) = list else {
                    count_lists(member, &at, lengths, notes);
                    continue;
                };
                let is_text = member.is_string();
                *member = json!({ "$from": counted::length(list) });
                if is_text {
                    member["$as"] = Value::from("text");
                }
                notes.retain(|note| note.at != at || note.kind != NoteKind::Constant);
                notes.push(Note::new(
                    NoteKind::Info,
                    at,
                    counted::REMARK,
                    counted::REMARK,
                ));
            }
        }
        Value::Array(items) => {
            for (nr, item) in items.iter_mut().enumerate() {
                count_lists(item, &format!("{at}/{nr}"), lengths, notes);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The lists that are repeated in an object or in parts of it, and how long each is in the sample.
fn lists_in(
    members: &Map<String, Value>,
    at: &str,
    lengths: &BTreeMap<String, usize>,
) -> Vec<List> {
    let mut lists = Vec::new();
    for (name, member) in members {
        let at = below(at, name);
        match member {
            Value::Array(items) => {
                let each = items.first().and_then(|item| item.get("$each"));
                let each = each.and_then(Value::as_str);
                lists.extend(each.zip(lengths.get(&at)).map(|(each, items)| List {
                    name: name.clone(),
                    each: each.to_owned(),
                    items: *items,
                }));
            }
            Value::Object(inside) => lists.extend(lists_in(inside, &at, lengths)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    lists
}

/// `known`, with what `other` has and it has not.
fn absorbed(known: Value, other: &Value) -> Value {
    match (known, other) {
        (Value::Object(mut members), Value::Object(more)) => {
            for (name, member) in more {
                let known = members.entry(name.clone()).or_insert(Value::Null);
                *known = absorbed(known.take(), member);
            }
            Value::Object(members)
        }
        (Value::Array(mut items), Value::Array(more)) => {
            items.extend(more.iter().cloned());
            Value::Array(items)
        }
        (Value::Null, other) => other.clone(),
        (known, _) => known,
    }
}

fn collect(value: &Value, at: &str, above: &mut Vec<String>, slots: &mut Vec<Slot>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                above.push(name.clone());
                collect(member, &below(at, name), above, slots);
                above.pop();
            }
        }
        // Of a list the first item stands for all.
        Value::Array(items) => {
            if let Some(first) = items.first() {
                collect(first, &format!("{at}/0"), above, slots);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            let mut above = above.clone();
            let name = above.pop().unwrap_or_default();
            slots.push(Slot {
                at: at.to_owned(),
                name,
                above,
                values: if value.is_null() {
                    Vec::new()
                } else {
                    vec![text]
                },
                ..Slot::default()
            });
        }
    }
}

struct Writer<'w> {
    slots: &'w [Slot],
    found: &'w [Option<Match>],
    fields: &'w [Field],
    files: &'w Names,
    maps: &'w mut Maps,
    notes: Vec<Note>,
    next: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, context: &Context) -> Value {
        match value {
            Value::Object(members) => {
                let mut object = Map::new();
                let texts = members.values().filter_map(Value::as_str);
                let document = self.files.document(texts);
                for (name, member) in members {
                    let bound = match self.attachment(name, member) {
                        Some((item, list)) => self.attachments(item, list),
                        None => match document.and_then(|nr| self.of_document(name, member, nr)) {
                            Some(bound) => {
                                self.next += 1;
                                bound
                            }
                            None => self.value(member, context),
                        },
                    };
                    let name = if name.starts_with('$') {
                        format!("${name}")
                    } else {
                        name.clone()
                    };
                    object.insert(name, bound);
                }
                Value::Object(object)
            }
            Value::Array(items) => match items.first() {
                None => Value::Array(Vec::new()),
                // Nothing fits, so the sample's values go along as they are: all of them.
                Some(first) if self.is_open(first) => {
                    self.open(first, self.next);
                    self.next += 1;
                    value.clone()
                }
                Some(first) => Value::Array(vec![self.item(first, context)]),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.leaf(value, context)
            }
        }
    }

    /// Whether an item is a value that nothing fits.
    fn is_open(&self, item: &Value) -> bool {
        let is_value = !item.is_array() && !item.is_object();
        is_value && self.found.get(self.next).is_none_or(Option::is_none)
    }

    /// An item that stands for a list: repeated if fields of a list of the data go into it.
    fn item(&mut self, item: &Value, outer: &Context) -> Value {
        let range = self.next..self.next + count(item);
        let mut lists: Vec<(Vec<Step>, usize)> = Vec::new();
        for at in range {
            let Some(Match {
                source: Source::Field(field),
                ..
            }) = self.found.get(at).and_then(Option::as_ref)
            else {
                continue;
            };
            let Some(list) = self
                .fields
                .get(*field)
                .and_then(|field| first_list(&field.steps, outer))
            else {
                continue;
            };
            match lists.iter_mut().find(|(known, _)| known == list) {
                Some((_, uses)) => *uses += 1,
                None => lists.push((list.to_vec(), 1)),
            }
        }
        let best = lists
            .into_iter()
            .max_by_key(|(list, uses)| (*uses, std::cmp::Reverse(list.len())));
        let Some((list, _)) = best else {
            return self.value(item, outer);
        };
        let each = binding::list(&list, outer);
        let bound = self.value(item, &Context(list));
        let mut repeated = Map::new();
        repeated.insert("$each".to_owned(), Value::from(each));
        if let Value::Object(members) = bound {
            repeated.extend(members);
        }
        Value::Object(repeated)
    }

    /// The item of a list of attachments, or of files a sample names, and which list that is.
    fn attachment<'v>(
        &self,
        name: &str,
        value: &'v Value,
    ) -> Option<(&'v Map<String, Value>, &'static str)> {
        let item = value.as_array()?.first()?.as_object()?;
        let list = self.files.list(leaves(item));
        let is_it = attached::is_attachment(name, item.keys().map(String::as_str));
        let list = list.or(is_it.then_some("$attachments"))?;
        Some((item, list))
    }

    /// What a member says of the document that another beside it names.
    fn of_document(&self, name: &str, value: &Value, nr: usize) -> Option<Value> {
        let value = value.as_str()?;
        let from = self.files.said(name, value)?;
        Some(bound(&of_document(nr, from), value))
    }

    /// The list of attachments: what is said of each, and their content.
    fn attachments(&mut self, item: &Map<String, Value>, list: &str) -> Value {
        let at = self.slots.get(self.next);
        let at = at.map(|slot| slot.at.clone()).unwrap_or_default();
        let is_content = |name: &String| attached::source(name) == Some(".content");
        let content = if item.keys().any(is_content) {
            Content::Inside
        } else {
            Content::Beside
        };
        let mut made = Map::new();
        made.insert("$each".to_owned(), Value::from(list));
        made.extend(self.told(item, content));
        self.notes.push(of_attachments(at));
        json!([made])
    }

    /// What is said of an attachment, also in parts of it.
    fn told(&mut self, item: &Map<String, Value>, content: Content) -> Map<String, Value> {
        let mut made = Map::new();
        for (name, member) in item {
            let bound = match member {
                Value::Object(inside) => Value::Object(self.told(inside, content)),
                Value::Array(_) => {
                    self.next += count(member);
                    member.clone()
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    let value = member.as_str().unwrap_or_default();
                    let at = self.next;
                    self.next += 1;
                    let named = self.files.member(value);
                    match named.or_else(|| attached::told(name, value, content)) {
                        None => {
                            self.open(member, at);
                            member.clone()
                        }
                        Some(from) => bound(from, value),
                    }
                }
            };
            made.insert(name.clone(), bound);
        }
        made
    }

    fn leaf(&mut self, value: &Value, context: &Context) -> Value {
        let at = self.next;
        self.next += 1;
        let found = self.found.get(at).and_then(Option::as_ref);
        let (Some(slot), Some(found)) = (self.slots.get(at), found) else {
            let name = self.slots.get(at).map_or("", |slot| slot.name.as_str());
            if !context.0.is_empty() && is_counter(name) {
                return json!({ "$from": "$nr" });
            }
            self.open(value, at);
            return value.clone();
        };
        let Some(words) = binding::words(slot, found, self.fields, context, self.maps) else {
            return value.clone();
        };
        self.notes
            .push(Note::proposed(&slot.at, found, self.fields));
        self.notes.extend(binding::unit(slot, found, self.fields));
        if let Source::Field(field) = found.source
            && let Some(field) = self.fields.get(field)
            && let Some(list) = first_list(&field.steps, context)
        {
            let list = Field {
                steps: list.to_vec(),
                ..field.clone()
            }
            .pointer();
            self.notes.push(first_only(&slot.at, &list));
        }
        let mut bound = json!({ "$from": words.from });
        // A number or boolean of the data stays one without a conversion.
        let is_itself = words
            .convert
            .as_deref()
            .is_some_and(|convert| matches!(convert, "number" | "boolean") && !value.is_string());
        // `"12"` in the sample wants a text, not a number.
        let convert = words.convert.map(|convert| {
            if convert == "number" && value.is_string() {
                "text".to_owned()
            } else {
                convert
            }
        });
        if let Some(convert) = convert.filter(|_| !is_itself) {
            bound["$as"] = Value::from(convert);
        }
        if let Some(codes) = words.codes {
            bound["$codes"] = Value::from(codes);
        }
        if !words.is_certain {
            bound["$missing"] = Value::from("drop");
        }
        bound
    }

    fn open(&mut self, value: &Value, at: usize) {
        let Some(slot) = self.slots.get(at) else {
            return;
        };
        if value.is_null() || slot.name.starts_with('$') || names::folded(&slot.name) == "version" {
            return;
        }
        self.notes.push(Note::new(
            NoteKind::Constant,
            slot.at.clone(),
            "keine Quelle gefunden; der Wert des Musters würde so übergeben",
            "no source found; the sample's value would be handed over as it is",
        ));
    }
}

/// The texts in an object, also in parts of it.
fn leaves(members: &Map<String, Value>) -> Vec<&str> {
    let mut texts = Vec::new();
    for member in members.values() {
        match member {
            Value::String(text) => texts.push(text.as_str()),
            Value::Object(inside) => texts.extend(leaves(inside)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
        }
    }
    texts
}

/// What is said of a file, as the sample writes it.
fn bound(from: &str, value: &str) -> Value {
    let mut bound = json!({ "$from": from });
    if let Some(convert) = attached::convert(from, value) {
        bound["$as"] = Value::from(convert);
    }
    if attached::may_lack(from) {
        bound["$missing"] = Value::from("empty");
    }
    bound
}

fn count(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.values().map(count).sum(),
        Value::Array(items) => items.first().map_or(0, count),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

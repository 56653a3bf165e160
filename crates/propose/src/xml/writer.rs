//! Writes binding attributes and remarks into the sample.

use super::attachment::is_attachment;
use super::shape::{bindable, count, holds_nothing, is_leaf, text_of};
use super::{first_list, first_only, is_counter, padded};
use crate::binding::{self, Context, Maps, Words};
use crate::counted::{self, List};
use crate::dom::{Element, local};
use crate::fields::{Field, Step};
use crate::matching::{Match, Source};
use crate::names;
use crate::package::{Note, NoteKind};
use crate::several::Names;
use crate::slots::Slot;
use crate::xsd::GROUP;

pub(super) struct Writer<'w> {
    pub(super) prefix: &'w str,
    pub(super) slots: &'w [Slot],
    pub(super) found: &'w [Option<Match>],
    pub(super) fields: &'w [Field],
    pub(super) files: &'w Names,
    pub(super) maps: &'w mut Maps,
    pub(super) notes: Vec<Note>,
    pub(super) next: usize,
}

/// The expression for how many items a list has.
type Length<'l> = &'l dyn Fn(&str) -> String;

impl Writer<'_> {
    /// Binds an element and all below it.
    pub(super) fn element(&mut self, element: &mut Element, outer: &Context, parent: Option<&str>) {
        let range = self.next..self.next + count(element);
        let context = match parent {
            Some(parent) => self.each(element, outer, parent, range.clone()),
            None => outer.clone(),
        };
        self.attributes(element, &context);
        if is_leaf(element) {
            return self.leaf(element, &context);
        }
        let name = match parent {
            Some(parent) if element.name == GROUP => parent.to_owned(),
            Some(_) | None => element.local().to_owned(),
        };
        let mut unused = Vec::new();
        let mut kept = Vec::new();
        for mut child in std::mem::take(&mut element.children) {
            let size = count(&child);
            if is_attachment(&child) || self.holds_file(&child) || self.lists_files(&child) {
                self.next += size;
                self.attachment(&mut child, &name);
                kept.push(child);
                continue;
            }
            if self.of_document(&mut child) {
                self.next += size;
                kept.push(child);
                continue;
            }
            let is_used = (self.next..self.next + size).any(|at| self.matched(at).is_some());
            if !is_used && child.is_required == Some(false) {
                self.next += size;
                unused.push(child.name.clone());
                continue;
            }
            self.element(&mut child, &context, Some(&name));
            let is_bare = child.name == GROUP && child.attributes.is_empty();
            if is_bare {
                // Nothing to repeat it over was found: its elements stand there once.
                self.notes.push(Note::new(
                    NoteKind::Repeat,
                    name.clone(),
                    "hier wiederholen sich mehrere Elemente gemeinsam; mit <b:group b:each=\"…\"> um sie herum gehen alle mit",
                    "several elements repeat together here; with <b:group b:each=\"…\"> around them all go along",
                ));
                kept.extend(std::mem::take(&mut child.children));
            } else {
                kept.push(child);
            }
        }
        element.children = kept;
        if !unused.is_empty() {
            element.remarks.push(format!(
                "optional, nicht belegt / optional, not used: {}",
                unused.join(", ")
            ));
        }
        let is_whole = parent.is_some() && element.is_required != Some(true);
        let is_used = range.clone().any(|at| self.matched(at).is_some());
        if is_whole
            && is_used
            && !range.clone().any(|at| self.is_certain(at))
            && !self.has_word(element, "each")
            // Where files are listed, one of them is there.
            && !self.lists_in(element).iter().any(|list| list.each == "$files")
        {
            self.word(element, "empty", "drop");
        }
        self.count_lists(element);
    }

    /// Binds attributes and elements that say how many items a list below has.
    fn count_lists(&mut self, element: &mut Element) {
        let lists = self.lists_in(element);
        if lists.is_empty() {
            return;
        }
        // A count of none would be a value, and keep what is left out when it is empty.
        let is_dropped = self.has_word(element, "empty");
        let length = |list: &str| {
            let length = counted::length(list);
            if is_dropped {
                format!("{length} | select(. > 0)")
            } else {
                length
            }
        };
        self.count_attributes(element, (&lists, is_dropped, &length));
        let name = element.name.clone();
        for child in &mut element.children {
            if !is_leaf(child) {
                continue;
            }
            self.count_attributes(child, (&lists, is_dropped, &length));
            let is_open = !self.has_word(child, "from");
            let list = counted::list(child.local(), text_of(child), &lists);
            if let Some(list) = list.filter(|_| is_open) {
                self.word(child, "from", &length(list));
                if is_dropped {
                    self.word(child, "missing", "drop");
                }
                let place = format!("/{name}/{}", child.name);
                self.settled(child, "", &place);
            }
        }
    }

    fn count_attributes(
        &mut self,
        element: &mut Element,
        (lists, is_dropped, length): (&[List], bool, Length<'_>),
    ) {
        let own = element.attributes.iter();
        let own: Vec<(String, String)> = own
            .filter(|(name, _)| self.is_bound(name) && !self.has_word(element, &of("attr", name)))
            .cloned()
            .collect();
        for (name, value) in own {
            if let Some(list) = counted::list(local(&name), &value, lists) {
                self.word(element, &of("attr", &name), &length(list));
                if is_dropped {
                    self.word(element, &of("missing", &name), "drop");
                }
                let place = format!("@{name}");
                self.settled(element, &place, &format!("/{}/{place}", element.name));
            }
        }
    }

    /// Nothing is open any more at what is told of there; `mark` is an attribute's.
    fn settled(&mut self, element: &mut Element, mark: &str, place: &str) {
        let is_of = |remark: &String| match mark {
            "" => remark.starts_with("offen: "),
            mark => remark.starts_with(&format!("{mark}: offen: ")),
        };
        element.remarks.retain(|remark| !is_of(remark));
        let before = if mark.is_empty() {
            String::new()
        } else {
            format!("{mark}: ")
        };
        element.remarks.push(format!("{before}{}", counted::REMARK));
        let is_open = |note: &Note| note.kind.is_open() && note.at.ends_with(place);
        if let Some(at) = self.notes.iter().rposition(is_open) {
            self.notes.remove(at);
        }
    }

    /// The lists that are repeated in an element or in parts of it, and how long each is in the sample.
    fn lists_in(&self, element: &Element) -> Vec<List> {
        let mut lists = Vec::new();
        for child in &element.children {
            match child.attribute(&format!("{}:each", self.prefix)) {
                Some(each) => lists.push(List {
                    name: child.local().to_owned(),
                    each: each.to_owned(),
                    items: child.others + 1,
                }),
                None => lists.extend(self.lists_in(child)),
            }
        }
        lists
    }

    fn matched(&self, at: usize) -> Option<&Match> {
        self.found.get(at).and_then(Option::as_ref)
    }

    pub(super) fn field(&self, at: usize) -> Option<&Field> {
        match &self.matched(at)?.source {
            Source::Field(field) => self.fields.get(*field),
            Source::Beside(_) => None,
        }
    }

    fn is_certain(&self, at: usize) -> bool {
        match self.matched(at).map(|found| &found.source) {
            Some(Source::Field(field)) => self
                .fields
                .get(*field)
                .is_some_and(|field| field.is_required),
            Some(Source::Beside(_)) => true,
            None => false,
        }
    }

    /// Whether an attribute of the sample takes a value; the template's own words do not.
    pub(super) fn is_bound(&self, name: &str) -> bool {
        let own = name.split_once(':').map(|(prefix, _)| prefix);
        bindable(name) && own != Some(self.prefix)
    }

    fn has_word(&self, element: &Element, word: &str) -> bool {
        element
            .attribute(&format!("{}:{word}", self.prefix))
            .is_some()
    }

    pub(super) fn word(&self, element: &mut Element, word: &str, value: &str) {
        element
            .attributes
            .push((format!("{}:{word}", self.prefix), value.to_owned()));
    }

    /// Repeats the element over a list if the sample, the schema or the names say that it is one.
    fn each(
        &mut self,
        element: &mut Element,
        outer: &Context,
        parent: &str,
        range: std::ops::Range<usize>,
    ) -> Context {
        let mut lists: Vec<(&[Step], usize)> = Vec::new();
        for at in range {
            let Some(field) = self.field(at) else {
                continue;
            };
            let Some(list) = first_list(&field.steps, outer) else {
                continue;
            };
            match lists.iter_mut().find(|(known, _)| *known == list) {
                Some((_, uses)) => *uses += 1,
                None => lists.push((list, 1)),
            }
        }
        let best = lists
            .iter()
            .max_by_key(|(list, uses)| (*uses, std::cmp::Reverse(list.len())));
        let Some((list, _)) = best else {
            return outer.clone();
        };
        let list = list.to_vec();
        let key = list.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Items => None,
        });
        // `<hunde><hund>`: the names say that it is an item of the list.
        let is_item = key.is_some_and(|key| {
            let same = |name: &str| names::same_meaning(&names::folded(name), &names::folded(key));
            same(parent) && same(element.local())
        });
        if !element.repeats && !is_item {
            return outer.clone();
        }
        let expression = binding::list(&list, outer);
        self.word(element, "each", &expression);
        element
            .remarks
            .push(format!("Vorschlag / proposal: each {expression}"));
        Context(list)
    }

    fn attributes(&mut self, element: &mut Element, context: &Context) {
        let names: Vec<String> = element
            .attributes
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| self.is_bound(name))
            .collect();
        for name in names {
            let at = self.next;
            self.next += 1;
            if self.matched(at).is_none() && !context.0.is_empty() && is_counter(local(&name)) {
                self.counter(element, &name);
                element.remarks.push(format!(
                    "@{name}: Vorschlag / proposal: laufende Nummer / running number"
                ));
            } else if let Some((words, remark)) = self.words(at, context) {
                self.word(element, &of("attr", &name), &words.from);
                if let Some(convert) = &words.convert {
                    self.word(element, &of("as", &name), convert);
                }
                if let Some(codes) = &words.codes {
                    self.word(element, &of("codes", &name), codes);
                }
                if !words.is_certain {
                    self.word(element, &of("missing", &name), "drop");
                }
                element.remarks.push(format!("@{name}: {remark}"));
            } else {
                self.open_attribute(element, &name, at);
            }
        }
    }

    /// The running number in an attribute, with the zeros in front that the sample has.
    pub(super) fn counter(&self, element: &mut Element, name: &str) {
        self.word(element, &of("attr", name), "$nr");
        if let Some(convert) = padded(element.attribute(name).unwrap_or_default()) {
            self.word(element, &of("as", name), &convert);
        }
    }

    /// An attribute nothing fits: what the sample says there goes along, and may be somebody's.
    fn open_attribute(&mut self, element: &mut Element, name: &str, at: usize) {
        let value = element
            .attribute(name)
            .unwrap_or_default()
            .trim()
            .to_owned();
        let Some(slot) = self.slots.get(at).filter(|_| !value.is_empty()) else {
            return;
        };
        let (kind, remark, de, en) = if value == crate::xsd::PLACEHOLDER {
            (
                NoteKind::Unmapped,
                "offen: Pflichtangabe ohne Quelle / open: required, no source",
                "Pflichtangabe des Fachverfahrens ohne Quelle; der Platzhalter würde so übergeben",
                "required by the procedure, no source found; the placeholder would be handed over as it is",
            )
        } else {
            (
                NoteKind::Constant,
                "offen: Konstante aus dem Muster / open: constant of the sample",
                "keine Quelle gefunden; der Wert des Musters würde so übergeben",
                "no source found; the sample's value would be handed over as it is",
            )
        };
        element.remarks.push(format!("@{name}: {remark}"));
        self.notes.push(Note::new(kind, slot.at.clone(), de, en));
    }

    fn leaf(&mut self, element: &mut Element, context: &Context) {
        let at = self.next;
        self.next += 1;
        let Some((words, remark)) = self.words(at, context) else {
            if !context.0.is_empty() && is_counter(element.local()) && !holds_nothing(element) {
                element
                    .remarks
                    .push("Vorschlag / proposal: laufende Nummer / running number".to_owned());
                self.word(element, "from", "$nr");
                if let Some(convert) = padded(text_of(element)) {
                    self.word(element, "as", &convert);
                }
                return;
            }
            return self.open(element, at);
        };
        element.remarks.push(remark);
        // The sample has no value there; the application has.
        element
            .attributes
            .retain(|(name, _)| !name.ends_with(":nil"));
        self.word(element, "from", &words.from);
        if let Some(convert) = &words.convert {
            self.word(element, "as", convert);
        }
        if let Some(codes) = &words.codes {
            self.word(element, "codes", codes);
        }
        if !words.is_certain {
            if element.is_required == Some(true) {
                let place = self
                    .slots
                    .get(at)
                    .map(|slot| slot.at.clone())
                    .unwrap_or_default();
                self.notes.push(Note::new(
                    NoteKind::MaybeMissing,
                    place,
                    "das Fachverfahren verlangt den Wert, der Antrag muss ihn nicht haben: Vorgabe (b:missing) festlegen",
                    "the procedure needs the value, the application may lack it: decide on b:missing",
                ));
            } else if !self.has_word(element, "each") {
                self.word(element, "missing", "drop");
            }
        }
    }

    /// A place nothing fits.
    fn open(&mut self, element: &mut Element, at: usize) {
        let Some(slot) = self.slots.get(at) else {
            return;
        };
        if text_of(element).trim().is_empty() {
            // Nothing stands there, so nothing would be handed over: what it says are its attributes.
            return;
        }
        if slot.is_required == Some(true) {
            element
                .remarks
                .push("offen: Pflichtangabe ohne Quelle / open: required, no source".to_owned());
            self.notes.push(Note::new(
                NoteKind::Unmapped,
                slot.at.clone(),
                "Pflichtangabe des Fachverfahrens ohne Quelle; der Platzhalter würde so übergeben",
                "required by the procedure, no source found; the placeholder would be handed over as it is",
            ));
        } else {
            element
                .remarks
                .push("offen: Konstante aus dem Muster / open: constant of the sample".to_owned());
            self.notes.push(Note::new(
                NoteKind::Constant,
                slot.at.clone(),
                "keine Quelle gefunden; der Text des Musters würde so übergeben",
                "no source found; the sample's text would be handed over as it is",
            ));
        }
    }

    fn words(&mut self, at: usize, context: &Context) -> Option<(Words, String)> {
        let found = self.found.get(at)?.clone()?;
        let slot = self.slots.get(at)?;
        let words = binding::words(slot, &found, self.fields, context, self.maps)?;
        let note = Note::proposed(&slot.at, &found, self.fields);
        self.notes.extend(binding::unit(slot, &found, self.fields));
        let remark = note.remark();
        self.notes.push(note);
        if let Some(field) = self.field(at)
            && let Some(list) = first_list(&field.steps, context)
        {
            let list: String = Field {
                steps: list.to_vec(),
                ..field.clone()
            }
            .pointer();
            self.notes.push(first_only(&slot.at, &list));
        }
        Some((words, remark))
    }
}

/// The word for an attribute: a prefix is parted by a dot there.
pub(super) fn of(word: &str, name: &str) -> String {
    format!("{word}-{}", name.replace(':', "."))
}

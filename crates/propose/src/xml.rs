//! An XML sample becomes a template: binding attributes where a field fits, remarks everywhere a person has to look.

use amtsbote_problem::Bilingual;
use amtsbote_translate::xml::NAMESPACE;

use crate::attached;
use crate::binding::{self, Context, Maps, Words};
use crate::dom::{Element, local};
use crate::fields::{Field, Step};
use crate::matching::{Match, Offer, Source, matches};
use crate::names;
use crate::package::{Note, NoteKind};
use crate::slots::Slot;
use crate::xsd::GROUP;

/// Attributes that say which code list or version something has: constants of the format.
const FIXED_ATTRIBUTES: &[&str] = &["listURI", "listVersionID", "version", "lang", "encoding"];

/// What became of the sample.
pub(crate) struct Drafted {
    pub(crate) root: Element,
    pub(crate) notes: Vec<Note>,
}

pub(crate) fn draft(mut root: Element, offer: &Offer<'_>, maps: &mut Maps) -> Drafted {
    let mut notes = Vec::new();
    grouped(&mut root);
    collapse(&mut root, "", &mut notes);
    let mut slots = Vec::new();
    collect(&root, &mut Vec::new(), &mut slots);
    let found = matches(&slots, offer);
    let prefix = prefix(&root);
    let mut writer = Writer {
        prefix: &prefix,
        slots: &slots,
        found: &found,
        fields: offer.fields,
        maps,
        notes,
        next: 0,
    };
    writer.element(&mut root, &Context::default(), None);
    let notes = writer.notes;
    renamed(&mut root, &format!("{prefix}:group"));
    root.attributes
        .push((format!("xmlns:{prefix}"), NAMESPACE.to_owned()));
    Drafted { root, notes }
}

fn prefix(root: &Element) -> String {
    let taken = |prefix: &str| root.attribute(&format!("xmlns:{prefix}")).is_some();
    if taken("b") { "bind" } else { "b" }.to_owned()
}

/// Siblings that alternate (`Nr Text Nr Text`) repeat together: one group of them stays.
fn grouped(element: &mut Element) {
    let names: Vec<&str> = element
        .children
        .iter()
        .map(|child| child.name.as_str())
        .collect();
    if let Some((from, length, times)) = alternating(&names) {
        let mut after = element.children.split_off(from);
        let rest = after.split_off(length * times);
        let mut group = Element::new(GROUP);
        let further = after.split_off(length);
        group.children = after;
        group.repeats = true;
        for (at, other) in further.iter().enumerate() {
            if let Some(known) = group.children.get_mut(at % length) {
                absorb(known, other);
            }
        }
        element.children.push(group);
        element.children.extend(rest);
    }
    for child in &mut element.children {
        grouped(child);
    }
}

/// Where names begin to alternate, how many there are, and how often.
fn alternating(names: &[&str]) -> Option<(usize, usize, usize)> {
    const LENGTH_MAX: usize = 30;
    for from in 0..names.len() {
        for length in 2..=LENGTH_MAX.min((names.len() - from) / 2) {
            // Most places end here, so a long list costs little.
            if names.get(from) != names.get(from + length) {
                continue;
            }
            let pattern = names.get(from..from + length)?;
            let differ = (1..length).all(|at| {
                pattern
                    .get(at)
                    .is_some_and(|name| !pattern[..at].contains(name))
            });
            // Before counting: in a list of one name nothing alternates.
            if !differ {
                continue;
            }
            let times = names
                .get(from..)?
                .chunks(length)
                .take_while(|chunk| *chunk == pattern)
                .count();
            if times > 1 {
                return Some((from, length, times));
            }
        }
    }
    None
}

/// Groups carry the template's own prefix.
fn renamed(element: &mut Element, name: &str) {
    if element.name == GROUP {
        name.clone_into(&mut element.name);
    }
    for child in &mut element.children {
        renamed(child, name);
    }
}

/// Of siblings with one name the first stays, marked as repeated.
fn collapse(element: &mut Element, above: &str, notes: &mut Vec<Note>) {
    let at = format!("{above}/{}", element.name);
    let mut kept: Vec<Element> = Vec::new();
    for child in std::mem::take(&mut element.children) {
        match kept.iter_mut().find(|known| known.name == child.name) {
            None => kept.push(child),
            Some(first) => {
                if !first.repeats {
                    notes.push(Note::new(
                        NoteKind::Repeat,
                        format!("{at}/{}", child.name),
                        "kommt im Muster mehrmals vor; die Vorlage enthält das erste davon",
                        "stands in the sample several times; the template has the first of them",
                    ));
                }
                first.repeats = true;
                absorb(first, &child);
            }
        }
    }
    if !kept.is_empty() && !element.text.trim().is_empty() {
        notes.push(Note::new(
            NoteKind::Info,
            at.clone(),
            "Text neben Elementen kann eine Vorlage nicht enthalten; er wurde entfernt",
            "a template cannot hold text beside elements; it was removed",
        ));
        element.text.clear();
    }
    for child in &mut kept {
        collapse(child, &at, notes);
    }
    element.children = kept;
}

/// Keeps the texts of an element that another stands for: they tell dates, codes and numbers apart.
fn absorb(kept: &mut Element, other: &Element) {
    if !text_of(other).trim().is_empty() {
        kept.further.push(text_of(other).trim().to_owned());
    }
    for child in &other.children {
        if let Some(known) = kept
            .children
            .iter_mut()
            .find(|known| known.name == child.name)
        {
            absorb(known, child);
        }
    }
}

/// An element that takes one text: none inside, or `<code>` alone.
fn is_leaf(element: &Element) -> bool {
    match element.children.as_slice() {
        [] => true,
        [only] => only.local() == "code" && only.children.is_empty(),
        [_, _, ..] => false,
    }
}

fn text_of(element: &Element) -> &str {
    element
        .children
        .first()
        .map_or(element.text.as_str(), |code| code.text.as_str())
}

/// Whether nothing may be written into it: it is empty and says what it says in attributes, or its type says so.
fn holds_nothing(element: &Element) -> bool {
    let is_empty =
        element.children.is_empty() && element.text.trim().is_empty() && element.further.is_empty();
    let has_attributes = element.attributes.iter().any(|(name, _)| bindable(name));
    is_empty && (has_attributes || element.takes_no_text)
}

/// What a schema says of a sample's elements: what has to be there, repeats, which codes there are.
pub(crate) fn tell(element: &mut Element, known: &Element) {
    if known.is_required == Some(true) {
        element.is_required = known.is_required;
    }
    element.repeats |= known.repeats;
    element.takes_no_text |= known.takes_no_text;
    element.codes.clone_from(&known.codes);
    element.code_labels.clone_from(&known.code_labels);
    element.attribute_codes.clone_from(&known.attribute_codes);
    for child in &mut element.children {
        if let Some(known) = known.child(local(&child.name)) {
            tell(child, known);
        }
    }
}

/// The sample's text, unless it only holds a place.
fn known_text(element: &Element) -> Vec<String> {
    let text = text_of(element).trim();
    if text == crate::xsd::PLACEHOLDER {
        Vec::new()
    } else {
        [&[text.to_owned()], element.further.as_slice()].concat()
    }
}

fn bindable(name: &str) -> bool {
    !name.contains(':') && name != "xmlns" && !FIXED_ATTRIBUTES.contains(&name)
}

/// Slots in the order in which [`Writer`] walks.
fn collect(element: &Element, above: &mut Vec<String>, slots: &mut Vec<Slot>) {
    let at = format!(
        "/{}",
        [above.as_slice(), std::slice::from_ref(&element.name)]
            .concat()
            .join("/")
    );
    for (name, value) in element.attributes.iter().filter(|(name, _)| bindable(name)) {
        slots.push(Slot {
            at: format!("{at}/@{name}"),
            name: name.clone(),
            above: above.iter().chain([&element.name]).cloned().collect(),
            values: vec![value.clone()],
            codes: element
                .attribute_codes
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, codes)| codes.clone())
                .unwrap_or_default(),
            is_attribute: true,
            ..Slot::default()
        });
    }
    if is_leaf(element) {
        slots.push(Slot {
            at,
            name: if holds_nothing(element) {
                String::new()
            } else {
                element.local().to_owned()
            },
            above: above.iter().skip(1).cloned().collect(),
            values: known_text(element),
            is_required: element.is_required,
            codes: element
                .children
                .first()
                .map_or_else(|| element.codes.clone(), |code| code.codes.clone()),
            code_labels: element.children.first().map_or_else(
                || element.code_labels.clone(),
                |code| code.code_labels.clone(),
            ),
            is_attribute: false,
        });
        return;
    }
    let is_group = element.name == GROUP;
    if !is_group {
        above.push(element.name.clone());
    }
    for child in &element.children {
        collect(child, above, slots);
    }
    if !is_group {
        above.pop();
    }
}

struct Writer<'w> {
    prefix: &'w str,
    slots: &'w [Slot],
    found: &'w [Option<Match>],
    fields: &'w [Field],
    maps: &'w mut Maps,
    notes: Vec<Note>,
    next: usize,
}

impl Writer<'_> {
    /// Binds an element and all below it.
    fn element(&mut self, element: &mut Element, outer: &Context, parent: Option<&str>) {
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
            if is_attachment(&child) {
                self.next += size;
                self.attachment(&mut child, &name);
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
        {
            self.word(element, "empty", "drop");
        }
    }

    /// An attachment: what is said of it, and its content.
    fn attachment(&mut self, element: &mut Element, parent: &str) {
        self.word(element, "each", "$attachments");
        element
            .remarks
            .push("Vorschlag / proposal: each $attachments".to_owned());
        let names: Vec<String> = element
            .attributes
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        let at = format!("{parent}/{}", element.name);
        for name in names.iter().filter(|name| bindable(name)) {
            match attached::attribute(name) {
                Some("$nr") => self.counter(element, name),
                Some(from) => {
                    self.word(element, &format!("attr-{name}"), from);
                    if attached::may_lack(from) {
                        self.word(element, &format!("missing-{name}"), "empty");
                    }
                }
                None => self.notes.push(constant(format!("{at}/@{name}"))),
            }
        }
        // An entry of a list of files has its content elsewhere: it is empty and names the file.
        if element.children.is_empty() && !names_a_file(element) {
            self.word(element, "from", ".content");
        }
        for child in &mut element.children {
            let place = format!("{at}/{}", child.name);
            match attached::source(child.local()).filter(|_| child.children.is_empty()) {
                Some(from) => {
                    self.word(child, "from", from);
                    if attached::may_lack(from) {
                        self.word(child, "missing", "empty");
                    }
                }
                None if child.children.is_empty() && !child.text.trim().is_empty() => {
                    self.notes.push(constant(place));
                }
                None => {}
            }
        }
        self.notes.push(of_attachments(at));
    }

    fn matched(&self, at: usize) -> Option<&Match> {
        self.found.get(at).and_then(Option::as_ref)
    }

    fn field(&self, at: usize) -> Option<&Field> {
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

    fn has_word(&self, element: &Element, word: &str) -> bool {
        element
            .attribute(&format!("{}:{word}", self.prefix))
            .is_some()
    }

    fn word(&self, element: &mut Element, word: &str, value: &str) {
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
            .filter(|name| bindable(name))
            .collect();
        for name in names {
            let at = self.next;
            self.next += 1;
            if self.matched(at).is_none() && !context.0.is_empty() && is_counter(&name) {
                self.counter(element, &name);
                element.remarks.push(format!(
                    "@{name}: Vorschlag / proposal: laufende Nummer / running number"
                ));
            } else if let Some((words, remark)) = self.words(at, context) {
                self.word(element, &format!("attr-{name}"), &words.from);
                if let Some(convert) = &words.convert {
                    self.word(element, &format!("as-{name}"), convert);
                }
                if let Some(codes) = &words.codes {
                    self.word(element, &format!("codes-{name}"), codes);
                }
                if !words.is_certain {
                    self.word(element, &format!("missing-{name}"), "drop");
                }
                element.remarks.push(format!("@{name}: {remark}"));
            } else {
                self.open_attribute(element, &name, at);
            }
        }
    }

    /// The running number in an attribute, with the zeros in front that the sample has.
    fn counter(&self, element: &mut Element, name: &str) {
        self.word(element, &format!("attr-{name}"), "$nr");
        if let Some(convert) = padded(element.attribute(name).unwrap_or_default()) {
            self.word(element, &format!("as-{name}"), &convert);
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

/// Whether an empty element says in an attribute which file it means.
fn names_a_file(element: &Element) -> bool {
    let names = |name: &str| matches!(attached::attribute(name), Some(".file" | ".path"));
    element.text.trim().is_empty() && element.attributes.iter().any(|(name, _)| names(name))
}

/// A value of the sample that nothing fits.
fn constant(at: String) -> Note {
    Note::new(
        NoteKind::Constant,
        at,
        "keine Quelle gefunden; der Wert des Musters würde so übergeben",
        "no source found; the sample's value would be handed over as it is",
    )
}

/// What became of a list of attachments.
pub(crate) fn of_attachments(at: String) -> Note {
    Note::new(
        NoteKind::Info,
        at,
        "Vorschlag: die Anlagen des Antrags; Inhalt mit .content geht in Base64 mit, dann steht attachments = \"none\" in package.toml",
        "proposal: the application's attachments; content goes along in base64 with .content, and package.toml says attachments = \"none\"",
    )
}

/// The conversion that writes a number as wide as the sample's, if that has zeros in front.
pub(crate) fn padded(sample: &str) -> Option<String> {
    let sample = sample.trim();
    let is_padded = sample.len() > 1
        && sample.starts_with('0')
        && sample.bytes().all(|byte| byte.is_ascii_digit());
    is_padded.then(|| format!("number:{}", "0".repeat(sample.len())))
}

/// Whether a name means a running number.
pub(crate) fn is_counter(name: &str) -> bool {
    [
        "nr",
        "lfd",
        "lfdnr",
        "lfdnummer",
        "laufendenummer",
        "position",
        "pos",
        "positionsnummer",
        "index",
    ]
    .contains(&names::folded(name).as_str())
}

fn is_attachment(element: &Element) -> bool {
    let attributes = element.attributes.iter().map(|(name, _)| name.as_str());
    let children = element.children.iter().map(Element::local);
    attached::is_named(element.local(), attributes.clone())
        || attached::is_attachment(element.local(), attributes.chain(children))
}

/// Of a list only the first item goes along.
pub(crate) fn first_only(at: &str, list: &str) -> Note {
    Note {
        kind: NoteKind::FirstOnly,
        at: at.to_owned(),
        text: Bilingual::new(
            format!(
                "nur der erste Eintrag von {list}; sollen alle mit, das Element mit each wiederholen"
            ),
            format!("only the first item of {list}; to take all along, repeat with each"),
        ),
    }
}

/// The way to the first list below the context, its items included.
pub(crate) fn first_list<'f>(steps: &'f [Step], context: &Context) -> Option<&'f [Step]> {
    let from = if steps.starts_with(&context.0) {
        context.0.len()
    } else {
        0
    };
    let below = steps
        .get(from..)?
        .iter()
        .position(|step| *step == Step::Items)?;
    steps.get(..=from + below)
}

fn count(element: &Element) -> usize {
    let own = element
        .attributes
        .iter()
        .filter(|(name, _)| bindable(name))
        .count();
    if is_leaf(element) {
        own + 1
    } else {
        own + element.children.iter().map(count).sum::<usize>()
    }
}

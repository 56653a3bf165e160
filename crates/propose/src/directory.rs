//! A table that lists the files of the sample it belongs to.

use std::fmt::Write as _;

use crate::attached::{self, Content};
use crate::binding::quoted;
use crate::csv::{Below, Columns, Listed, constants, head};
use crate::package::{Note, NoteKind};
use crate::several::Names;
use crate::slots::Slot;

/// A line per file, if a column names files of the sample and nothing else.
pub(crate) fn list(columns: &Columns<'_>, slots: &[Slot], files: &Names) -> Option<Listed> {
    let names_files = |slot: &&Slot| {
        let mut values = slot.values.iter().filter(|value| !value.is_empty());
        let is_some = slot.values.iter().any(|value| !value.is_empty());
        is_some && values.all(|value| files.named(value).is_some())
    };
    let naming = slots.iter().find(names_files)?;
    let each = files.list(naming.values.iter().map(String::as_str))?;
    let mut notes = vec![Note::new(
        NoteKind::Repeat,
        "each".to_owned(),
        "eine Zeile je Datei",
        "one line per file",
    )];
    let mut text = head(columns);
    let _ = writeln!(
        text,
        "each = {}  # eine Zeile je Datei / one line per file",
        quoted(each)
    );
    let [before, after] = columns.around;
    let below = Below {
        rows: columns.rows.len(),
        summed: Vec::new(),
    };
    constants("before", before, &below, (&mut text, &mut notes));
    for (at, slot) in slots.iter().enumerate() {
        column(slot, files, (&mut text, &mut notes));
        if let Some(column) = columns.fixed.get(at) {
            text.push_str(&column.words());
        }
        text.push_str(&columns.heading(at));
    }
    constants("after", after, &below, (&mut text, &mut notes));
    Some(Listed {
        text,
        notes,
        found: Vec::new(),
    })
}

fn column(slot: &Slot, files: &Names, (text, notes): (&mut String, &mut Vec<Note>)) {
    let name = quoted(&slot.name);
    let value = slot.values.iter().find(|value| !value.is_empty());
    let value = value.map_or("", String::as_str);
    let from = files.member(value);
    let Some(from) = from.or_else(|| attached::told(&slot.name, value, Content::Beside)) else {
        let is_same = slot.values.iter().all(|other| other == value);
        let constant = if is_same { value } else { "" };
        let _ = writeln!(
            text,
            "\n# offen: keine Quelle gefunden / open: no source found\n[[column]]\nname = {name}\ntext = {}",
            quoted(constant)
        );
        let (kind, de, en) = if constant.is_empty() {
            (
                NoteKind::Unmapped,
                "keine Quelle gefunden; die Spalte bleibt leer",
                "no source found; the column stays empty",
            )
        } else {
            (
                NoteKind::Constant,
                "keine Quelle gefunden; die Konstante des Musters würde so übergeben",
                "no source found; the sample's constant would be handed over as it is",
            )
        };
        notes.push(Note::new(kind, slot.at.clone(), de, en));
        return;
    };
    let _ = writeln!(text, "\n[[column]]\nname = {name}\nfrom = {}", quoted(from));
    if let Some(convert) = attached::convert(from, value) {
        let _ = writeln!(text, "as = {}", quoted(convert));
    }
    if attached::may_lack(from) {
        text.push_str("missing = \"empty\"\n");
    }
}

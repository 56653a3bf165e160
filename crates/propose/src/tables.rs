//! Packages for the format `table`: CSV, fixed width, keys and values, segments.

use crate::Unusable;
use crate::binding::{Maps, quoted};
use crate::fixed::{self, Column};
use crate::matching::Offer;
use crate::package::{Made, Named, Note, NoteKind, receiver};
use crate::{csv, keys, records, segments};

pub(crate) fn from_csv(
    named: Named<'_>,
    bytes: &[u8],
    offer: &Offer<'_>,
    maps: &mut Maps,
) -> Result<Made, Unusable> {
    let sheet = csv::read(bytes)?;
    if let Some(drafts) = &sheet.kinds {
        let settings = csv_settings(named, &sheet);
        let listed = records::list(drafts, offer, maps);
        return Ok(nameless(of_records(bytes, settings, listed)));
    }
    let columns = csv::Columns {
        names: &sheet.names,
        headings: &sheet.headings,
        rows: &sheet.rows,
        fixed: &[],
        has_header: sheet.has_header,
        are_names_bare: sheet.quotes.are_names_bare,
        quoted: &sheet.quotes.columns,
        around: [
            (&sheet.before, &sheet.around_quoted[0]),
            (&sheet.after, &sheet.around_quoted[1]),
        ],
    };
    let listed = csv::list(&columns, offer, maps);
    let mut notes = listed.notes;
    notes.extend(encoding_note(bytes));
    notes.extend(titles(sheet.titles));
    if !sheet.has_header {
        notes.push(Note::new(
            NoteKind::Info,
            "column".to_owned(),
            "die erste Zeile nennt keine Spaltennamen; mit Namen wird der Vorschlag viel besser",
            "the first line names no columns; with names the proposal becomes much better",
        ));
    }
    Ok(Made {
        format: "table",
        settings: csv_settings(named, &sheet),
        template: ("spalten.toml", listed.text),
        notes,
        receiver: receiver(listed.found.iter().map(|(slot, found)| (slot, found))),
    })
}

fn csv_settings(named: Named<'_>, sheet: &csv::Sheet) -> String {
    let columns = if sheet.kinds.is_some() {
        "saetze.toml"
    } else {
        "spalten.toml"
    };
    format!(
        "kind = \"csv\"\ncolumns = \"{columns}\"\nfile = {}\nencoding = {}\nseparator = {}\nquote = {}\n{}",
        named.file("csv"),
        quoted(sheet.encoding),
        quoted(&sheet.separator.to_string()),
        quoted(sheet.quotes.word),
        sheet.ends.settings()
    )
}

/// Without umlauts a sample does not tell its encoding; by its umlauts it only tells that it is one of DOS.
fn encoding_note(bytes: &[u8]) -> Option<Note> {
    if matches!(crate::text::decoded(bytes), Ok(("cp850", _))) {
        return Some(Note::new(
            NoteKind::Info,
            "encoding".to_owned(),
            "die Umlaute sind die von DOS (cp850; cp437 hat sie an denselben Stellen, aber nicht alle Buchstaben Europas)",
            "the umlauts are those of DOS (cp850; cp437 has them at the same places, but not all letters of Europe)",
        ));
    }
    bytes.is_ascii().then(|| {
        Note::new(
            NoteKind::Info,
            "encoding".to_owned(),
            "das Muster hat keine Umlaute, seine Kodierung ist nicht zu erkennen: encoding in package.toml prüfen (utf-8, iso-8859-1, iso-8859-15, windows-1252, cp850)",
            "the sample has no umlauts, its encoding cannot be told: look at encoding in package.toml (utf-8, iso-8859-1, iso-8859-15, windows-1252, cp850)",
        )
    })
}

/// A column list has one record above the names.
fn titles(lines: usize) -> Option<Note> {
    (lines > 1).then(|| {
        Note::new(
            NoteKind::Layout,
            "before".to_owned(),
            &format!(
                "über den Spaltennamen stehen {lines} Zeilen, vorgeschlagen ist die erste: braucht das Verfahren alle, jede Zeile als [[record]] schreiben (docs/tutorial/formate.md, zwei Kopfzeilen)"
            ),
            &format!(
                "{lines} lines stand above the columns' names, the first is proposed: if the procedure needs all, write each line as a [[record]] (docs/tutorial/formate.md)"
            ),
        )
    })
}

/// Lines of several lengths that begin with signs are records of several kinds. A name at the beginning is no sign: there an editor may have
/// cut off the blanks at the ends.
fn kinds_of_records(bytes: &[u8]) -> Option<Note> {
    let lines: Vec<&[u8]> = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.trim_ascii_end().is_empty())
        .collect();
    let first = lines.first()?.len();
    let differ = lines.iter().any(|line| line.len() != first);
    let is_sign = |word: &[u8]| word.iter().any(|b| b.is_ascii_digit() || *b == b'_');
    let words = lines
        .iter()
        .filter_map(|line| line.split(|byte| *byte == b' ').next());
    (differ && words.into_iter().all(is_sign)).then(|| {
        Note::new(
            NoteKind::Layout,
            "column".to_owned(),
            "die Zeilen sind verschieden lang, es sind wohl mehrere Satzarten: --fields nennt je Satzart, womit ihre Zeilen beginnen, und ihre Felder, etwa --fields '[E2KOPF],SATZ:10,NR:6,[E2HUND],SATZ:10,NAME:25'",
            "the lines differ in length, there seem to be several kinds of records: --fields tells of each kind what its lines begin with, and its fields, such as --fields '[E2HEAD],KIND:10,NR:6,[E2DOG],KIND:10,NAME:25'",
        )
    })
}

/// Lines that no sign of the record description fits.
fn strays(lines: &[usize]) -> Option<Note> {
    const SHOWN_MAX: usize = 10;
    let numbers: Vec<String> = lines
        .iter()
        .take(SHOWN_MAX)
        .map(ToString::to_string)
        .collect();
    let more = if lines.len() > SHOWN_MAX { ", …" } else { "" };
    let numbers = format!("{}{more}", numbers.join(", "));
    (!lines.is_empty()).then(|| {
        Note::new(
            NoteKind::Layout,
            "record".to_owned(),
            &format!(
                "Zeile {numbers} des Musters beginnt mit keiner Satzart der Satzbeschreibung und fehlt im Vorschlag: die Satzart in --fields ergänzen, oder ihr [Zeichen] berichtigen"
            ),
            &format!(
                "line {numbers} of the sample begins with no sign of the record description and is left out: add its kind to --fields, or correct its [sign]"
            ),
        )
    })
}

/// Fields without a blank between them are not told apart.
fn glued(example: &str) -> Note {
    let de = format!(
        "Buchstaben und Ziffern stoßen aneinander: dort stehen wohl mehrere Felder ohne Leerzeichen. Die Breiten aus der Satzbeschreibung des Verfahrens angeben, etwa --fields '{example}' (Namen und Breiten berichtigen)"
    );
    let en = format!(
        "letters and digits meet: several fields seem to stand there without a blank. Give the widths of the procedure's record description, such as --fields '{example}' (correct names and widths)"
    );
    Note::new(NoteKind::Layout, "column".to_owned(), &de, &en)
}

pub(crate) fn from_fixed(
    named: Named<'_>,
    bytes: &[u8],
    given: Option<&[Column]>,
    (offer, maps): (&Offer<'_>, &mut Maps),
) -> Result<Made, Unusable> {
    let records = fixed::read(bytes, given)?;
    let settings = format!(
        "kind = \"fixed\"\ncolumns = \"saetze.toml\"\nfile = {}\nencoding = {}\n{}",
        named.file("txt"),
        quoted(records.encoding.trim_end_matches("-bom")),
        records.ends.settings()
    );
    let glued = records.unglued.as_deref().map(glued);
    if let Some(drafts) = &records.kinds {
        let mut made = of_records(bytes, settings, records::list(drafts, offer, maps));
        made.notes.extend(glued);
        made.notes.extend(strays(&records.strays));
        return Ok(if given.is_some() {
            made
        } else {
            nameless(made)
        });
    }
    let names: Vec<String> = records
        .columns
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let columns = csv::Columns {
        names: &names,
        headings: &[],
        rows: &records.rows,
        fixed: &records.columns,
        has_header: false,
        are_names_bare: false,
        quoted: &[],
        around: [(&[], &[]); 2],
    };
    let listed = csv::list(&columns, offer, maps);
    let mut notes = listed.notes;
    notes.extend(encoding_note(bytes));
    notes.extend(kinds_of_records(bytes));
    notes.extend(glued);
    if records.is_guessed {
        notes.push(Note::new(
            NoteKind::Info,
            "column".to_owned(),
            "die Spalten sind aus Leerzeichen erraten; mit --fields NAME:Breite,… wird der Vorschlag sicher",
            "columns were guessed from blanks; with --fields NAME:width,… the proposal becomes safe",
        ));
    }
    Ok(Made {
        format: "table",
        settings,
        template: ("saetze.toml", listed.text),
        notes,
        receiver: receiver(listed.found.iter().map(|(slot, found)| (slot, found))),
    })
}

pub(crate) fn from_keys(
    named: Named<'_>,
    bytes: &[u8],
    (offer, maps): (&Offer<'_>, &mut Maps),
) -> Result<Made, Unusable> {
    let sections = keys::read(bytes)?;
    let settings = format!(
        "kind = \"keys\"\ncolumns = \"saetze.toml\"\nfile = {}\nencoding = {}\n{}",
        named.file("txt"),
        quoted(sections.encoding),
        sections.settings
    );
    Ok(of_records(
        bytes,
        settings,
        records::list(&sections.drafts, offer, maps),
    ))
}

pub(crate) fn from_segments(
    named: Named<'_>,
    bytes: &[u8],
    (offer, maps): (&Offer<'_>, &mut Maps),
) -> Result<Made, Unusable> {
    let segments = segments::read(bytes)?;
    let settings = format!(
        "kind = \"segments\"\ncolumns = \"saetze.toml\"\nfile = {}\nencoding = {}\n{}{}",
        named.file("txt"),
        quoted(segments.encoding),
        segments.settings,
        segments.signs
    );
    let mut listed = records::list(&segments.drafts, offer, maps);
    listed.notes.extend(segments.notes);
    Ok(nameless(of_records(bytes, settings, listed)))
}

/// What a person should know where a format has no names.
fn nameless(mut made: Made) -> Made {
    made.notes.push(Note::new(
        NoteKind::Info,
        "record".to_owned(),
        "die Datei nennt ihre Felder nicht: zugeordnet ist, was im Muster dasselbe ist wie im Beispiel der Leistung (--example); je mehr davon im Muster steht, desto mehr. Sätze fester Breite: --fields mit [Satzart] über den Feldern jeder Satzart",
        "the file does not name its fields: what is the same in the sample and in the service's example (--example) is matched; the more of it the sample has, the more. Records of fixed width: --fields with [sign] above the fields of each kind",
    ));
    made
}

fn of_records(bytes: &[u8], settings: String, listed: csv::Listed) -> Made {
    let mut notes = listed.notes;
    notes.extend(encoding_note(bytes));
    Made {
        format: "table",
        settings,
        template: ("saetze.toml", listed.text),
        notes,
        receiver: receiver(listed.found.iter().map(|(slot, found)| (slot, found))),
    }
}

//! Files of keys and values: a record is a section, a cell is a line.

use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::Change;
use amtsbote_translate::columns::{Cell, Label, LabelKind, Layout, Record};

use crate::settings::{Kind, LineBreaks, Settings};
use crate::wire::{Misfit, encoded, wants_quotes};
use crate::written::finding;

/// A section's title and its lines, below so many empty ones; `cells` are the values.
pub(crate) fn section(
    settings: &Settings,
    (record, cells): (&Record, &[(&Cell, Vec<u8>)]),
    gap_lines: usize,
) -> Result<Vec<u8>, Misfit> {
    let end = settings.line_end().bytes();
    let mut out = Vec::new();
    if let Some(title) = &record.title {
        out.extend(end.repeat(gap_lines));
        // Without a title it is a block that only the empty lines set apart.
        if !title.is_empty() {
            let (before, behind) = settings.sections();
            out.extend(encoded(settings, &format!("{before}{title}{behind}"))?);
            out.extend_from_slice(end);
        }
    }
    for (cell, value) in cells {
        let key = cell.key.as_deref().unwrap_or_default();
        if !key.is_empty() {
            let (width, separator) = (settings.key_width(), settings.separator());
            out.extend(encoded(settings, &format!("{key:width$}{separator}"))?);
        }
        out.extend_from_slice(value);
        out.extend_from_slice(end);
    }
    Ok(out)
}

/// A value, in quotes and with escape characters as the package says.
pub(crate) fn value(
    settings: &Settings,
    cell: &Cell,
    (text, changes): (&str, &mut Vec<Change>),
) -> Result<Vec<u8>, Misfit> {
    // A line without a key is the package's own, as it stands there.
    if cell.key.as_deref().is_none_or(str::is_empty) {
        return encoded(settings, text);
    }
    let is_quoted = wants_quotes(settings, cell);
    let mut text = text.to_owned();
    if settings.line_breaks == LineBreaks::Escape {
        let escaped = escaped(&text, is_quoted.then_some('"'));
        if escaped != text {
            changes.push(Change::Escaped);
            text = escaped;
        }
    } else if is_quoted && text.contains('"') {
        return Err(Misfit::QuoteInside);
    }
    if is_quoted {
        changes.push(Change::Quoted);
        text = format!("\"{text}\"");
    }
    encoded(settings, &text)
}

/// `quote` is what stands around the text.
fn escaped(text: &str, quote: Option<char>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if Some(c) == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// Keys and titles a reader would take for something else.
pub(crate) fn misfits(settings: &Settings, layout: &Layout) -> Findings {
    if settings.kind != Kind::Keys {
        return Findings::new();
    }
    let labels = layout.labels().into_iter();
    labels
        .filter_map(|label| misfit(settings, &label))
        .collect()
}

fn misfit(settings: &Settings, label: &Label) -> Option<Finding> {
    let at = format!("{}: {}", settings.columns, label.at);
    let text = label.text.as_str();
    if !settings.encoding.has(text) {
        return Some(finding(&at, Misfit::Unmappable));
    }
    if text.contains(char::is_control) {
        return Some(finding(&at, Misfit::Control));
    }
    let (de, en) = match label.kind {
        LabelKind::Title => {
            let (_, behind) = settings.sections();
            let is_cut_off = !behind.is_empty() && text.contains(behind);
            is_cut_off.then_some((
                "der Name des Abschnitts enthält, was hinter ihm steht (sections)",
                "the section's title contains what stands behind it (sections)",
            ))
        }
        LabelKind::Key => key_misfit(settings, text),
    }?;
    Some(Finding::new(at, "settings", Bilingual::new(de, en)))
}

fn key_misfit(settings: &Settings, key: &str) -> Option<(&'static str, &'static str)> {
    let separator = settings.separator();
    let sign = match separator.trim() {
        "" => separator,
        sign => sign,
    };
    let (before, _) = settings.sections();
    let is_title = !before.trim().is_empty() && key.starts_with(before.trim());
    if key.contains(sign) || key.trim() != key || key.starts_with(['#', ';']) || is_title {
        return Some((
            "der Schlüssel enthält das Trennzeichen, beginnt wie ein Kommentar oder ein Abschnitt, oder hat Leerzeichen am Rand",
            "the key contains the separator, begins like a comment or a section, or has blanks at its ends",
        ));
    }
    let is_wide = settings.key_width() > 0 && key.chars().count() > settings.key_width();
    is_wide.then_some((
        "der Schlüssel ist breiter als key_width",
        "the key is wider than key_width",
    ))
}

//! A match in the words of templates: expression, conversion, code map, what happens without a value.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::fields::{Code, Field, Kind, Step};
use crate::matching::{Match, Source};
use crate::names;
use crate::package::{Note, NoteKind};
use crate::slots::{Look, Slot};
use crate::together;
use crate::xml::padded;

/// The words of one binding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) from: String,
    pub(crate) convert: Option<String>,
    pub(crate) codes: Option<String>,
    /// Whether every valid submission has the value.
    pub(crate) is_certain: bool,
}

/// Code maps made on the way: name → file's text.
#[derive(Debug, Default)]
pub(crate) struct Maps(pub(crate) BTreeMap<String, String>);

/// Where an expression stands: inside `each` over these steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Context(pub(crate) Vec<Step>);

/// Before a UUID that is a URN (RFC 9562 §4).
const URN: &str = "urn:uuid:";

pub(crate) fn words(
    slot: &Slot,
    found: &Match,
    fields: &[Field],
    context: &Context,
    maps: &mut Maps,
) -> Option<Words> {
    match &found.source {
        Source::Beside(beside) => Some(Words {
            from: if slot.values.iter().any(|value| value.starts_with(URN)) {
                format!("\"{URN}\\({})\"", beside.expression)
            } else {
                beside.expression.to_owned()
            },
            convert: match slot.look() {
                Look::Date(pattern) => Some(date("date", pattern)),
                Look::Moment => Some("date-time:local".to_owned()),
                Look::Nothing if beside.is_moment => Some("date".to_owned()),
                Look::Nothing
                | Look::Number(_)
                | Look::Boolean(_)
                | Look::Iban
                | Look::Email
                | Look::Text => None,
            },
            codes: None,
            is_certain: !beside.expression.starts_with("$receiver"),
        }),
        Source::Field(index) => {
            let field = fields.get(*index)?;
            let (convert, codes) = conversion(slot, field, maps);
            let plain = expression(&field.steps, context);
            let from = together::expressed(slot, field, fields, context)
                .or_else(|| in_its_unit(slot, field, &plain))
                .or_else(|| in_fours(slot, &plain))
                .unwrap_or(plain);
            Some(Words {
                from,
                convert,
                codes,
                is_certain: field.is_required,
            })
        }
    }
}

/// `DE02 1203 0000 …`: an IBAN as it is printed, where the sample has it so.
fn in_fours(slot: &Slot, plain: &str) -> Option<String> {
    let mut values = slot.values.iter().map(|value| value.trim());
    let is_printed =
        slot.look() == Look::Iban && values.all(|value| value.is_empty() || value.contains(' '));
    is_printed.then(|| {
        format!("{plain} | values | gsub(\"(?<four>.{{4}})\"; \"\\(.four) \") | rtrimstr(\" \")")
    })
}

/// The amount in the unit of the sample, if that is another than the application's: cents here, euros there, or the reverse.
fn in_its_unit(slot: &Slot, field: &Field, plain: &str) -> Option<String> {
    let Kind::Number = field.kind else {
        return None;
    };
    let has_decimals = matches!(slot.look(), Look::Number(Some(_)));
    match (is_in_cents(field), is_cents(&slot.name)) {
        (true, false) if has_decimals => Some(format!("{plain} | values / 100")),
        (false, true) if !has_decimals => Some(format!("{plain} | values * 100 | round")),
        (true | false, true | false) => None,
    }
}

fn is_in_cents(field: &Field) -> bool {
    is_cents(field.leaf().0)
}

fn is_cents(name: &str) -> bool {
    names::words(name)
        .iter()
        .any(|word| matches!(word.as_str(), "cent" | "cents" | "ct") || word.ends_with("cent"))
}

/// Whether the unit of an amount cannot be told: cents in the application, whole numbers in a sample that does not say of what.
fn unit_is_unsure(slot: &Slot, field: &Field) -> bool {
    field.kind == Kind::Number
        && is_in_cents(field)
        && !is_cents(&slot.name)
        && !matches!(slot.look(), Look::Number(Some(_)))
}

/// What a person has to tell of an amount.
pub(crate) fn unit(slot: &Slot, found: &Match, fields: &[Field]) -> Option<Note> {
    let Source::Field(field) = found.source else {
        return None;
    };
    let is_unsure = fields
        .get(field)
        .is_some_and(|field| unit_is_unsure(slot, field));
    is_unsure.then(|| {
        Note::new(
            NoteKind::Unit,
            slot.at.clone(),
            "der Antrag nennt Cent; will das Fachverfahren Euro, durch 100 teilen",
            "the application counts cents; divide by 100 if the procedure wants euros",
        )
    })
}

fn date(word: &str, pattern: &str) -> String {
    if pattern == "yyyy-MM-dd" {
        word.to_owned()
    } else {
        format!("{word}:{pattern}")
    }
}

fn conversion(slot: &Slot, field: &Field, maps: &mut Maps) -> (Option<String>, Option<String>) {
    let look = slot.look();
    let pattern = match &look {
        Look::Date(pattern) => pattern,
        Look::Nothing
        | Look::Moment
        | Look::Number(_)
        | Look::Boolean(_)
        | Look::Iban
        | Look::Email
        | Look::Text => "yyyy-MM-dd",
    };
    match &field.kind {
        Kind::Text => (None, None),
        Kind::Number => match look {
            Look::Number(Some(sample)) => (Some(format!("number:{sample}")), None),
            Look::Nothing
            | Look::Number(None)
            | Look::Date(_)
            | Look::Moment
            | Look::Boolean(_)
            | Look::Iban
            | Look::Email
            | Look::Text => (Some(filled(slot)), None),
        },
        Kind::Boolean => match look {
            Look::Boolean(words) if words != "true/false" => {
                (Some(format!("boolean:{words}")), None)
            }
            Look::Number(None)
                if slot
                    .values
                    .iter()
                    .all(|one| matches!(one.trim(), "1" | "0" | "")) =>
            {
                (Some("boolean:1/0".to_owned()), None)
            }
            Look::Boolean(_)
            | Look::Nothing
            | Look::Number(_)
            | Look::Date(_)
            | Look::Moment
            | Look::Iban
            | Look::Email
            | Look::Text => (Some("boolean".to_owned()), None),
        },
        Kind::Date => (Some(date("date", pattern)), None),
        Kind::Moment => (
            Some(if look == Look::Moment {
                "date-time:local".to_owned()
            } else {
                date("date", pattern)
            }),
            None,
        ),
        Kind::PartialDate => (Some(date("partial-date", pattern)), None),
        // Numbers that stay what they are need no map, which would make texts of them.
        Kind::Code(codes) if is_numbers(codes) && look == Look::Number(None) => {
            (Some("number".to_owned()), None)
        }
        Kind::Code(codes) => (None, Some(code_map(slot, field, codes, maps))),
    }
}

/// A number as wide as those of the sample, if all are equally wide and one begins with a zero.
fn filled(slot: &Slot) -> String {
    let values = || {
        slot.values
            .iter()
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    };
    let width = values().next().map_or(0, str::len);
    let is_one_width = values().all(|value| value.len() == width);
    let padded = values().find_map(padded).filter(|_| is_one_width);
    padded.unwrap_or_else(|| "number".to_owned())
}

fn is_numbers(codes: &[Code]) -> bool {
    let is_number = |code: &Code| code.code.parse::<i64>().is_ok() && !code.code.starts_with('0');
    codes.iter().all(is_number)
}

/// Makes a code map; what the sample or the format's codes do not tell keeps the service's code and says so.
fn code_map(slot: &Slot, field: &Field, codes: &[Code], maps: &mut Maps) -> String {
    let base: String = names::parts(field.leaf().0).concat();
    let base = if base.is_empty() {
        "codes".to_owned()
    } else {
        base
    };
    let known: Vec<&String> = slot
        .codes
        .iter()
        .chain(&slot.values)
        .filter(|value| !value.trim().is_empty())
        .collect();
    let mut text = format!(
        "# Vorschlag, bitte bestätigen / proposal, to be confirmed: {} → {}\n# links der Code des Antrags, rechts der des Fachverfahrens / left the application's code, right the procedure's\n",
        field.pointer(),
        slot.at
    );
    if !slot.codes.is_empty() {
        let allowed: Vec<String> = slot.codes.iter().map(|code| slot.labelled(code)).collect();
        let _ = writeln!(
            text,
            "# das Format erlaubt / the format allows: {}",
            allowed.join(", ")
        );
    }
    text.push_str("unmapped = \"report\"\n\n[codes]\n");
    for code in codes {
        const DOUBT: &str = "  # ? unbestätigt / unconfirmed";
        let named = known
            .iter()
            .find(|value| is_called(slot.label(value), code));
        let fits = named.or_else(|| known.iter().find(|value| is_code(value, code)));
        let initial = || known.iter().find(|value| is_initial(value, code, codes));
        let part = || slot.codes.iter().find(|value| is_part(value, code));
        let (to, mark) = match (fits, initial().copied().or_else(part)) {
            (Some(value), _) => (value.trim(), ""),
            (None, Some(value)) => (value.trim(), DOUBT),
            (None, None) => (code.code.as_str(), DOUBT),
        };
        let label = if code.label.is_empty() || !mark.is_empty() && code.label == code.code {
            String::new()
        } else {
            format!(" ({})", code.label.replace('\n', " "))
        };
        let comment = if mark.is_empty() && !label.is_empty() {
            format!("  #{label}")
        } else {
            format!("{mark}{label}")
        };
        let _ = writeln!(text, "{} = {}{comment}", quoted(&code.code), quoted(to));
    }
    let mut name = base.clone();
    let mut next = 2;
    while maps.0.get(&name).is_some_and(|known| *known != text) {
        name = format!("{base}{next}");
        next += 1;
    }
    maps.0.insert(name.clone(), text);
    name
}

/// Whether the format calls a code of its own so: `VH` is documented as `verheiratet`.
fn is_called(label: &str, code: &Code) -> bool {
    let label = names::folded(label);
    !label.is_empty() && (label == names::folded(&code.code) || label == names::folded(&code.label))
}

fn is_code(value: &str, code: &Code) -> bool {
    let value = names::folded(value);
    let (own, label) = (names::folded(&code.code), names::folded(&code.label));
    value == own
        || value == label
        || (value.len() >= 3 && (own.starts_with(&value) || label.starts_with(&value)))
}

/// A word that ends the code, as GERUEST does baugeruest.
fn is_part(value: &str, code: &Code) -> bool {
    let (value, own) = (names::folded(value), names::folded(&code.code));
    value.len() >= 4 && (own.ends_with(&value) || value.ends_with(&own) && own.len() >= 4)
}

/// One letter, and no other code begins with it.
fn is_initial(value: &str, code: &Code, all: &[Code]) -> bool {
    let value = names::folded(value);
    let begins = |code: &Code| names::folded(&code.code).starts_with(&value);
    value.len() == 1 && begins(code) && all.iter().filter(|code| begins(code)).count() == 1
}

/// A TOML basic string.
pub(crate) fn quoted(text: &str) -> String {
    // JSON's escapes are a subset of TOML's, but for `\/`, which is never written.
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007F")
}

/// The expression for a place, seen from inside a context; of lists that are not repeated the first item.
pub(crate) fn expression(steps: &[Step], context: &Context) -> String {
    path(steps, context, "[0]")
}

/// All items of the lists on the way, seen from the root.
pub(crate) fn items(steps: &[Step]) -> String {
    path(steps, &Context::default(), "[]?")
}

fn path(steps: &[Step], context: &Context, items: &str) -> String {
    let inside = !context.0.is_empty() && steps.starts_with(&context.0);
    let (mut text, rest) = match (inside, context.0.is_empty()) {
        (true, _) => (String::new(), &steps[context.0.len()..]),
        (false, true) => (String::new(), steps),
        (false, false) => ("$root".to_owned(), steps),
    };
    for step in rest {
        match step {
            Step::Key(key) if is_plain(key) => {
                let _ = write!(text, ".{key}");
            }
            Step::Key(key) if text.is_empty() => {
                let _ = write!(text, ".[{}]", serde_json::Value::from(key.as_str()));
            }
            Step::Key(key) => {
                let _ = write!(text, "[{}]", serde_json::Value::from(key.as_str()));
            }
            Step::Items => {
                let dot = if text.is_empty() { "." } else { "" };
                let _ = write!(text, "{dot}{items}");
            }
        }
    }
    if text.is_empty() {
        ".".to_owned()
    } else {
        text
    }
}

/// The list that `each` goes over, seen from inside a context. The last step is [`Step::Items`].
pub(crate) fn list(steps: &[Step], context: &Context) -> String {
    expression(&steps[..steps.len().saturating_sub(1)], context)
}

/// Whether a key stands behind a dot as it is.
pub(crate) fn is_plain(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && ![
            "and", "or", "not", "if", "then", "else", "end", "def", "reduce", "foreach", "try",
            "catch", "as", "import", "include", "label", "elif", "__loc__",
        ]
        .contains(&key)
}

//! Fields of a trailer that say the sum of a column.

use crate::binding::{self, Context, Maps, quoted};
use crate::fields::Field;
use crate::matching::{Match, Source};
use crate::package::{Note, NoteKind};
use crate::slots::{Look, Slot};

/// The word about it.
pub(crate) const REMARK: &str = "Vorschlag / proposal: Summe von / sum of";

/// Digits behind the decimal sign that are looked at.
const DECIMALS_MAX: usize = 6;
/// Sums of fewer digits are often so by chance.
const DIGITS_MIN: usize = 3;

/// A column that may be summed up.
pub(crate) struct Summed {
    /// Its place in the format.
    pub(crate) at: String,
    /// Its sum in the sample, in millionths; none if it is no column of several numbers.
    sum: Option<i128>,
    /// All its values in the data, if it has a source.
    all: Option<String>,
}

impl Summed {
    /// A column inside of `context`.
    pub(crate) fn new(
        slot: &Slot,
        found: Option<&Match>,
        fields: &[Field],
        context: &Context,
    ) -> Self {
        let amounts: Option<Vec<i128>> = slot.values.iter().map(|value| amount(value)).collect();
        let sum = amounts
            .filter(|amounts| amounts.len() > 1)
            .and_then(|amounts| {
                amounts
                    .iter()
                    .try_fold(0_i128, |sum, one| sum.checked_add(*one))
            });
        Self {
            at: slot.at.clone(),
            sum,
            all: found.and_then(|found| all(slot, found, fields, context)),
        }
    }

    /// The words of a field that says the sum as `text` does in the sample; none if the column has no source.
    pub(crate) fn total(&self, text: &str) -> Option<String> {
        let all = self.all.as_deref()?;
        let is_filled = text
            .strip_prefix('0')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let pattern = if is_filled {
            format!("number:{}", zeros(text))
        } else if let Look::Number(Some(pattern)) = look(text) {
            format!("number:{pattern}")
        } else {
            "number".to_owned()
        };
        // Sums of decimal fractions are not exact in floating point, and nothing else rounds.
        let rounded = if text.contains([',', '.']) {
            " | . * 100 | round | . / 100"
        } else {
            ""
        };
        let from = format!("[{all}] | add // 0{rounded}");
        Some(format!(
            "from = {}\nas = {}",
            quoted(&from),
            quoted(&pattern)
        ))
    }

    /// What a person should look at.
    pub(crate) fn note(&self, at: &str) -> Note {
        let of = &self.at;
        if self.all.is_some() {
            return Note::new(
                NoteKind::Repeat,
                at.to_owned(),
                &format!("die Summe von {of}"),
                &format!("the sum of {of}"),
            );
        }
        Note::new(
            NoteKind::Unmapped,
            at.to_owned(),
            &format!(
                "im Muster die Summe von {of}, das keine Quelle hat: dort eine angeben und hier from = \"[.liste[] | .wert] | add\" schreiben"
            ),
            &format!(
                "in the sample the sum of {of}, which has no source: give it one, and say here from = \"[.list[] | .value] | add\""
            ),
        )
    }
}

/// The column whose sum a text says: one with a source first.
pub(crate) fn find<'s>(text: &str, columns: &'s [Summed]) -> Option<&'s Summed> {
    let digits = text.chars().filter(char::is_ascii_digit);
    let is_telling = digits.skip_while(|digit| *digit == '0').count() >= DIGITS_MIN;
    let sum = amount(text).filter(|_| is_telling)?;
    let fits = |column: &&Summed| column.sum == Some(sum);
    let sourced = columns
        .iter()
        .filter(fits)
        .find(|column| column.all.is_some());
    sourced.or_else(|| columns.iter().find(fits))
}

fn zeros(text: &str) -> String {
    let zero = |c: char| if c.is_ascii_digit() { '0' } else { c };
    text.chars().map(zero).collect()
}

fn look(text: &str) -> Look {
    let slot = Slot {
        values: vec![text.to_owned()],
        ..Slot::default()
    };
    slot.look()
}

/// The values of a column as an expression over the whole data.
fn all(slot: &Slot, found: &Match, fields: &[Field], context: &Context) -> Option<String> {
    let Source::Field(field) = found.source else {
        return None;
    };
    let is_inside = !context.0.is_empty() && fields.get(field)?.steps.starts_with(&context.0);
    let words = binding::words(slot, found, fields, context, &mut Maps::default())?;
    let is_number = words.codes.is_none() && words.convert?.starts_with("number");
    (is_inside && is_number).then(|| format!("{} | {}", binding::items(&context.0), words.from))
}

/// A number in millionths: `1.234,50`, `1234.5`, `-12`, `0001234`. Three digits behind the only sign are thousands.
fn amount(text: &str) -> Option<i128> {
    let text = text.trim();
    let (is_negative, plain) = match text.strip_prefix('-').or_else(|| text.strip_suffix('-')) {
        Some(plain) => (true, plain),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, decimals) = match plain.rsplit_once([',', '.']) {
        Some((whole, decimals)) if decimals.len() != 3 => (whole, decimals),
        Some(_) | None => (plain, ""),
    };
    let is_whole = |c: char| c.is_ascii_digit() || matches!(c, ',' | '.');
    let is_fine = whole.starts_with(|c: char| c.is_ascii_digit())
        && whole.chars().all(is_whole)
        && decimals.len() <= DECIMALS_MAX
        && decimals.chars().all(|c| c.is_ascii_digit());
    if !is_fine {
        return None;
    }
    let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    let number: i128 = format!("{digits}{decimals:0<DECIMALS_MAX$}").parse().ok()?;
    Some(if is_negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_they_stand_in_files() {
        for (text, millionths) in [
            ("0001234", Some(1_234_000_000)),
            ("1.234,50", Some(1_234_500_000)),
            ("1,234.5", Some(1_234_500_000)),
            ("1.234", Some(1_234_000_000)),
            ("12,50-", Some(-12_500_000)),
            ("+7", Some(7_000_000)),
            ("", None),
            (",5", None),
            ("12 Euro", None),
        ] {
            assert_eq!(amount(text), millionths, "{text}");
        }
    }
}

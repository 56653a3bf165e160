//! One text of the sample that the application has in several: `Lindenweg 5`, `35390 Musterhausen`, `Muster, Erika`, a whole address.

use crate::binding::{Context, expression, is_plain};
use crate::fields::{Field, Step};
use crate::names::{folded, same_meaning};
use crate::slots::{Look, Slot};

/// What the texts of the sample are together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    StreetAndNumber,
    CodeAndTown,
    Address,
    SurnameFirst,
}

impl Shape {
    /// Of the sample's texts, all of them.
    fn of(slot: &Slot) -> Option<Self> {
        let values = || slot.values.iter().filter(|value| !value.trim().is_empty());
        let all = |test: fn(&str) -> bool| values().all(|value| test(value.trim()));
        if slot.look() != Look::Text {
            return None;
        }
        if all(is_address) {
            Some(Self::Address)
        } else if all(is_code_and_town) {
            Some(Self::CodeAndTown)
        } else if all(ends_in_number) {
            Some(Self::StreetAndNumber)
        } else if all(is_surname_first) {
            Some(Self::SurnameFirst)
        } else {
            None
        }
    }

    /// The names of the fields in it.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::StreetAndNumber => &["strasse", "hausnummer"],
            Self::CodeAndTown => &["plz", "ort"],
            Self::Address => &["strasse", "hausnummer", "plz", "ort"],
            Self::SurnameFirst => &["familienname", "vornamen"],
        }
    }
}

/// The expression, if the field is one of those that stand together in the sample and the others are beside it.
pub(crate) fn expressed(
    slot: &Slot,
    field: &Field,
    fields: &[Field],
    context: &Context,
) -> Option<String> {
    let shape = Shape::of(slot)?;
    let (Step::Key(own), above) = field.steps.split_last()? else {
        return None;
    };
    let means = |key: &str, name: &str| same_meaning(&folded(key), name);
    if !shape.fields().iter().any(|name| means(own, name)) {
        return None;
    }
    let beside = |name: &&str| {
        let mut keys = fields.iter().filter_map(|other| {
            let (last, beside) = other.steps.split_last()?;
            match last {
                Step::Key(key) if beside == above && means(key, name) => Some(key.as_str()),
                Step::Key(_) | Step::Items => None,
            }
        });
        keys.find(|key| is_plain(key))
    };
    let keys: Option<Vec<&str>> = shape.fields().iter().map(beside).collect();
    let keys = keys?;
    let of = expression(above, context);
    let joined = |keys: &[&str], by: &str| {
        let keys: Vec<String> = keys.iter().map(|key| format!(".{key}")).collect();
        let keys = keys.join(", ");
        if of == "." {
            format!("[{keys} | values] | join(\"{by}\")")
        } else {
            format!("[{of} | {keys} | values] | join(\"{by}\")")
        }
    };
    Some(match shape {
        Shape::StreetAndNumber | Shape::CodeAndTown => joined(&keys, " "),
        Shape::SurnameFirst => joined(&keys, ", "),
        Shape::Address => {
            let (street, town) = keys.split_at(2);
            let parts = [joined(street, " "), joined(town, " ")];
            format!("[({}), ({})] | join(\", \")", parts[0], parts[1])
        }
    })
}

/// Whether the slot takes a whole address: of the object it is called like.
pub(crate) fn takes_address(slot: &Slot) -> bool {
    Shape::of(slot) == Some(Shape::Address)
}

/// `Lindenweg 5, 35390 Musterhausen`.
fn is_address(value: &str) -> bool {
    value
        .split_once(", ")
        .is_some_and(|(street, town)| ends_in_number(street) && is_code_and_town(town))
}

/// `35390 Musterhausen`.
fn is_code_and_town(value: &str) -> bool {
    value.split_once(' ').is_some_and(|(code, town)| {
        let is_code = code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_digit());
        is_code && town.trim().starts_with(char::is_alphabetic)
    })
}

/// A last word such as `5`, `12b` or `7-9`, after another one.
fn ends_in_number(value: &str) -> bool {
    value.rsplit_once(' ').is_some_and(|(street, last)| {
        let street = street.trim();
        street.starts_with(char::is_alphabetic)
            && !street.contains(',')
            && last.starts_with(|c: char| c.is_ascii_digit())
            && last.len() <= 8
    })
}

/// `Muster, Erika`.
fn is_surname_first(value: &str) -> bool {
    let is_name = |part: &str| part.starts_with(char::is_alphabetic) && !part.contains([',', ';']);
    value.split_once(", ").is_some_and(|(surname, first)| {
        is_name(surname) && is_name(first) && !value.contains(|c: char| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_apart_by_what_stands_together_in_them() {
        for (value, expected) in [
            ("Lindenweg 5", Some(Shape::StreetAndNumber)),
            ("Straße des 17. Juni 12b", Some(Shape::StreetAndNumber)),
            ("35390 Bad Musterhausen", Some(Shape::CodeAndTown)),
            ("Lindenweg 5, 35390 Musterhausen", Some(Shape::Address)),
            ("Muster, Erika Anna", Some(Shape::SurnameFirst)),
            ("Muster", None),
            ("12 Monate", None),
            ("rot, grün, blau", None),
            ("", None),
        ] {
            let slot = Slot {
                values: vec![value.to_owned()],
                ..Slot::default()
            };
            assert_eq!(Shape::of(&slot), expected, "{value}");
        }
    }
}

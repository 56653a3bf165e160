//! The slots of a sample: every place of the procedure's format that wants a value.

/// A place of the format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    /// For people: `/antrag/halter/name`, `column/HALTER`.
    pub(crate) at: String,
    /// Its own name.
    pub(crate) name: String,
    /// The names above it, outermost first.
    pub(crate) above: Vec<String>,
    /// Values of the sample.
    pub(crate) values: Vec<String>,
    /// Whether the procedure needs it; `None` if only a sample is known.
    pub(crate) is_required: Option<bool>,
    /// Codes the format allows, if known.
    pub(crate) codes: Vec<String>,
    /// What the format says each of them means, in the same order; empty where it says nothing.
    pub(crate) code_labels: Vec<String>,
    /// Only a name that fits well is bound: attributes are mostly constants.
    pub(crate) is_attribute: bool,
    /// What it stands in beside names: the kind of a record. Empty if nothing.
    pub(crate) group: String,
}

/// What the sample's values look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    /// No value, or none that tells.
    Nothing,
    /// A date in this pattern.
    Date(&'static str),
    /// A moment.
    Moment,
    /// A number, with a sample such as `0,00` if it has decimals.
    Number(Option<String>),
    /// One of two words.
    Boolean(&'static str),
    Iban,
    Email,
    Text,
}

const BOOLEANS: &[(&str, &str, &str)] = &[
    ("ja", "nein", "ja/nein"),
    ("Ja", "Nein", "Ja/Nein"),
    ("JA", "NEIN", "JA/NEIN"),
    ("J", "N", "J/N"),
    ("j", "n", "j/n"),
    ("true", "false", "true/false"),
    ("X", "", "X/"),
];

impl Slot {
    /// What the format says a code means; empty if it does not.
    pub(crate) fn label(&self, code: &str) -> &str {
        let at = self.codes.iter().position(|known| known == code);
        let label = at.and_then(|at| self.code_labels.get(at));
        label.map_or("", String::as_str)
    }

    /// A code and its meaning.
    pub(crate) fn labelled(&self, code: &str) -> String {
        match self.label(code) {
            "" => code.to_owned(),
            label => format!("{code} ({label})"),
        }
    }

    pub(crate) fn look(&self) -> Look {
        let values: Vec<&str> = self
            .values
            .iter()
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
            .collect();
        let Some(first) = values.first() else {
            return Look::Nothing;
        };
        let all = |test: fn(&str) -> bool| values.iter().all(|value| test(value));
        if let Some(pattern) = date_pattern(first).filter(|pattern| {
            values
                .iter()
                .all(|value| date_pattern(value) == Some(*pattern))
        }) {
            return Look::Date(pattern);
        }
        if all(is_moment) {
            return Look::Moment;
        }
        let words = BOOLEANS
            .iter()
            .find(|(yes, no, _)| values.iter().all(|value| value == yes || value == no));
        if let Some((_, _, words)) = words {
            return Look::Boolean(words);
        }
        if all(is_iban) {
            return Look::Iban;
        }
        if all(|value| value.contains('@') && value.contains('.')) {
            return Look::Email;
        }
        if all(is_number) {
            // One with thousands says how all are written.
            let telling = values.iter().find(|value| is_grouped(value));
            return Look::Number(number_sample(telling.unwrap_or(first)));
        }
        Look::Text
    }
}

fn shape(value: &str) -> String {
    value
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect()
}

fn date_pattern(value: &str) -> Option<&'static str> {
    match shape(value).as_str() {
        "9999-99-99" => Some("yyyy-MM-dd"),
        "99.99.9999" => Some("dd.MM.yyyy"),
        "99/99/9999" => Some("dd/MM/yyyy"),
        "99999999" => {
            let number = |range: std::ops::Range<usize>| value.get(range)?.parse::<u32>().ok();
            let year_first =
                (1850..2150).contains(&number(0..4)?) && (1..=12).contains(&number(4..6)?);
            let day_first =
                (1..=31).contains(&number(0..2)?) && (1850..2150).contains(&number(4..8)?);
            if year_first {
                Some("yyyyMMdd")
            } else if day_first {
                Some("ddMMyyyy")
            } else {
                None
            }
        }
        _ => None,
    }
}

/// Whether eight digits are a date that begins with its day.
pub(crate) fn is_day_first(value: &str) -> bool {
    date_pattern(value) == Some("ddMMyyyy")
}

fn is_moment(value: &str) -> bool {
    shape(value).starts_with("9999-99-99T99:99")
}

fn is_iban(value: &str) -> bool {
    let plain: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = plain.as_bytes();
    (15..=34).contains(&bytes.len())
        && bytes.iter().take(2).all(u8::is_ascii_uppercase)
        && bytes.iter().skip(2).take(2).all(u8::is_ascii_digit)
        && bytes.iter().all(u8::is_ascii_alphanumeric)
}

/// `1.250,00`: groups of three with dots, decimals behind a comma.
fn is_grouped(value: &str) -> bool {
    let Some((whole, decimals)) = value.trim_start_matches('-').split_once(',') else {
        return false;
    };
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut groups = whole.split('.');
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    !rest.is_empty()
        && all_digits(first)
        && first.len() <= 3
        && rest
            .iter()
            .all(|group| group.len() == 3 && all_digits(group))
        && all_digits(decimals)
}

fn is_number(value: &str) -> bool {
    if is_grouped(value) {
        return true;
    }
    value.bytes().any(|byte| byte.is_ascii_digit())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'-'))
        && value
            .bytes()
            .filter(|byte| matches!(byte, b'.' | b','))
            .count()
            <= 1
}

fn number_sample(value: &str) -> Option<String> {
    if is_grouped(value) {
        let decimals = value
            .split_once(',')
            .map_or(0, |(_, decimals)| decimals.len());
        return (1..=6)
            .contains(&decimals)
            .then(|| format!("0.000,{}", "0".repeat(decimals)));
    }
    let at = value.find(['.', ','])?;
    let (separator, decimals) = (value.get(at..=at)?, value.len() - at - 1);
    (1..=6)
        .contains(&decimals)
        .then(|| format!("0{separator}{}", "0".repeat(decimals)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(values: &[&str]) -> Look {
        Slot {
            values: values.iter().map(ToString::to_string).collect(),
            ..Slot::default()
        }
        .look()
    }

    #[test]
    fn numbers_tell_how_they_are_written() {
        let number = |sample: &str| Look::Number(Some(sample.to_owned()));
        assert_eq!(look(&["12,50"]), number("0,00"));
        assert_eq!(look(&["12,50", "1.250,00"]), number("0.000,00"));
        assert_eq!(look(&["-1.250.000,0"]), number("0.000,0"));
        assert_eq!(look(&["12.5"]), number("0.0"));
        assert_eq!(look(&["12"]), Look::Number(None));
        for text in ["1.25,00", "1250.000,00", "1.250,", "a.bcd,00"] {
            assert_eq!(look(&[text]), Look::Text, "{text}");
        }
    }
}

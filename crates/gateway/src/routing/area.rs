//! Areas, and the search for them by name or postal code.

use amtsbote_fit_connect::routing as wire;
use amtsbote_model::Ars;

/// An expression, at most, in characters.
const EXPRESSION_MAX: usize = 100;
/// Words of a name that are looked at.
const WORDS_MAX: usize = 12;

/// An area that can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Its regional key, which is also its id.
    pub ars: Ars,
    /// Name, for example `Hattersheim am Main`.
    pub name: String,
    /// Kind, for example `Kreisfreie Stadt`.
    pub kind: String,
    /// Its postal codes, as far as they are to be found by.
    pub postal_codes: Vec<String>,
}

impl Area {
    /// Whether every expression matches. `*` stands for anything; without it whole words must match.
    pub(crate) fn matches(&self, expressions: &[String]) -> bool {
        let name = self.name.to_lowercase();
        let words: Vec<&str> = words_of(&name).take(WORDS_MAX).collect();
        let mut runs: Vec<String> = self.postal_codes.clone();
        for from in 0..words.len() {
            runs.extend((from..words.len()).map(|to| words[from..=to].join(" ")));
        }
        expressions.iter().all(|expression| {
            let pattern = expression.to_lowercase();
            let pattern = words_of(&pattern).collect::<Vec<_>>().join(" ");
            runs.iter().any(|run| is_like(run, &pattern))
        })
    }

    /// The municipality key: the regional key without the four digits of the Verband.
    pub(crate) fn has_ags(&self, ags: &str) -> bool {
        ags_of(self.ars.digits()).as_deref() == Some(ags)
    }

    pub(crate) fn to_wire(&self) -> wire::Area {
        wire::Area {
            id: self.ars.digits().to_owned(),
            name: self.name.clone(),
            kind: self.kind.clone(),
        }
    }
}

/// The words, without the commas and brackets of names such as `Wiesbaden, Landeshauptstadt` and `Gießen (Stadt)`.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .map(|word| word.trim_matches([',', ';', '(', ')']))
        .filter(|word| !word.is_empty())
}

/// The municipality key of a full regional key.
pub(crate) fn ags_of(digits: &str) -> Option<String> {
    (digits.len() == 12).then(|| format!("{}{}", &digits[..5], &digits[9..]))
}

/// Whether an expression has the form of Routing API 2.0.0, `^(\*?([^\*]{2,})\*?)*$`, and something to look for.
pub(crate) fn is_expression(text: &str) -> bool {
    let mut pieces = text.split('*').filter(|piece| !piece.is_empty()).peekable();
    text.chars().count() <= EXPRESSION_MAX
        && pieces.peek().is_some()
        && pieces.all(|piece| piece.trim().chars().count() >= 2)
}

/// Whether `text` is like `pattern`, in which `*` stands for any characters. Linear in both: of each piece the first place counts.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(mut left) = text.strip_prefix(head) else {
        return false;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        match left.find(piece) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_found(expressions: &[&str]) -> bool {
        let area = Area {
            ars: "064360005005".parse().unwrap(),
            name: "Hattersheim am Main".into(),
            kind: "Stadt".into(),
            postal_codes: vec!["65795".into()],
        };
        let expressions: Vec<String> = expressions.iter().map(|&text| text.to_owned()).collect();
        area.matches(&expressions)
    }

    #[test]
    fn whole_words_match_and_stars_stand_for_the_rest() {
        for found in [
            &["Hattersheim"][..],
            &["hattersheim AM main"],
            &["Main"],
            &["Hatt*"],
            &["*heim"],
            &["*ters*"],
            &["Ha*am*in"],
            &["65795"],
            &["657*"],
            &["Hatt*", "Main"],
        ] {
            assert!(is_found(found), "{found:?}");
        }
        for missed in [
            &["Hatt"][..],
            &["heim"],
            &["Hatt*", "Kassel"],
            &["6579"],
            &["*ham"],
            &["Main*am"],
        ] {
            assert!(!is_found(missed), "{missed:?}");
        }
    }

    #[test]
    fn additions_to_a_name_do_not_hide_its_words() {
        let area = |name: &str| Area {
            ars: "064140000000".parse().unwrap(),
            name: name.into(),
            kind: "Kreisfreie Stadt".into(),
            postal_codes: Vec::new(),
        };
        for (name, expression) in [
            ("Wiesbaden, Landeshauptstadt", "Wiesbaden"),
            ("Wiesbaden, Landeshauptstadt", "Landeshauptstadt"),
            ("Wiesbaden, Landeshauptstadt", "Wiesbaden, Landeshauptstadt"),
            ("Wiesbaden, Landeshauptstadt", "wiesbaden landes*"),
            ("Gießen (Stadt)", "Stadt"),
        ] {
            let found = area(name).matches(&[expression.to_owned()]);
            assert!(found, "{name} by {expression}");
        }
        assert!(!area("Wiesbaden, Landeshauptstadt").matches(&["Wies".to_owned()]));
    }

    #[test]
    fn expressions_have_two_characters_between_stars() {
        for good in ["Mag*", "*an*", "Bad Nauheim", "ab*cd"] {
            assert!(is_expression(good), "{good}");
        }
        for bad in ["*", "**", "a", "a*", "ab*c", "  ", &"x".repeat(101)] {
            assert!(!is_expression(bad), "{bad}");
        }
    }

    #[test]
    fn the_municipality_key_leaves_the_verband_out() {
        assert_eq!(ags_of("064360005005").as_deref(), Some("06436005"));
        assert_eq!(ags_of("06436"), None);
    }
}

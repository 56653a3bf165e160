//! Patterns that the checker cannot have: it reads each text once, whatever the pattern, and so has no looking around and no going back.

use serde_json::{Map, Value};

use crate::service::Losses;

/// Leaves a pattern out that needs more.
pub(super) fn told(members: &mut Map<String, Value>, at: &str, losses: &mut Losses) {
    let needs_more = |value: &Value| value.as_str().is_some_and(needs_more);
    if members.get("pattern").is_some_and(needs_more)
        && let Some(pattern) = members.shift_remove("pattern")
    {
        let pattern = pattern.as_str().unwrap_or_default();
        losses.add(
            &format!("{at}/pattern"),
            format!("das Muster {pattern} schaut voraus, zurück oder verweist auf eine Gruppe; das wird nicht geprüft und ist weggelassen"),
            format!("the pattern {pattern} looks ahead, behind or refers to a group; that is not checked and is left out"),
        );
    }
}

fn needs_more(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    let mut is_class = false;
    while let Some(c) = chars.next() {
        let rest = chars.as_str();
        match c {
            '\\' => {
                let escape = chars.next();
                if !is_class && escape.is_some_and(|c| matches!(c, '1'..='9' | 'k')) {
                    return true;
                }
            }
            '[' => is_class = true,
            ']' => is_class = false,
            '(' if !is_class
                && ["?=", "?!", "?<=", "?<!"]
                    .iter()
                    .any(|sign| rest.starts_with(sign)) =>
            {
                return true;
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_look_around_or_go_back_are_known() {
        for (pattern, needs) in [
            ("^(?!0)[0-9]{3}$", true),
            ("(?<=a)b", true),
            (r"^(a|b)\1$", true),
            (r"[\1(?=]", false),
            (r"\(?=", false),
            ("^(?:a|b)(?<name>c)$", false),
        ] {
            assert_eq!(needs_more(pattern), needs, "{pattern}");
        }
    }
}

//! Places that say how many items a list has.

use crate::names::{folded, same_meaning};

/// A list of the template.
#[derive(Debug, Clone)]
pub(crate) struct List {
    /// What its items are called.
    pub(crate) name: String,
    /// What it is repeated over.
    pub(crate) each: String,
    /// How many items the sample has.
    pub(crate) items: usize,
}

/// Whether a place of that name, with that value in the sample, counts the list: `anzahl`, `count`, or the items' own name.
fn counts(name: &str, value: &str, list: &List) -> bool {
    const NAMES: &[&str] = &["anz", "count", "zahl", "num"];
    let (name, own) = (folded(name), folded(&list.name));
    let is_own = !own.is_empty() && (same_meaning(&name, &own) || name == own);
    let is_count = name.starts_with("anzahl")
        || name.ends_with("anzahl")
        || name.ends_with("count")
        || NAMES.contains(&name.as_str())
        || is_own;
    is_count && value.trim().parse() == Ok(list.items)
}

/// The only list of those that such a place counts, by its expression.
pub(crate) fn list<'l>(name: &str, value: &str, lists: &'l [List]) -> Option<&'l str> {
    let mut counted = lists.iter().filter(|list| counts(name, value, list));
    let list = counted.next()?;
    counted.next().is_none().then_some(list.each.as_str())
}

/// How many items the list has; none if it is not there.
pub(crate) fn length(list: &str) -> String {
    format!("{list} | length")
}

/// The word about it.
pub(crate) const REMARK: &str = "Vorschlag / proposal: Zahl der Einträge / number of items";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_named_so_and_counts_one_list() {
        let of = |name: &str, each: &str, items| List {
            name: name.to_owned(),
            each: each.to_owned(),
            items,
        };
        let lists = [of("Hund", ".a", 2), of("Katze", ".b", 3)];
        assert_eq!(list("anzahlHunde", "2", &lists), Some(".a"));
        assert_eq!(list("COUNT", "03", &lists), Some(".b"));
        assert_eq!(list("hunde", "2", &lists), Some(".a"));
        assert_eq!(list("hunde", "3", &lists), None);
        assert_eq!(list("anzahl", "4", &lists), None);
        assert_eq!(list("nummer", "2", &lists), None);
        let both = [of("Hund", ".a", 2), of("Katze", ".b", 2)];
        assert_eq!(list("anzahl", "2", &both), None);
    }
}

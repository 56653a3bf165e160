//! Places that say how many items a list has.

use crate::names::folded;

/// Whether a place of that name, with that value in the sample, counts a list that has so many items there.
pub(crate) fn counts(name: &str, value: &str, items: usize) -> bool {
    const NAMES: &[&str] = &["anz", "count", "zahl", "num"];
    let name = folded(name);
    let is_count = name.starts_with("anzahl")
        || name.ends_with("anzahl")
        || name.ends_with("count")
        || NAMES.contains(&name.as_str());
    is_count && value.trim().parse() == Ok(items)
}

/// The only list of those that such a place counts, by its expression.
pub(crate) fn list<'l>(name: &str, value: &str, lists: &'l [(String, usize)]) -> Option<&'l str> {
    let mut counted = lists
        .iter()
        .filter(|(_, items)| counts(name, value, *items));
    let (expression, _) = counted.next()?;
    counted.next().is_none().then_some(expression)
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
        let lists = [(".a".to_owned(), 2), (".b".to_owned(), 3)];
        assert_eq!(list("anzahlHunde", "2", &lists), Some(".a"));
        assert_eq!(list("COUNT", "03", &lists), Some(".b"));
        assert_eq!(list("anzahl", "4", &lists), None);
        assert_eq!(list("nummer", "2", &lists), None);
        let both = [(".a".to_owned(), 2), (".b".to_owned(), 2)];
        assert_eq!(list("anzahl", "2", &both), None);
    }
}

//! Where in a schema its own addresses and names of places lead: `$id`, `id`, `$anchor`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Whole addresses, and the JSON pointers of what they name.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    places: BTreeMap<String, String>,
    /// How many schemas each name has that later ones may override.
    dynamic: usize,
}

impl Addresses {
    pub(super) fn of(schema: &Value) -> Self {
        let mut known = Self::default();
        known.places.insert(String::new(), String::new());
        known.read(&mut schema.clone(), "", "");
        known
    }

    fn read(&mut self, node: &mut Value, at: &str, base: &str) {
        let Value::Object(members) = node else {
            return;
        };
        let own = self::base(members, base);
        if own != base {
            self.places.insert(own.clone(), at.to_owned());
        }
        let text = |word: &str| members.get(word).and_then(Value::as_str);
        let fragments = ["$id", "id"].map(|word| text(word).and_then(|id| id.strip_prefix('#')));
        let names = ["$anchor", "$dynamicAnchor"].map(text);
        for name in fragments.into_iter().chain(names).flatten() {
            self.places.insert(format!("{own}#{name}"), at.to_owned());
        }
        let is_dynamic = members.contains_key("$dynamicAnchor")
            || members.get("$recursiveAnchor") == Some(&Value::Bool(true));
        self.dynamic += usize::from(is_dynamic);
        // Lists of items are read as such here: their places change with the rewriting, and no name is expected there.
        super::each(members, &mut |place, below| {
            self.read(below, &format!("{at}/{place}"), &own);
        });
    }

    /// The reference as a place in the schema; none if it leads elsewhere.
    pub(super) fn place(&self, reference: &str, base: &str) -> Option<String> {
        let whole = join(base, reference);
        let (address, fragment) = whole.split_once('#').unwrap_or((&whole, ""));
        let place = if fragment.is_empty() || fragment.starts_with('/') {
            format!("{}{fragment}", self.places.get(address)?)
        } else {
            self.places.get(&whole)?.clone()
        };
        Some(format!("#{place}"))
    }

    /// The same for a reference that others could override, where there is but one schema it can lead to.
    pub(super) fn only(&self, reference: &str, base: &str) -> Option<String> {
        (self.dynamic <= 1).then(|| self.place(reference, base))?
    }
}

/// The address from which the references of a schema start.
pub(super) fn base(members: &Map<String, Value>, above: &str) -> String {
    let id = ["$id", "id"]
        .iter()
        .find_map(|word| members.get(*word).and_then(Value::as_str))
        .filter(|id| !id.starts_with('#'));
    id.map_or_else(
        || above.to_owned(),
        |id| join(above, id).trim_end_matches('#').to_owned(),
    )
}

/// Takes the names away, as references are places by now, and gives the schema's own address.
pub(super) fn forget(members: &mut Map<String, Value>) -> Option<Value> {
    for word in ["$anchor", "$dynamicAnchor", "$recursiveAnchor"] {
        members.shift_remove(word);
    }
    let own = ["$id", "id"].map(|word| {
        let is_name = members.get(word).is_some_and(Value::is_string);
        is_name.then(|| members.shift_remove(word)).flatten()
    });
    own.into_iter().flatten().next()
}

/// A reference on a base (RFC 3986, 5.2, without steps up beyond the beginning).
fn join(base: &str, reference: &str) -> String {
    let base = base.split('#').next().unwrap_or_default();
    let scheme = reference.find(':');
    let is_whole = scheme.is_some_and(|end| {
        reference[..end]
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
    });
    if is_whole {
        return reference.to_owned();
    }
    if reference.starts_with('#') || reference.is_empty() {
        return format!("{base}{reference}");
    }
    let path = base.find("://").map_or(0, |at| {
        base[at + 3..]
            .find('/')
            .map_or(base.len(), |slash| at + 3 + slash)
    });
    if reference.starts_with('/') {
        return format!("{}{reference}", &base[..path]);
    }
    let mut folder = base
        .rfind('/')
        .filter(|end| *end >= path)
        .map_or(path, |end| end + 1);
    let mut rest = reference;
    while let Some(step) = ["./", "../"]
        .into_iter()
        .find(|step| rest.starts_with(step))
    {
        rest = &rest[step.len()..];
        if step == "../" && folder > path {
            let above = base[..folder - 1].rfind('/').filter(|end| *end >= path);
            folder = above.map_or(folder, |end| end + 1);
        }
    }
    format!("{}{rest}", &base[..folder])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_joined_to_their_base() {
        for (base, reference, whole) in [
            ("", "#a", "#a"),
            ("http://x/a/b.json", "#/c", "http://x/a/b.json#/c"),
            ("http://x/a/b.json", "c.json#d", "http://x/a/c.json#d"),
            ("http://x/a/b.json", "../c.json", "http://x/c.json"),
            ("http://x/a/b.json", "/c", "http://x/c"),
            ("urn:a:b", "urn:c", "urn:c"),
            ("urn:a:b", "#c", "urn:a:b#c"),
            ("", "c.json", "c.json"),
        ] {
            assert_eq!(join(base, reference), whole);
        }
    }
}

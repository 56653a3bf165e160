//! Schema files, and what they define.

use crate::dom::Element;

/// One schema file.
pub(super) struct File {
    pub(super) is_main: bool,
    pub(super) root: Element,
    pub(super) namespace: String,
    pub(super) is_qualified: bool,
}

impl File {
    /// Namespace and local name of a `QName` used in this file.
    pub(super) fn named(&self, name: &str) -> (String, String) {
        let (prefix, own) = name.split_once(':').unwrap_or(("", name));
        let declared = if prefix.is_empty() {
            self.root.attribute("xmlns")
        } else {
            self.root.attribute(&format!("xmlns:{prefix}"))
        };
        let namespace = declared.map_or_else(
            || {
                if prefix.is_empty() {
                    self.namespace.clone()
                } else {
                    String::new()
                }
            },
            str::to_owned,
        );
        (namespace, own.to_owned())
    }
}

/// A definition and the file it stands in.
pub(super) type Found<'s> = (&'s Element, usize);

pub(super) struct Set {
    pub(super) files: Vec<File>,
}

impl Set {
    /// The global definition of that kind (`element`, `complexType` …).
    pub(super) fn global(
        &self,
        kind: &str,
        (namespace, name): &(String, String),
    ) -> Option<Found<'_>> {
        let in_file = |(at, file): (usize, &'_ File)| {
            (file.namespace == *namespace || file.namespace.is_empty()).then_some(at)
        };
        self.files
            .iter()
            .enumerate()
            .filter_map(in_file)
            .find_map(|at| {
                let file = self.files.get(at)?;
                let found = file
                    .root
                    .children
                    .iter()
                    .find(|one| one.local() == kind && one.attribute("name") == Some(name));
                found.map(|found| (found, at))
            })
    }

    pub(super) fn file(&self, at: usize) -> Option<&File> {
        self.files.get(at)
    }

    /// All global definitions of that kind, with their names.
    pub(super) fn globals<'s>(
        &'s self,
        kind: &'static str,
    ) -> impl Iterator<Item = ((String, String), Found<'s>)> {
        self.files.iter().enumerate().flat_map(move |(at, file)| {
            file.root.children_named(kind).filter_map(move |one| {
                let name = one.attribute("name")?;
                Some(((file.namespace.clone(), name.to_owned()), (one, at)))
            })
        })
    }

    /// The types that can stand for an abstract one, over all levels.
    pub(super) fn derived(&self, base: &(String, String)) -> Vec<((String, String), Found<'_>)> {
        let mut wanted = vec![base.clone()];
        let mut found: Vec<((String, String), Found<'_>)> = Vec::new();
        while let Some(base) = wanted.pop() {
            for (name, (one, at)) in self.globals("complexType") {
                let is_new = !found.iter().any(|(known, _)| *known == name) && name != base;
                if is_new && self.base(one, at).as_ref() == Some(&base) {
                    wanted.push(name.clone());
                    found.push((name, (one, at)));
                }
            }
        }
        found.retain(|(_, (one, _))| !is_abstract(one));
        found
    }

    pub(super) fn base(&self, definition: &Element, at: usize) -> Option<(String, String)> {
        let content = definition.child("complexContent")?;
        let from = content
            .child("extension")
            .or_else(|| content.child("restriction"))?;
        Some(self.file(at)?.named(from.attribute("base")?))
    }

    /// The elements that can stand for an abstract one.
    pub(super) fn substitutes(&self, head: &(String, String)) -> Vec<Found<'_>> {
        let mut wanted = vec![head.clone()];
        let mut found: Vec<((String, String), Found<'_>)> = Vec::new();
        while let Some(head) = wanted.pop() {
            for (name, (one, at)) in self.globals("element") {
                let of = one.attribute("substitutionGroup");
                let of = of.and_then(|of| Some(self.file(at)?.named(of)));
                if of.as_ref() == Some(&head) && !found.iter().any(|(known, _)| *known == name) {
                    wanted.push(name.clone());
                    found.push((name, (one, at)));
                }
            }
        }
        let found = found.into_iter().map(|(_, found)| found);
        found.filter(|(one, _)| !is_abstract(one)).collect()
    }
}

pub(super) fn is_abstract(definition: &Element) -> bool {
    matches!(definition.attribute("abstract"), Some("true" | "1"))
}

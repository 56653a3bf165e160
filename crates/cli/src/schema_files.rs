//! The schema files (XSD) one file leads to: what it includes and imports, over all levels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use amtsbote_propose::Schemas;
use anyhow::{Context as _, Result, bail};

use crate::folder;

const FILES_MAX: usize = 1_000;

/// All of them, by their paths below the folder they have in common.
pub(crate) struct SchemaFiles {
    files: BTreeMap<String, Vec<u8>>,
    main: String,
    /// Which file names an address that leads nowhere.
    pub(crate) missing: Vec<(String, String)>,
}

impl SchemaFiles {
    /// Follows the addresses from `main` on. An address on the web is looked for by its file name beside the file that has it; an
    /// import without address takes in all neighbours of `main`.
    pub(crate) fn read(main: &Path) -> Result<Self> {
        let main = normal(&std::path::absolute(main).with_context(|| main.display().to_string())?);
        let mut found: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
        let mut missing = BTreeSet::new();
        let mut next = vec![main.clone()];
        while let Some(path) = next.pop() {
            if found.contains_key(&path) {
                continue;
            }
            if found.len() >= FILES_MAX {
                bail!(
                    "more than {FILES_MAX} schema files belong to {}",
                    main.display()
                );
            }
            let bytes = folder::read_file(&path)?;
            let addresses = addresses(&bytes);
            if addresses.iter().any(Option::is_none) {
                next.extend(neighbours(&main)?);
            }
            for address in addresses.into_iter().flatten() {
                match led_to(&path, &address) {
                    Some(target) => next.push(target),
                    None => {
                        missing.insert((path.clone(), address));
                    }
                }
            }
            found.insert(path, bytes);
        }
        let root = common(found.keys());
        let below = |path: &Path| {
            let path = path.strip_prefix(&root).unwrap_or(path);
            path.to_string_lossy().into_owned()
        };
        Ok(Self {
            main: below(&main),
            missing: missing
                .into_iter()
                .map(|(path, address)| (below(&path), address))
                .collect(),
            files: found
                .into_iter()
                .map(|(path, bytes)| (below(&path), bytes))
                .collect(),
        })
    }

    /// As proposals take them.
    pub(crate) fn schemas<'a>(&'a self, root: Option<&'a str>) -> Schemas<'a> {
        Schemas {
            files: &self.files,
            main: &self.main,
            root,
        }
    }
}

/// The addresses a file includes and imports; `None` for an import without.
fn addresses(bytes: &[u8]) -> Vec<Option<String>> {
    const WORDS: [&str; 4] = ["include", "import", "redefine", "override"];
    // Addresses are ASCII whatever the encoding, but for UTF-16, which what reads the schemas refuses or decodes.
    let text = String::from_utf8_lossy(bytes);
    let mut addresses = Vec::new();
    for tag in text.split('<').skip(1) {
        let Some((tag, _)) = tag.split_once('>') else {
            continue;
        };
        let name = tag
            .split([' ', '\t', '\r', '\n', '/'])
            .next()
            .unwrap_or_default();
        let local = name.rsplit(':').next().unwrap_or_default();
        if !WORDS.contains(&local) {
            continue;
        }
        let address = value_of(tag, "schemaLocation");
        let is_xml = value_of(tag, "namespace")
            .is_some_and(|namespace| namespace == "http://www.w3.org/XML/1998/namespace");
        // The schema of `xml:lang` and its kind is always at hand.
        if !is_xml {
            addresses.push(address);
        }
    }
    addresses
}

fn value_of(tag: &str, attribute: &str) -> Option<String> {
    let (_, after) = tag.split_once(attribute)?;
    let after = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, _) = after.get(1..)?.split_once(quote)?;
    Some(value.to_owned())
}

fn led_to(from: &Path, address: &str) -> Option<PathBuf> {
    let parent = from.parent()?;
    let is_file = |path: &PathBuf| path.is_file();
    let as_said = || (!address.contains("://")).then(|| normal(&parent.join(address)));
    let by_name = || Some(parent.join(address.rsplit('/').next()?));
    as_said()
        .filter(is_file)
        .or_else(|| by_name().filter(is_file))
}

fn neighbours(main: &Path) -> Result<Vec<PathBuf>> {
    let Some(parent) = main.parent() else {
        return Ok(Vec::new());
    };
    let is_schema = |path: &PathBuf| {
        path.extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("xsd"))
            && path.is_file()
    };
    Ok(folder::entries(parent)?
        .into_iter()
        .filter(is_schema)
        .collect())
}

/// Without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => out.push(part),
        }
    }
    out
}

fn common<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> PathBuf {
    let mut shared: Option<PathBuf> = None;
    for path in paths {
        let folder = path.parent().unwrap_or(Path::new("/"));
        shared = Some(match shared {
            None => folder.to_owned(),
            Some(known) => known
                .ancestors()
                .find(|known| folder.starts_with(known))
                .unwrap_or(Path::new("/"))
                .to_owned(),
        });
    }
    shared.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_includes_and_imports_are_found() {
        let text = br#"<xs:schema><xs:include schemaLocation="a.xsd"/><xs:import namespace="urn:x"
            schemaLocation = 'sub/b.xsd' /><import namespace="urn:y"/><xs:import namespace="http://www.w3.org/XML/1998/namespace"/>
            <xs:element name="import"/></xs:schema>"#;
        assert_eq!(
            addresses(text),
            [Some("a.xsd".to_owned()), Some("sub/b.xsd".to_owned()), None]
        );
    }

    #[test]
    fn files_are_followed_over_folders_and_what_is_missing_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "v1/main.xsd",
            r#"<s:schema><s:include schemaLocation="../base/b.xsd"/><s:include schemaLocation="https://x.example/c.xsd"/><s:include schemaLocation="gone.xsd"/></s:schema>"#,
        );
        write(
            "base/b.xsd",
            r#"<s:schema><s:include schemaLocation="../v1/main.xsd"/></s:schema>"#,
        );
        write("v1/c.xsd", "<s:schema/>");
        write("v1/other.xsd", "<s:schema/>");
        let found = SchemaFiles::read(&dir.path().join("v1/main.xsd")).unwrap();
        assert_eq!(found.main, "v1/main.xsd");
        assert_eq!(
            found.files.keys().collect::<Vec<_>>(),
            ["base/b.xsd", "v1/c.xsd", "v1/main.xsd"]
        );
        assert_eq!(
            found.missing,
            [("v1/main.xsd".to_owned(), "gone.xsd".to_owned())]
        );
    }
}

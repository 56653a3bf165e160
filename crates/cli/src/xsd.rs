//! Official XSD sets and code lists on disk: added as downloaded, compiled at start; sets are found by the namespace of a document,
//! lists (genericode) by URI and version.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use amtsbote_validate::codes::CodeList;
use amtsbote_validate::xml;
use amtsbote_validate::xsd::{Options, Set, Sources, XmlSchema};
use anyhow::{Context, Result, anyhow, bail};

use crate::folder::{self, Files, Readers};
use crate::talk::Talk;

const ZIP_MAX_FILES: usize = 5_000;
const ZIP_MAX_BYTES: u64 = 200_000_000;

/// What was added at once: its folder's name, its schemas compiled, its code lists.
pub(crate) struct Added {
    pub(crate) name: String,
    pub(crate) set: Option<Arc<Set>>,
    pub(crate) lists: Vec<CodeList>,
}

/// All sets in `dir`; none if there is no such folder.
pub(crate) fn load(dir: Option<&Path>, talk: Talk) -> Result<Vec<Added>> {
    let Some(dir) = dir.filter(|dir| dir.exists()) else {
        return Ok(Vec::new());
    };
    let mut sets = Vec::new();
    for path in folder::folders(dir)? {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let (files, lists) = usable(folder::read(&path)?);
        let set = compile(files, talk)
            .with_context(|| format!("the set {} cannot be used", path.display()))?;
        sets.push(Added { name, set, lists });
    }
    Ok(sets)
}

/// The sets as the formats want them.
pub(crate) fn schemas(sets: &[Added]) -> Vec<(Vec<String>, Arc<dyn XmlSchema>)> {
    let of = |set: &Arc<Set>| {
        let namespaces = set.namespaces().into_iter().map(str::to_owned).collect();
        let schema: Arc<dyn XmlSchema> = set.clone();
        (namespaces, schema)
    };
    sets.iter()
        .filter_map(|added| added.set.as_ref())
        .map(of)
        .collect()
}

/// Takes schemas and code lists over from a zip file, a folder or one file. Compiled before anything is written: a broken set is not added.
pub(crate) fn add(source: &Path, dir: &Path, talk: Talk) -> Result<Added> {
    let (schemas, lists) = usable(files_of(source)?);
    if schemas.is_empty() && lists.is_empty() {
        bail!(
            "{} holds no .xsd file and no code list (genericode)",
            source.display()
        );
    }
    let set = compile(schemas, talk)?;
    let name = set
        .as_ref()
        .map_or_else(|| list_name(&lists, source), |set| name_of(set, source));
    let files = files_of(source)?
        .into_iter()
        .filter(|(path, bytes)| is_schema(path) || list_in(path, bytes).is_some());
    let target = dir.join(&name);
    if target.exists() {
        bail!(
            "the set {name} is there already; remove {} to add it anew",
            target.display()
        );
    }
    let beside = dir.join(format!(".{name}.part"));
    if beside.exists() {
        std::fs::remove_dir_all(&beside).context("an unfinished set cannot be removed")?;
    }
    for (path, bytes) in files {
        folder::write(&beside.join(path), &bytes, Readers::All)?;
    }
    std::fs::rename(&beside, &target)
        .with_context(|| format!("cannot write {}", target.display()))?;
    Ok(Added { name, set, lists })
}

fn files_of(source: &Path) -> Result<Files> {
    if source.is_dir() {
        return folder::read(source);
    }
    let bytes = folder::read_file(source)?;
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    if is_schema(&name) || list_in(&name, &bytes).is_some() {
        return Ok(Files::from([(name.into_owned(), bytes)]));
    }
    unzip(&bytes)
}

/// None without schema files.
fn compile(files: Files, talk: Talk) -> Result<Option<Arc<Set>>> {
    if files.is_empty() {
        return Ok(None);
    }
    let sources = Sources {
        files,
        ..Sources::default()
    };
    let set = Set::compile(sources, Options::default()).map_err(|findings| {
        talk.findings(&findings);
        anyhow!("the schemas do not compile: {} findings", findings.len())
    })?;
    Ok(Some(Arc::new(set)))
}

/// Schema files, and code lists read; other files are left out.
fn usable(files: Files) -> (Files, Vec<CodeList>) {
    let lists = files
        .iter()
        .filter_map(|(path, bytes)| list_in(path, bytes))
        .collect();
    let schemas = files
        .into_iter()
        .filter(|(path, _)| is_schema(path))
        .collect();
    (schemas, lists)
}

fn is_schema(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".xsd")
}

fn list_in(path: &str, bytes: &[u8]) -> Option<CodeList> {
    let ending = Path::new(path).extension()?.to_ascii_lowercase();
    ["xml", "gc"]
        .contains(&&*ending.to_string_lossy())
        .then(|| CodeList::parse(bytes, xml::Limits::default()).ok())
        .flatten()
}

// Several lists at once carry the name of what they came from.
fn list_name(lists: &[CodeList], source: &Path) -> String {
    match lists {
        [only] => slug(&format!("{}_{}", only.uri(), only.version())),
        _ => slug(&source.file_stem().unwrap_or_default().to_string_lossy()),
    }
}

// A zip's own paths are never trusted as paths: parts such as `..` are refused.
fn unzip(bytes: &[u8]) -> Result<Files> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).context("not a zip file")?;
    if archive.len() > ZIP_MAX_FILES {
        bail!("the zip file has more than {ZIP_MAX_FILES} entries");
    }
    let mut files = Files::new();
    let mut left = ZIP_MAX_BYTES;
    for at in 0..archive.len() {
        let entry = archive.by_index(at).context("the zip file is broken")?;
        let Some(path) = entry.enclosed_name() else {
            bail!("the zip file has an entry outside of itself")
        };
        if entry.is_dir() {
            continue;
        }
        let path = path.to_string_lossy().into_owned();
        let mut content = Vec::new();
        entry
            .take(left + 1)
            .read_to_end(&mut content)
            .context("the zip file is broken")?;
        left = left
            .checked_sub(content.len() as u64)
            .context("the zip file unpacks to more than 200 MB")?;
        files.insert(path, content);
    }
    Ok(files)
}

// From the namespace that most files share: `http://www.xleitstelle.de/xbau/2/6` gives `xbau-2-6`.
fn name_of(set: &Set, source: &Path) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for namespace in set
        .contents()
        .iter()
        .filter_map(|file| file.namespace.as_deref())
    {
        *counts.entry(namespace).or_default() += 1;
    }
    let main = counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(namespace, _)| namespace);
    let text = main.map_or_else(
        || {
            source
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default()
        },
        |namespace| {
            namespace
                .rsplit("//")
                .next()
                .unwrap_or(namespace)
                .split_once('/')
                .map_or(namespace, |(_, rest)| rest)
                .to_owned()
        },
    );
    slug(&text)
}

fn slug(text: &str) -> String {
    let name: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let name = name.trim_matches('-').to_owned();
    if name.is_empty() {
        "schemas".to_owned()
    } else {
        name
    }
}

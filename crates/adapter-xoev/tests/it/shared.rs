//! The official files, where they are at hand, and the second validator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use amtsbote_validate::codes::CodeList;
use amtsbote_validate::xml;
use amtsbote_validate::xsd::{Options, Set, Sources, XmlSchema};
use amtsbote_xoev::standard::{
    AUSLAENDER_26_11, HOCHBAU_2_4_0_1, HOCHBAU_2_6, KERNMODUL_1_3_0, MELD_26_11,
    PERSONENSTAND_26_11, XDOMEA_3_1_0,
};
use amtsbote_xoev::{CodeLists, Document, Installed, SchemaSets};

/// Namespace, folder and schema files of the sets.
const SETS: [(&str, &str, &[&str]); 7] = [
    (
        HOCHBAU_2_6.namespace,
        "xbau-2.6/xsd",
        &[
            "xbau-nachrichten-baugenehmigung.xsd",
            "xbau-nachrichten-vorbescheid.xsd",
        ],
    ),
    (
        HOCHBAU_2_4_0_1.namespace,
        "xbau-2.4.0.1/xsd",
        &[
            "xbau-nachrichten-baugenehmigung.xsd",
            "xbau-nachrichten-vorbescheid.xsd",
        ],
    ),
    (
        KERNMODUL_1_3_0.namespace,
        "xbau-kernmodul-1.3.0/xsd",
        &[
            "xbau-kernmodul-universellerAntrag.xsd",
            "xbau-kernmodul-prozessnachrichten.xsd",
        ],
    ),
    (
        PERSONENSTAND_26_11.namespace,
        "xpersonenstand-26.11/xsd-auszug",
        &["xpersonenstand-26.11-urkunden.auszug.xsd"],
    ),
    (
        MELD_26_11.namespace,
        "xmeld-26.11/xsd-auszug",
        &["xmeld-26.11-onlinedienste-anmeldung.auszug.xsd"],
    ),
    (
        AUSLAENDER_26_11.namespace,
        "xauslaender-26.11/xsd-auszug",
        &["xauslaender-26.11-ozg.auszug.xsd"],
    ),
    (
        XDOMEA_3_1_0.namespace,
        "xdomea/3.1.0",
        &[
            "xdomea-Nachrichten-AbgabeDurchfuehren.xsd",
            "xdomea-Nachrichten-FachverfahrensdatenAustauschen.xsd",
        ],
    ),
];

/// The folder with the official files, or the reason why there is none. In CI there has to be one.
pub(crate) fn official() -> Option<PathBuf> {
    let shared = std::env::var_os("AMTSBOTE_SHARED")
        .map_or_else(|| crate::packages::root().join("../shared"), PathBuf::from);
    let official = shared.join("reference/xoev");
    if official.join("xbau-2.6").is_dir() {
        return Some(official);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "no official schemas in {}",
        official.display()
    );
    eprintln!("skipped: no official schemas in {}", official.display());
    None
}

pub(crate) fn xmllint_is_here() -> bool {
    let here = Command::new("xmllint").arg("--version").output().is_ok();
    assert!(
        here || std::env::var("CI").as_deref() != Ok("true"),
        "xmllint is not installed (libxml2-utils)"
    );
    if !here {
        eprintln!("skipped: xmllint is not installed (libxml2-utils)");
    }
    here
}

/// The official files and everything installed, if both validators can be asked.
pub(crate) fn both() -> Option<(PathBuf, Installed)> {
    let official = official().filter(|_| xmllint_is_here())?;
    Some((official, installed()?))
}

/// All sets compiled, once, and the code lists read.
pub(crate) fn installed() -> Option<Installed> {
    static INSTALLED: OnceLock<Option<Installed>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| {
            let official = official()?;
            let schemas =
                SETS.iter()
                    .fold(SchemaSets::new(), |sets, (namespace, folder, roots)| {
                        sets.with(*namespace, compiled(&official, folder, roots))
                    });
            let lists = read(&official.join("codelists/xbau"), "xml");
            let lists = lists
                .into_values()
                .filter_map(|bytes| CodeList::parse(&bytes, xml::Limits::default()).ok());
            Some(Installed {
                schemas,
                lists: lists.fold(CodeLists::new(), CodeLists::with),
            })
        })
        .clone()
}

/// What xmllint says of a message; none if it is valid, or if no schema is at hand for it. It fetches nothing.
pub(crate) fn refusal(official: &Path, message: &[u8]) -> Option<String> {
    refusal_by(official, &schema_of(official, message)?, message)
}

/// The schema file that declares the message's root.
fn schema_of(official: &Path, message: &[u8]) -> Option<PathBuf> {
    let document = Document::read(message).unwrap();
    let (root, namespace) = (
        document.root().local().to_owned(),
        &document.root().namespace,
    );
    let (_, folder, files) = SETS.iter().find(|(known, _, _)| known == namespace)?;
    let declares = format!("name=\"{root}\"");
    let file = files.iter().find(|file| {
        let text = std::fs::read_to_string(official.join(folder).join(file)).unwrap();
        text.contains(&declares)
    });
    Some(official.join(folder).join(file.unwrap_or(&files[0])))
}

/// What xmllint says of each of many messages, in their order: one call for each schema file.
pub(crate) fn batch(official: &Path, messages: &[&[u8]]) -> Vec<Option<String>> {
    let temporary = tempfile::tempdir().unwrap();
    let mut by_schema: BTreeMap<PathBuf, Vec<usize>> = BTreeMap::new();
    for (index, message) in messages.iter().enumerate() {
        if let Some(schema) = schema_of(official, message) {
            by_schema.entry(schema).or_default().push(index);
        }
    }
    let mut said = vec![None; messages.len()];
    let name = |index: usize| temporary.path().join(format!("{index}.xml"));
    for (schema, indices) in by_schema {
        for index in &indices {
            std::fs::write(name(*index), messages[*index]).unwrap();
        }
        let output = Command::new("xmllint")
            .args(["--nonet", "--noout", "--schema"])
            .arg(&schema)
            .args(indices.iter().map(|index| name(*index)))
            .env("XML_CATALOG_FILES", official.join("catalog.xml"))
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        for index in indices {
            let path = name(index).display().to_string();
            let own: Vec<&str> = words
                .lines()
                .filter(|line| line.starts_with(&path))
                .collect();
            let valid = format!("{path} validates");
            said[index] = (own != [valid.as_str()]).then(|| own.join("\n"));
        }
    }
    said
}

/// What xmllint says of a message by that schema file.
pub(crate) fn refusal_by(official: &Path, schema: &Path, message: &[u8]) -> Option<String> {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("message.xml");
    std::fs::write(&path, message).unwrap();
    let output = Command::new("xmllint")
        .args(["--nonet", "--noout", "--schema"])
        .arg(schema)
        .arg(&path)
        .env("XML_CATALOG_FILES", official.join("catalog.xml"))
        .output()
        .unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The files of a folder, subfolders included, by name.
pub(crate) fn read(folder: &Path, ending: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(read(&path, ending));
        } else if path.extension().is_some_and(|is| is == ending) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
    found
}

/// The official files of one standard and what they import, compiled.
pub(crate) fn compiled(official: &Path, folder: &str, roots: &[&str]) -> Arc<dyn XmlSchema> {
    let mut library = read(&official.join("xoev-lib"), "xsd");
    library.extend(read(&official.join("xinneres-module/xsd"), "xsd"));
    library.extend(read(&official.join("xdomea/xoev"), "xsd"));
    let sources = Sources {
        files: read(&official.join(folder), "xsd"),
        library,
        roots: roots.iter().map(|root| (*root).to_owned()).collect(),
        ..Sources::default()
    };
    let set = Set::compile(sources, Options::default())
        .unwrap_or_else(|findings| panic!("{folder}: {findings:?}"));
    Arc::new(set)
}

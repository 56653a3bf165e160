//! Who may depend on whom: pure → pure, seams → pure, shells → seams and pure, only `cli` and `testkit` → shells.
//!
//! Exceptions, each with its reason: `outgoing` is the foundation under every shell that calls out, `incoming` under every one
//! that listens; the `agent` speaks to services through `client` alone, and so does the gateway's uplink. Development dependencies
//! are free.

use anyhow::{Context, Result};
use toml::{Table, Value};

use crate::complaint::Complaint;
use crate::tree::Tree;

const OURS: &str = "amtsbote-";

const PURE: &[&str] = &[
    "fit-connect",
    "jose",
    "model",
    "names",
    "problem",
    "propose",
    "settings",
    "translate",
    "validate",
    "xoev",
];
const SEAMS: &[&str] = &["adapter", "store"];
const SHELLS: &[&str] = &[
    "agent",
    "blobs-s3",
    "client",
    "console",
    "gateway",
    "incoming",
    "mail",
    "outgoing",
    "store-postgres",
    "store-sql",
];
const SHELL_FAMILIES: &[&str] = &["adapter-", "transport-"];

/// Crates that bring I/O, tasks, time or randomness and have no business in a pure crate. (`jose` draws random numbers through
/// the library it computes with; that is its one exception and needs none of these.)
const NOT_PURE: &[&str] = &[
    "axum",
    "getrandom",
    "hyper",
    "hyper-util",
    "object_store",
    "rand",
    "reqwest",
    "rusqlite",
    "rustix",
    "tempfile",
    "tokio",
    "tokio-postgres",
    "tokio-rustls",
    "tracing",
    "tracing-subscriber",
];

/// Crates that only one of ours may use (or the few that stand here, a line each).
const FENCED: &[(&str, &str)] = &[
    ("rusqlite", "store-sql"),
    ("deadpool-postgres", "store-postgres"),
    ("tokio-postgres", "store-postgres"),
    ("josekit", "jose"),
    ("openssl", "jose"),
    ("lettre", "mail"),
    ("lettre", "transport-mail"),
    ("xsd-schema", "validate"),
    ("jsonschema", "validate"),
    ("russh", "transport-sftp"),
    ("russh-sftp", "transport-sftp"),
    ("object_store", "blobs-s3"),
    ("clap", "cli"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Pure,
    Seam,
    Shell,
    Testkit,
    Binary,
}

impl Layer {
    fn of(name: &str) -> Option<Self> {
        let is_shell =
            SHELLS.contains(&name) || SHELL_FAMILIES.iter().any(|family| name.starts_with(family));
        match name {
            "cli" => Some(Self::Binary),
            "testkit" => Some(Self::Testkit),
            name if PURE.contains(&name) => Some(Self::Pure),
            name if SEAMS.contains(&name) => Some(Self::Seam),
            _ => is_shell.then_some(Self::Shell),
        }
    }
}

/// All crates' dependencies.
pub(crate) fn check(tree: &Tree) -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    for source in tree.sources() {
        let Some(name) = source.crate_name() else {
            continue;
        };
        if source.path == format!("crates/{name}/Cargo.toml") {
            let manifest: Table = source
                .text
                .parse()
                .with_context(|| format!("{} is not TOML", source.path))?;
            complaints.extend(
                check_crate(name, &manifest)
                    .into_iter()
                    .map(|what| Complaint::about(&source.path, what)),
            );
        }
    }
    Ok(complaints)
}

fn check_crate(name: &str, manifest: &Table) -> Vec<String> {
    let mut faults = Vec::new();
    let package = manifest
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(Value::as_str);
    if package != Some(&format!("{OURS}{name}")) && name != "cli" {
        faults.push(format!(
            "the package is to be called {OURS}{name}, like its folder"
        ));
    }
    if manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        .and_then(Value::as_bool)
        != Some(true)
    {
        faults.push("[lints] workspace = true is missing".to_owned());
    }
    let Some(layer) = Layer::of(name) else {
        faults.push(
            "belongs to no layer: add it to xtask/src/layers.rs and ARCHITECTURE.md".to_owned(),
        );
        return faults;
    };
    for dependency in dependencies(manifest) {
        match dependency.strip_prefix(OURS) {
            Some(ours) => faults.extend(forbidden(name, layer, ours)),
            None => faults.extend(foreign(name, layer, dependency)),
        }
    }
    faults
}

fn dependencies(manifest: &Table) -> Vec<&str> {
    let per_target = manifest
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(|targets| targets.values());
    let tables = per_target.filter_map(Value::as_table).chain([manifest]);
    tables
        .flat_map(|table| {
            ["dependencies", "build-dependencies"]
                .into_iter()
                .filter_map(|kind| table.get(kind))
        })
        .filter_map(Value::as_table)
        .flat_map(|table| table.keys().map(String::as_str))
        .collect()
}

fn forbidden(name: &str, layer: Layer, on: &str) -> Option<String> {
    let Some(lower) = Layer::of(on) else {
        return Some(format!("depends on {on}, which belongs to no layer"));
    };
    let allowed = match (layer, lower) {
        (
            Layer::Pure | Layer::Seam | Layer::Shell | Layer::Testkit | Layer::Binary,
            Layer::Pure,
        )
        | (Layer::Shell | Layer::Testkit | Layer::Binary, Layer::Seam)
        | (Layer::Testkit | Layer::Binary, Layer::Shell) => true,
        (Layer::Shell, Layer::Shell) => {
            matches!(on, "incoming" | "outgoing")
                || (matches!(name, "agent" | "gateway") && on == "client")
        }
        (Layer::Pure | Layer::Seam, Layer::Seam | Layer::Shell)
        | (_, Layer::Testkit | Layer::Binary) => false,
    };
    (!allowed).then(|| {
        format!("a {layer:?} crate may not depend on {on} ({lower:?}); see xtask/src/layers.rs")
            .to_lowercase()
    })
}

fn foreign(name: &str, layer: Layer, on: &str) -> Option<String> {
    if layer == Layer::Pure && NOT_PURE.contains(&on) {
        return Some(format!(
            "a pure crate may not depend on {on}: it brings I/O, tasks, time or randomness"
        ));
    }
    let fences = FENCED.iter().filter(|(fenced, _)| *fenced == on);
    let owners: Vec<&str> = fences.map(|(_, owner)| *owner).collect();
    let outside = !owners.is_empty() && !owners.contains(&name);
    outside.then(|| format!("only {} may depend on {on}", owners.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, dependencies: &[&str], expected: usize) {
        let mut text = format!(
            "[package]\nname = \"amtsbote-{name}\"\n[lints]\nworkspace = true\n[dependencies]\n"
        );
        for dependency in dependencies {
            text.push_str(dependency);
            text.push_str(" = { workspace = true }\n");
        }
        let faults = check_crate(name, &text.parse().unwrap());
        assert_eq!(
            faults.len(),
            expected,
            "{name} on {dependencies:?}: {faults:?}"
        );
    }

    #[test]
    fn dependencies_point_downwards_only() {
        check("translate", &["amtsbote-model", "serde"], 0);
        check("model", &["amtsbote-store"], 1);
        check("store", &["amtsbote-model"], 0);
        check("store", &["amtsbote-adapter"], 1);
        check("gateway", &["amtsbote-store", "amtsbote-outgoing"], 0);
        check(
            "gateway",
            &["amtsbote-store-sql", "amtsbote-agent", "amtsbote-cli"],
            3,
        );
        check("agent", &["amtsbote-client"], 0);
        check("gateway", &["amtsbote-client"], 0);
        check("adapter-json", &["amtsbote-client"], 1);
        check("cli", &["amtsbote-gateway", "amtsbote-store-sql"], 0);
    }

    #[test]
    fn a_crate_without_layer_is_a_complaint() {
        check("miscellany", &[], 1);
        check("gateway", &["amtsbote-miscellany"], 1);
    }

    #[test]
    fn pure_crates_bring_no_io() {
        check("translate", &["tokio"], 1);
        check("store", &["tokio"], 0);
    }

    #[test]
    fn fenced_libraries_stay_with_their_owner() {
        check("gateway", &["rusqlite"], 1);
        check("store-sql", &["rusqlite"], 0);
        check("client", &["josekit", "openssl"], 2);
    }

    #[test]
    fn dependencies_of_a_target_count_and_those_of_tests_do_not() {
        let text = "[package]\nname = \"amtsbote-model\"\n[lints]\nworkspace = true\n\
            [dev-dependencies]\ntokio = \"1\"\n[target.'cfg(unix)'.dependencies]\nrustix = \"1\"\n";
        assert_eq!(check_crate("model", &text.parse().unwrap()).len(), 1);
    }

    #[test]
    fn lints_and_package_name_are_held() {
        assert_eq!(
            check_crate("model", &"[package]\nname = \"x\"\n".parse().unwrap()).len(),
            2
        );
    }
}

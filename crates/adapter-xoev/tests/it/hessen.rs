//! The six municipalities under `deploy/hessen`: complete, uniform, and every sample submission wired.

use std::collections::BTreeSet;
use std::path::Path;

use amtsbote_adapter::{Format, Package};
use serde_json::Value;

fn toml(path: &Path) -> toml::Table {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn format(package: &Package) -> Box<dyn Format> {
    match package.format.as_str() {
        "container" => Box::new(amtsbote_adapter_container::Container),
        "json" => Box::new(amtsbote_adapter_json::Json),
        "table" => Box::new(amtsbote_adapter_table::Table),
        other => {
            let name = amtsbote_adapter_xoev::NAMES
                .into_iter()
                .find(|name| *name == other);
            let name = name.unwrap_or_else(|| panic!("{}: no format {other}", package.name));
            Box::new(crate::packages::bare(name))
        }
    }
}

#[test]
fn every_package_passes_its_examples_without_losses() {
    for municipality in crate::packages::municipalities() {
        for package in crate::packages::of(&municipality) {
            let format = format(&package);
            let report = package.check(format.as_ref());
            assert!(
                report.passed(),
                "{}/{}:\n{report}",
                municipality.display(),
                package.name
            );
            for example in &package.examples {
                let preview = package.preview(format.as_ref(), &example.name).unwrap();
                assert_eq!(preview.losses, [""; 0], "{}/{}", package.name, example.name);
            }
        }
    }
}

#[test]
fn destination_and_agent_name_the_same_services() {
    let municipalities = crate::packages::municipalities();
    assert_eq!(municipalities.len(), 6);
    for municipality in municipalities {
        let at = municipality.display();
        let destination = toml(&municipality.join("destination.toml"));
        let offered: BTreeSet<(String, String)> = destination["destination"]["service"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                (
                    one["identifier"].as_str().unwrap().to_owned(),
                    one["schema_uri"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        let packages = crate::packages::of(&municipality);
        let served = packages
            .iter()
            .map(|package| {
                (
                    package.service.as_str().to_owned(),
                    package.schema_uri.clone(),
                )
            })
            .collect();
        assert_eq!(offered, served, "{at}");
        assert!(offered.len() >= 3, "{at}");
        let agent = toml(&municipality.join("agent.toml"));
        let named: BTreeSet<String> = agent["packages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        let there = packages
            .iter()
            .map(|package| package.name.to_string())
            .collect();
        assert_eq!(named, there, "{at}");
    }
}

#[test]
fn every_way_out_opens() {
    for municipality in crate::packages::municipalities() {
        let mut outbound = toml(&municipality.join("agent.toml"))["outbound"]
            .as_table()
            .unwrap()
            .clone();
        assert_eq!(
            outbound.remove("transport").unwrap().as_str(),
            Some("folder")
        );
        let folder = tempfile::tempdir().unwrap();
        for key in ["path", "work_path"] {
            if let Some(path) = outbound.get(key).and_then(toml::Value::as_str) {
                let path = folder.path().join(path);
                std::fs::create_dir_all(&path).unwrap();
                outbound.insert(key.to_owned(), path.to_str().unwrap().into());
            }
        }
        let settings: amtsbote_transport_folder::Settings = outbound.try_into().unwrap();
        let opened = amtsbote_transport_folder::FolderOutbound::open(settings);
        assert!(
            opened.is_ok(),
            "{}: {:?}",
            municipality.display(),
            opened.err()
        );
    }
}

#[test]
fn each_sample_submission_is_the_first_example_of_the_package_that_serves_it() {
    let municipalities = crate::packages::municipalities();
    let mut wired = BTreeSet::new();
    for entry in std::fs::read_dir(crate::packages::root().join("fixtures/submissions")).unwrap() {
        let path = entry.unwrap().path();
        let sample = json(&std::fs::read(&path).unwrap());
        let region = sample["region"].as_str().unwrap();
        let serves = |municipality: &&std::path::PathBuf| {
            toml(&municipality.join("destination.toml"))["destination"]["ars"].as_str()
                == Some(region)
        };
        let municipality = municipalities
            .iter()
            .find(serves)
            .unwrap_or_else(|| panic!("{}: no municipality", path.display()));
        let packages = crate::packages::of(municipality);
        let package = packages
            .iter()
            .find(|package| Some(package.service.as_str()) == sample["service"].as_str());
        let package = package.unwrap_or_else(|| panic!("{}: no package", path.display()));
        let example = format!("examples/{}", package.examples[0].name);
        assert_eq!(
            json(&package.files[&format!("{example}/input.json")]),
            sample["data"],
            "{}",
            path.display()
        );
        let receiver =
            serde_json::to_value(&toml(&municipality.join("agent.toml"))["receiver"]).unwrap();
        assert_eq!(
            json(&package.files[&format!("{example}/receiver.json")]),
            receiver,
            "{}",
            package.name
        );
        let attachments = sample["attachments"].as_array().map_or(0, Vec::len);
        let beside = format!("{example}/attachments/");
        assert_eq!(
            package
                .files
                .keys()
                .filter(|file| file.starts_with(&beside))
                .count(),
            attachments,
            "{}",
            package.name
        );
        wired.insert((municipality.clone(), package.name.to_string()));
    }
    let packages: usize = municipalities
        .iter()
        .map(|municipality| crate::packages::of(municipality).len())
        .sum();
    assert_eq!(wired.len(), packages, "a package that no sample uses");
}

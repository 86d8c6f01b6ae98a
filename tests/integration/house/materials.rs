//! Where the program's crates come from, and the bill of materials that a release carries.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::docs::page::{file, text};
use crate::lab::{installed, or_skip, outcome};

/// The packages of `Cargo.lock`.
fn locked() -> Vec<toml::Table> {
    let lock: toml::Table = text("Cargo.lock").parse().unwrap();
    lock["package"].clone().try_into().unwrap()
}

fn named(package: &toml::Table) -> String {
    let word = |key: &str| package[key].as_str().unwrap();
    format!("pkg:cargo/{}@{}", word("name"), word("version"))
}

/// What `cargo tree` says is compiled in, without this crate.
fn compiled_in() -> BTreeSet<String> {
    let mut tree = Command::new(env!("CARGO"));
    tree.current_dir(file(""));
    tree.args(["tree", "--locked", "--offline", "--edges", "normal"]);
    tree.args(["--prefix", "none", "--format", "{p}"]);
    let told = outcome(&mut tree).expect_ok();
    let crates = told.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (name, version) = (words.next()?, words.next()?);
        (name != "sekisho").then(|| format!("pkg:cargo/{name}@{}", &version[1..]))
    });
    crates.collect()
}

#[test]
fn every_crate_comes_from_the_one_registry_with_its_checksum() {
    let crates_io = "registry+https://github.com/rust-lang/crates.io-index";
    let packages = locked();
    assert!(packages.len() > 100);
    for package in packages {
        if package["name"].as_str() != Some("sekisho") {
            assert_eq!(package["source"].as_str(), Some(crates_io), "{package:?}");
            assert!(package.contains_key("checksum"), "{package:?}");
        }
    }
}

#[test]
fn the_bill_of_materials_lists_what_is_compiled_in_and_nothing_else() {
    or_skip!(installed("jq"));
    let told = outcome(Command::new(file("docker/sbom")).env("CARGO_NET_OFFLINE", "true"));
    let told = told.expect_ok();
    let bill: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let own = &bill["metadata"]["component"];
    assert_eq!(
        own["purl"],
        format!("pkg:cargo/sekisho@{}", env!("CARGO_PKG_VERSION"))
    );
    let checksums =
        |package: &toml::Table| Some((named(package), package.get("checksum")?.clone()));
    let checksums: Vec<_> = locked().iter().filter_map(checksums).collect();
    let mut listed = BTreeSet::new();
    for component in bill["components"].as_array().unwrap() {
        let purl = component["purl"].as_str().unwrap().to_owned();
        let sum = component["hashes"][0]["content"].as_str().unwrap();
        let is_own =
            |(name, own): &(String, toml::Value)| *name == purl && own.as_str() == Some(sum);
        assert!(checksums.iter().any(is_own), "{purl}");
        assert_ne!(
            component["licenses"][0]["expression"].as_str(),
            Some(""),
            "{purl}"
        );
        listed.insert(purl);
    }
    assert_eq!(listed, compiled_in());
}

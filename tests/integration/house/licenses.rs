//! `deny.toml` against the dependencies that are compiled in.

use std::collections::BTreeSet;
use std::process::Command;

/// Package and license expression of every dependency, as `cargo tree` finds
/// them for this target.
fn dependencies() -> BTreeSet<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "all"])
        .args(["--prefix", "none", "--format", "{p}\t{l}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.trim_end_matches(" (*)").split_once('\t'))
        .map(|(package, license)| (package.to_owned(), license.to_owned()))
        .collect()
}

fn deny() -> toml::Table {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn allowed() -> Vec<String> {
    let list = deny()["licenses"]["allow"].clone();
    list.try_into().unwrap()
}

/// Licenses of one package each.
fn excepted() -> Vec<(String, Vec<String>)> {
    let list = deny()["licenses"]["exceptions"].clone();
    let list: Vec<toml::Table> = list.try_into().unwrap();
    let exception = |it: &toml::Table| {
        let package = it["crate"].as_str().unwrap().to_owned();
        (package, it["allow"].clone().try_into().unwrap())
    };
    list.iter().map(exception).collect()
}

/// Whether an SPDX expression can be met by `allowed` licenses alone. `/` is an
/// old way to write `OR`; `WITH` only ever grants more.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let met = any(&mut words, allowed);
    met && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut met = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed);
    }
    met
}

fn all(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let Some(word) = words.next() else {
        return false;
    };
    if word == "(" {
        let met = any(words, allowed);
        return met && words.next() == Some(")");
    }
    if words.next_if_eq(&"WITH").is_some() {
        words.next();
    }
    allowed.iter().any(|license| license == word)
}

#[test]
fn every_license_is_allowed() {
    let (dependencies, allowed) = (dependencies(), allowed());
    assert!(dependencies.len() > 50, "{dependencies:?}");
    let excepted = excepted();
    let is_excepted = |package: &str, license: &str| {
        let name = package.split(' ').next();
        let mut of_package = excepted.iter().filter(|(it, _)| Some(it.as_str()) == name);
        of_package.any(|(_, allowed)| is_met(license, allowed))
    };
    let refused = dependencies
        .iter()
        .filter(|(package, license)| !is_met(license, &allowed) && !is_excepted(package, license));
    assert_eq!(refused.collect::<Vec<_>>(), Vec::<&(_, _)>::new());
}

#[test]
fn no_banned_crate_is_compiled_in() {
    let bans = deny()["bans"]["deny"].as_array().unwrap().clone();
    let banned: Vec<&str> = bans
        .iter()
        .filter_map(|ban| ban["crate"].as_str())
        .collect();
    assert!(banned.contains(&"ring"));
    for (package, _) in dependencies() {
        let name = package.split(' ').next().unwrap();
        assert!(!banned.contains(&name), "{package}");
    }
}

#[test]
fn reads_license_expressions() {
    let allowed = ["MIT", "ISC"].map(str::to_owned);
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("ISC AND (GPL-3.0 OR MIT)", true),
        ("(MIT OR ISC) AND GPL-3.0", false),
        ("MIT WITH some-exception OR GPL-3.0", true),
        ("", false),
        ("(MIT", false),
        ("MIT ISC", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}

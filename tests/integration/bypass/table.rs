//! Holds the table of `docs/security.md` to the tests.

use std::collections::BTreeSet;
use std::fs;

use crate::docs::page::{file, text};

const PAGE: &str = "docs/security.md";
const TITLE: &str = "## Bypasses and their tests\n";

/// One row: its number, and the tests that it names, each with its file.
struct Class {
    number: usize,
    tests: Vec<(String, String)>,
}

/// A link as in ``[`name`](../tests/integration/registry/cold.rs)``.
fn link(text: &str) -> Option<(String, String)> {
    let (name, rest) = text.split_once("`](../")?;
    let path = rest.split(')').next()?;
    Some((name.to_owned(), path.to_owned()))
}

fn class(row: &str) -> Option<Class> {
    let number = row.strip_prefix("| ")?.split(' ').next()?.parse().ok()?;
    let cell = row.trim_end_matches(" |").rsplit(" | ").next()?;
    let tests = cell.split("[`").skip(1).filter_map(link).collect();
    Some(Class { number, tests })
}

fn classes() -> Vec<Class> {
    let page = text(PAGE);
    let (_, rest) = page.split_once(TITLE).expect(TITLE);
    let section = rest.split("\n## ").next().unwrap();
    section.lines().filter_map(class).collect()
}

/// Names of functions that are tests: those behind an attribute that says so.
fn tests_in(source: &str) -> BTreeSet<String> {
    let behind = source.split("test").skip(1).filter_map(|rest| {
        let (attribute, rest) = rest.split_once(']')?;
        let is_attribute = attribute.is_empty() || attribute.starts_with('(');
        let (before, rest) = rest.split_once("fn ")?;
        let between = before.trim().trim_end_matches("async").trim();
        let is_next = is_attribute && (between.is_empty() || between.starts_with("#["));
        let name = rest.split(['(', '<']).next()?;
        is_next.then(|| name.to_owned())
    });
    behind.collect()
}

#[test]
fn every_class_names_tests_that_exist() {
    let classes = classes();
    assert!(classes.len() >= 26, "only {} are read", classes.len());
    for Class { number, tests } in &classes {
        assert!(!tests.is_empty(), "bypass {number} has no test");
        for (name, path) in tests {
            let found = path.starts_with("tests/") && tests_in(&text(path)).contains(name);
            assert!(found, "bypass {number}: {path} has no test {name}");
        }
    }
}

/// What is promised on the page, above the table too.
#[test]
fn every_promise_names_tests_that_exist() {
    let page = text(PAGE);
    let links: Vec<(String, String)> = page.split("[`").skip(1).filter_map(link).collect();
    assert!(links.len() > 60, "only {} are read", links.len());
    for (name, path) in links {
        let found = tests_in(&text(&path)).contains(&name);
        assert!(found, "{path} has no test {name}");
    }
}

#[test]
fn numbers_rise_and_the_first_twenty_six_are_there() {
    let numbers: Vec<usize> = classes().iter().map(|it| it.number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert!(numbers.starts_with(&Vec::from_iter(1..=26)), "{numbers:?}");
}

#[test]
fn every_test_of_a_bypass_is_in_the_table() {
    let named: BTreeSet<(String, String)> = classes().into_iter().flat_map(|it| it.tests).collect();
    let folder = "tests/integration/bypass";
    for entry in fs::read_dir(file(folder)).unwrap().map(Result::unwrap) {
        let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
        if path.ends_with("/table.rs") {
            continue;
        }
        for name in tests_in(&text(&path)) {
            assert!(
                named.contains(&(name.clone(), path.clone())),
                "{path}: {name}"
            );
        }
    }
}

#[test]
fn a_test_is_told_from_other_functions() {
    let source = "#[tokio::test(flavor = \"multi_thread\")]\nasync fn first() {}\nfn tested() {}\n\
                  #[test]\n#[cfg(unix)]\nfn second<T>() {}\nconst A: [test; 1] = [];\n";
    let expected = ["first", "second"].map(str::to_owned);
    assert_eq!(tests_in(source), BTreeSet::from(expected));
}

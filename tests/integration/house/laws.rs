//! The laws, applied to the program as it stands.

use super::source::Source;
use super::{circles, floors, names, places, shape};

/// Every breach in what is compiled into the program.
fn breaches(law: fn(&Source) -> Vec<String>) -> Vec<String> {
    let sources = Source::all();
    assert!(!sources.is_empty());
    let program = sources.iter().filter(|source| !source.is_test());
    program.flat_map(law).collect()
}

#[track_caller]
fn assert_kept(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn rooms_import_from_lower_floors() {
    assert_kept(&breaches(floors::broken));
}

#[test]
fn pure_rooms_are_pure_and_libraries_stay_at_home() {
    assert_kept(&breaches(places::broken));
}

#[test]
fn front_doors_are_empty_and_files_short() {
    let found: Vec<String> = Source::all().iter().flat_map(shape::broken).collect();
    assert_kept(&found);
}

#[test]
fn files_import_each_other_in_one_direction() {
    let sources = Source::all();
    let found: Vec<String> = circles::circles(&sources)
        .iter()
        .map(|circle| format!("a circle: {}", circle.join(" ")))
        .collect();
    assert_kept(&found);
}

#[test]
fn public_types_have_names_of_their_own() {
    let sources = Source::all();
    let program: Vec<Source> = sources.into_iter().filter(|s| !s.is_test()).collect();
    assert_kept(&names::repeated(&program));
}

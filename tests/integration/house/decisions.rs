//! The decision records have numbers of their own.

use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn every_decision_has_a_number_of_its_own_and_begins_with_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decisions");
    let mut found: BTreeMap<u32, String> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (number, _) = name.split_once('-').expect(&name);
        let number: u32 = number.parse().expect(&name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&format!("# {number}. ")), "{name}");
        let twice = found.insert(number, name.clone());
        assert_eq!(twice, None, "has the number of {name}");
    }
    assert!(!found.is_empty());
}

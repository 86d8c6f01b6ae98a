//! The text that is printed.

use serde_json::Value;

use super::sample::{everything, installation};
use crate::kubernetes::objects::to_yaml;

#[test]
fn every_document_reads_back_as_its_object() {
    let objects = everything();
    let text = to_yaml("Read this first.", &objects).unwrap();
    let read: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    assert_eq!(read, objects);
}

#[test]
fn expressions_and_the_configuration_are_printed_line_by_line() {
    let text = to_yaml("", &everything()).unwrap();
    for line in [
        "  sekisho.toml: |\n    data_dir = \"/var/lib/sekisho\"\n",
        "  - expression: |-\n      object.spec.?containers",
    ] {
        assert!(text.contains(line), "{line}\nin\n{text}");
    }
    let escaped = text
        .lines()
        .find(|line| line.contains("\\n") || line.contains("\\\\"));
    assert_eq!(escaped, None);
}

#[test]
fn the_preface_and_remarks_are_comments() {
    let workload = installation().workload(&super::sample::program()).unwrap();
    let text = to_yaml("One.\n\nTwo.", &workload).unwrap();
    assert!(text.starts_with("# One.\n#\n# Two.\n---\n"));
    assert!(text.contains("---\n# Not minAvailable"));
}

//! What kubectl, which reads YAML 1.1, takes otherwise than YAML 1.2 has it.

use super::reading::{images, read, refused};

fn pod(lines: &str) -> String {
    format!("kind: Pod\nmetadata: {{ name: p, annotations: &bad {{ image: bad:1 }} }}\n{lines}")
}

#[test]
fn what_ends_a_line_for_kubectl_alone_is_refused() {
    for end in ["\u{85}", "\u{2028}", "\u{2029}", "\u{feff}"] {
        let hidden = format!("spec:\n  containers:\n  - image: good:1 # {end}  - image: bad:1\n");
        let told = refused(&pod(&hidden));
        assert!(told.contains("line 5: U+"), "{told}");
        let code = u32::from(end.chars().next().unwrap());
        assert!(told.contains(&format!("U+{code:04X}")), "{told}");
    }
}

#[test]
fn a_carriage_return_ends_a_line() {
    let hidden = "spec:\r  containers:\r  # one\r  - image: good:1\r";
    assert_eq!(
        images(&pod(hidden)),
        ["good:1 Pod/p spec.containers[0].image -"]
    );
}

#[test]
fn json_and_escapes_may_hold_what_ends_lines_elsewhere() {
    let json = "\u{feff}{\"kind\":\"Pod\",\"metadata\":{\"name\":\"\u{2028}\"}}";
    assert_eq!(read(json).objects(), 1);
    let escaped = "kind: Pod\nmetadata: { name: \"\\u2028\" }";
    assert_eq!(read(escaped).objects(), 1);
}

#[test]
fn a_merge_that_replaces_a_key_for_kubectl_alone_is_refused() {
    for container in [
        "- { image: good:1, <<: *bad }",
        "- { image: good:1, !!merge <<: *bad }",
        "- { image: good:1, <<: { image: bad:1 } }",
        "- { image: good:1, <<: [{ image: bad:1 }] }",
        "- { <<: { image: good:1, <<: *bad } }",
    ] {
        let told = refused(&pod(&format!("spec:\n  containers:\n  {container}\n")));
        assert!(told.contains("'<<' behind 'image'"), "{container}: {told}");
    }
    let spec = "spec:\n  containers: [{ image: good:1 }]\n  <<: { containers: [] }\n";
    let told = refused(&pod(spec));
    assert!(told.contains("'<<' behind 'containers'"), "{told}");
    let told = refused("kind: ConfigMap\nmetadata: { name: p }\n<<: { kind: Pod }\n");
    assert!(told.contains("'<<' behind 'kind'"), "{told}");
}

#[test]
fn two_merges_in_a_map_are_refused_and_so_is_what_is_no_map() {
    for container in [
        "- { <<: { image: good:1 }, <<: *bad }",
        "- { <<: bad:1 }",
        "- { <<: [bad:1] }",
    ] {
        refused(&pod(&format!("spec:\n  containers:\n  {container}\n")));
    }
}

#[test]
fn merges_that_everybody_reads_alike_are_merged() {
    for (container, image) in [
        ("{ <<: *bad, image: good:1 }", "good:1"),
        ("{ image: bad:1, <<: *bad }", "bad:1"),
        ("{ name: c, <<: *bad }", "bad:1"),
        ("{ !!merge <<: *bad }", "bad:1"),
        ("{ <<: [{ image: good:1 }, *bad] }", "good:1"),
        ("{ <<: { <<: *bad, image: good:1 } }", "good:1"),
    ] {
        let text = pod(&format!("spec:\n  containers:\n  - {container}\n"));
        let found = images(&text);
        assert_eq!(found.len(), 1, "{container}: {found:?}");
        assert!(found[0].starts_with(image), "{container}: {found:?}");
    }
}

#[test]
fn a_key_that_stands_twice_to_kubectl_is_refused_however_it_is_written() {
    for container in [
        "- { image: good:1, !x image: bad:1 }",
        "- { image: good:1, !!binary aW1hZ2U=: bad:1 }",
        "- { image: good:1, !<x> image: bad:1 }",
        "- { image: good:1, ? !x image : bad:1 }",
        "- { <<: { image: good:1, !x image: bad:1 } }",
        "- { <<: *bad, !x <<: { image: good:1 } }",
        "- { <<: *bad, !!binary PDw=: { image: good:1 } }",
    ] {
        let told = refused(&pod(&format!("spec:\n  containers:\n  {container}\n")));
        assert!(told.contains("stands twice"), "{container}: {told}");
    }
    let told = refused("kind: ConfigMap\n!x kind: Pod\nmetadata: { name: p }\n");
    assert!(told.contains("'kind' stands twice"), "{told}");
}

//! What is refused, and that nothing brings the reader down.

use proptest::prelude::*;

use super::reading::{images, read, refused};
use crate::kubernetes::images::path::MAX_PATH_BYTES;
use crate::kubernetes::images::read::{MAX_IMAGES, MAX_OVERLOOKED};
use crate::kubernetes::images::{MAX_BYTES, ManifestError, Manifests};

#[test]
fn one_key_has_one_meaning() {
    for text in [
        "kind: Pod\nkind: Pod\n",
        "kind: Pod\nspec:\n  containers:\n  - image: good:1\n    image: bad:1\n",
        r#"{"kind": "Pod", "spec": {"containers": [{"image": "a", "image": "b"}]}}"#,
    ] {
        let told = refused(text);
        assert!(
            told.contains("all.yaml") && told.contains("duplicate"),
            "{told}"
        );
        assert!(!told.contains("Options"), "a library's advice: {told}");
    }
}

#[test]
fn what_is_no_yaml_is_reported_with_its_line() {
    let told = refused("kind: Pod\nspec: {{ .Values.spec }\n");
    assert!(told.contains("line 2"), "{told}");
    assert!(!told.contains('\n'), "{told}");
    refused("kind: Pod\nspec: *nowhere\n");
}

#[test]
fn a_billion_laughs_are_refused() {
    let mut text = String::from("kind: Pod\nl0: &l0 [lol]\n");
    for level in 1..30 {
        let below = format!("*l{}", level - 1);
        let all = [below.as_str(); 10].join(", ");
        text += &format!("l{level}: &l{level} [{all}]\n");
    }
    refused(&text);
    let large = "x".repeat(1 << 20);
    let copies = ["*big"; 200].join(", ");
    refused(&format!(
        "kind: Pod\nbig: &big '{large}'\nall: [{copies}]\n"
    ));
    refused(
        "kind: Pod\nmore: &more [*more]\nall: [*more, *more]\n"
            .repeat(2)
            .as_str(),
    );
}

#[test]
fn many_aliases_of_one_anchor_are_common() {
    let containers = "  - { image: *image }\n".repeat(500);
    let text = format!("kind: Pod\nx: &image a:1\nspec:\n  containers:\n{containers}");
    assert_eq!(images(&text).len(), 500);
}

#[test]
fn depth_size_and_number_are_bounded() {
    let nested =
        |depth: usize| format!("kind: Pod\nx: {}{}\n", "[".repeat(depth), "]".repeat(depth));
    read(&nested(90));
    for depth in [101, 10_000] {
        refused(&nested(depth));
    }
    let blocks: String = (0..200)
        .map(|at| format!("{}k:\n", " ".repeat(at)))
        .collect();
    refused(&format!("kind: Pod\n{blocks}"));
    refused(&format!("kind: Pod\nx: [{}]", "1,".repeat(1_000_001)));
    refused(&"a\n---\n".repeat(10_001));
    let mut manifests = Manifests::default();
    let half = format!("# {}\n", "x".repeat(MAX_BYTES / 2));
    manifests.add("a.yaml", &half).unwrap();
    let error = manifests.add("b.yaml", &half).unwrap_err();
    assert!(matches!(error, ManifestError::TooLarge { .. }), "{error}");
    let containers = "{ image: a },".repeat(20_001);
    let text = format!("kind: Pod\nspec: {{ containers: [{containers}] }}");
    let error = Manifests::default().add("a.yaml", &text).unwrap_err();
    assert!(
        matches!(error, ManifestError::TooManyImages { .. }),
        "{error}"
    );
}

/// `inner` below 90 maps whose keys are long.
fn below_long_keys(version_and_kind: &str, inner: &str) -> String {
    let key = "k".repeat(120);
    let open = format!("{{ {key}: ").repeat(90);
    let close = "}".repeat(90);
    format!("{version_and_kind}\nmetadata: {{ name: a }}\nspec: {open}{inner}{close}\n")
}

#[test]
fn reading_stops_at_the_first_image_too_many() {
    const MANY: usize = 100_000;
    let foo = "apiVersion: x.io/v1\nkind: Foo";
    for inner in [
        format!("{{ images: [{}] }}", "a,".repeat(MANY)),
        format!("{{ containers: [{}] }}", "a,".repeat(MANY)),
        format!("{{ containers: [{}] }}", "{ image: a },".repeat(MANY / 2)),
        format!("{{ volumes: [{}] }}", "{ image: {} },".repeat(MANY / 2)),
    ] {
        let mut manifests = Manifests::default();
        let error = manifests.add("a.yaml", &below_long_keys(foo, &inner));
        let is_right = matches!(error, Err(ManifestError::TooManyImages { .. }));
        assert!(is_right, "{error:?}");
        assert!(manifests.images().len() <= MAX_IMAGES + 1);
        assert!(manifests.unclear().len() <= MAX_IMAGES + 1);
        assert!(manifests.overlooked().len() <= MAX_OVERLOOKED + 1);
    }
    let steps = "{ image: a },".repeat(MANY / 2);
    let text = format!("apiVersion: tekton.dev/v1\nkind: Task\nspec: {{ steps: [{steps}] }}");
    let mut manifests = Manifests::default();
    manifests.add("a.yaml", &text).unwrap_err();
    assert!(manifests.images().len() <= MAX_IMAGES + 1);
}

#[test]
fn as_many_images_as_there_may_be_are_read_wherever_they_stand() {
    let steps = "{ image: a },".repeat(MAX_IMAGES);
    let text = format!("apiVersion: tekton.dev/v1\nkind: Task\nspec: {{ steps: [{steps}] }}");
    let manifests = read(&text);
    assert_eq!(manifests.images().len(), MAX_IMAGES);
    assert_eq!(manifests.overlooked(), []);
    let text = format!(
        "apiVersion: x.io/v1\nkind: Foo\nspec: {{ images: [{}] }}",
        "a,".repeat(MAX_OVERLOOKED)
    );
    assert_eq!(read(&text).overlooked().len(), MAX_OVERLOOKED);
}

#[test]
fn a_told_path_is_short_however_long_the_way_is() {
    let inner = "{ images: [a], containers: [{ image: b }, { name: c }] }";
    let manifests = read(&below_long_keys("apiVersion: x.io/v1\nkind: Foo", inner));
    let images = manifests.images().iter().map(|it| &it.place);
    let unclear = manifests.unclear().iter().map(|it| &it.place);
    let places: Vec<_> = images
        .chain(unclear)
        .chain(manifests.overlooked())
        .collect();
    let ends = [".containers[0].image", ".containers[1].image", ".images[0]"];
    assert_eq!(places.len(), ends.len());
    for (place, end) in places.into_iter().zip(ends) {
        assert!(place.path.len() <= MAX_PATH_BYTES, "{}", place.path);
        assert!(place.path.starts_with("spec.kkk"), "{}", place.path);
        assert!(place.path.ends_with(end), "{}", place.path);
    }
}

#[test]
fn documents_are_counted_over_all_files() {
    let mut manifests = Manifests::default();
    let half = "a\n---\n".repeat(6000);
    manifests.add("a.yaml", &half).unwrap();
    let error = manifests.add("b.yaml", &half).unwrap_err();
    assert!(
        matches!(error, ManifestError::TooManyDocuments { .. }),
        "{error}"
    );
}

#[test]
fn odd_scalars_and_keys_are_read_over() {
    let text = "kind: Pod\n1: a\ntrue: b\n~: c\nx: [.nan, .inf, -.inf, 0x1F, 1_000, 2026-01-01, 1e999]\n\
                big: 340282366920938463463374607431768211455\ntagged: !custom { a: !!str 1 }\n\
                spec: { containers: [{ image: a:1 }] }\n";
    assert_eq!(images(text).len(), 1);
}

/// Pieces of which manifests are made, well or badly.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "kind: Pod",
        "containers:",
        "volumes:",
        "image:",
        "items:",
        "- ",
        "  ",
        "\n",
        ": ",
        "&a ",
        "*a",
        "<<: ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\"",
        "'",
        "|",
        ">",
        "---\n",
        "...",
        "#",
        "!!binary ",
        "!x ",
        "~",
        "%YAML 1.2",
        "\t",
        "? ",
        "a",
        "1",
        "\u{feff}",
        "é",
        "\0",
        "kind: PodList",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_brings_it_down(text in any::<String>()) {
        let _ = Manifests::default().add("a", &text);
    }

    #[test]
    fn no_manifest_brings_it_down(text in pieces()) {
        let _ = Manifests::default().add("a", &text);
        let _ = Manifests::default().add("a", &format!("kind: Pod\n{text}"));
    }
}

//! Names as nodes read them, and what they become.

use proptest::prelude::*;

use crate::oci::{Digest, RegistryHost};
use crate::trust::{DenialReason, ImageNames};

fn host(text: &str) -> RegistryHost {
    RegistryHost::parse(text).unwrap()
}

fn names() -> ImageNames {
    ImageNames {
        gateways: vec![host("gateway.corp:5080")],
        upstreams: vec![
            (host("docker.io"), "docker.io".to_owned()),
            (host("registry.corp:5000"), "corp".to_owned()),
        ],
        default_host: host("docker.io"),
    }
}

/// What a name becomes, with the digest that its tag means; itself where it stays.
fn written(text: &str, digest: Option<&Digest>) -> Result<String, DenialReason> {
    let names = names();
    let image = names.read(text).map_err(|denial| denial.reason)?;
    let rewritten = names.rewritten(text, &image, digest);
    Ok(rewritten.unwrap_or_else(|| text.to_owned()))
}

#[test]
fn sends_every_name_of_an_upstream_through_the_gateway() {
    let digest = Digest::sha256(b"");
    for (text, becomes) in [
        ("nginx", "gateway.corp:5080/docker.io/library/nginx:latest"),
        ("user/app:1", "gateway.corp:5080/docker.io/user/app:1"),
        (
            "docker.io/nginx:1",
            "gateway.corp:5080/docker.io/library/nginx:1",
        ),
        ("index.docker.io/x/y:1", "gateway.corp:5080/docker.io/x/y:1"),
        (
            "test.com:5000",
            "gateway.corp:5080/docker.io/library/test.com:5000",
        ),
        (
            "registry.corp:5000/team/app:1",
            "gateway.corp:5080/corp/team/app:1",
        ),
    ] {
        assert_eq!(written(text, None).as_deref(), Ok(becomes), "{text}");
    }
    for (text, becomes) in [
        (
            format!("nginx@{digest}"),
            format!("gateway.corp:5080/docker.io/library/nginx@{digest}"),
        ),
        (
            format!("nginx:1@{digest}"),
            format!("gateway.corp:5080/docker.io/library/nginx:1@{digest}"),
        ),
    ] {
        assert_eq!(written(&text, None), Ok(becomes));
    }
}

#[test]
fn leaves_names_at_the_gateway_as_they_are() {
    for text in [
        "gateway.corp:5080/docker.io/library/nginx:1",
        "gateway.corp:5080/docker.io/nginx",
        "gateway.corp:5080/corp/team/app:1",
    ] {
        assert_eq!(written(text, None).as_deref(), Ok(text));
    }
}

#[test]
fn writes_the_digest_down_behind_the_tag() {
    let digest = Digest::sha256(b"manifest");
    let other = Digest::sha256(b"other");
    for (text, becomes) in [
        (
            "nginx:1".to_owned(),
            format!("gateway.corp:5080/docker.io/library/nginx:1@{digest}"),
        ),
        (
            "gateway.corp:5080/docker.io/nginx".to_owned(),
            format!("gateway.corp:5080/docker.io/nginx@{digest}"),
        ),
        (
            format!("user/app@{other}"),
            format!("gateway.corp:5080/docker.io/user/app@{other}"),
        ),
    ] {
        assert_eq!(written(&text, Some(&digest)), Ok(becomes));
    }
}

#[test]
fn denies_what_two_parsers_read_differently() {
    let id = "a".repeat(64);
    let long = "a".repeat(230);
    for text in [
        "Uppercase/lower",
        "registry-1.docker.io/library/nginx",
        "docker.io:443/library/nginx",
        "registry.corp:5000./app",
        "docker.io./library/nginx",
        "DOCKER.IO/library/nginx",
        "user@docker.io/nginx",
        "https://docker.io/nginx",
        "docker://nginx",
        "nginx@md5:d41d8cd98f00b204e9800998ecf8427e",
        "nginx@sha256:abc",
        "nginx:t\u{e9}g",
        "nginx ",
        " nginx",
        "nginx\n",
        "",
        "a//b",
        "gateway.corp:5080/docker.io",
        "gateway.corp:5080/corp/",
        &id,
        &long,
    ] {
        assert_eq!(
            written(text, None),
            Err(DenialReason::AmbiguousReference),
            "{text:?}"
        );
    }
}

#[test]
fn denies_hosts_outside_of_the_closed_world() {
    for text in [
        "quay.io/x/y:1",
        "localhost/x",
        "localhost:5000/x",
        "[::1]:5000/x",
        "docker.io.evil.com/library/nginx",
        "gateway.corp/docker.io/library/nginx",
        "gateway.corp:5080/quay.io/x",
        "gateway.corp:5080/gateway.corp/docker.io/x",
        "registry.corp:5001/team/app",
    ] {
        assert_eq!(
            written(text, None),
            Err(DenialReason::UnknownUpstream),
            "{text}"
        );
    }
}

#[test]
fn a_refusal_says_what_to_write() {
    let hint = |text: &str| names().read(text).unwrap_err().next_step;
    assert_eq!(
        hint("docker.io:443/nginx:1"),
        "write docker.io/library/nginx:1"
    );
    assert!(hint("https://nginx").contains("without a scheme"));
    assert!(hint("quay.io/x").contains("docker.io, registry.corp:5000"));
}

fn any_name() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        Just(String::new()),
        Just("docker.io/".to_owned()),
        Just("index.docker.io/".to_owned()),
        Just("registry.corp:5000/".to_owned()),
        Just("gateway.corp:5080/docker.io/".to_owned()),
        Just("gateway.corp:5080/corp/".to_owned()),
        Just("gateway.corp:5080/".to_owned()),
        Just("quay.io/".to_owned()),
    ];
    let suffix = prop_oneof![
        Just(String::new()),
        "[A-Za-z0-9_.-]{1,20}".prop_map(|tag| format!(":{tag}")),
        "[a-f0-9]{64}".prop_map(|hex| format!("@sha256:{hex}")),
        "[a-f0-9]{64}".prop_map(|hex| format!(":1.0@sha256:{hex}")),
    ];
    (host, "[a-z0-9._/-]{1,40}", suffix).prop_map(|(host, name, end)| format!("{host}{name}{end}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_name_once_written_stays_and_means_the_same(text in any_name(), pinned: bool) {
        let digest = pinned.then(|| Digest::sha256(text.as_bytes()));
        if let Ok(once) = written(&text, digest.as_ref()) {
            prop_assert_eq!(written(&once, digest.as_ref()), Ok(once.clone()));
            let (before, after) = (names().read(&text).unwrap(), names().read(&once).unwrap());
            prop_assert_eq!(&before.repository, &after.repository);
            prop_assert!(after.is_by_gateway);
            if before.digest.is_some() || digest.is_none() {
                prop_assert_eq!(before.reference(), after.reference());
            } else {
                prop_assert_eq!(after.digest.clone(), digest.clone());
            }
            prop_assert!(once.len() <= 255 + 1 + 128 + 1 + 71);
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,80}") {
        let _ = written(&text, None);
    }
}

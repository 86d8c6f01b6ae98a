//! Names of images as policies in CEL read them: as the webhook does.

use std::collections::BTreeMap;

use sekisho::admission as webhook;
use sekisho::kubernetes::objects::NodeNames;
use sekisho::oci::RegistryHost;
use sekisho::trust::{Exposure, ImageNames};
use serde_json::{Value, json};

use super::site::{Cluster, GATEWAY, installation, pod};
use crate::admission::door::{Door, cluster};
use crate::kit::World;
use crate::lab::kubernetes::Version;
use crate::lab::or_skip;

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Names that lead to an upstream, and what they are called under the gateway.
fn permitted() -> Vec<(String, String)> {
    let long = "a".repeat(225);
    let sha512 = format!("@sha512:{HEX}{HEX}");
    let rewritten = [
        ("nginx", "docker.io/library/nginx:latest"),
        ("user/app:1", "docker.io/user/app:1"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/x/y", "docker.io/x/y:latest"),
        ("index.docker.io/x", "docker.io/library/x:latest"),
        ("test.com:5000", "docker.io/library/test.com:5000"),
        ("quay.io", "docker.io/library/quay.io:latest"),
        ("registry.corp:5000/prod/app:1", "corp/prod/app:1"),
        ("[::1]:5000/x", "six/x:latest"),
        ("a__b/c---d/e.f:T_1.2-3", "docker.io/a__b/c---d/e.f:T_1.2-3"),
        (
            &format!("nginx:1@sha256:{HEX}"),
            &format!("docker.io/library/nginx:1@sha256:{HEX}"),
        ),
        (
            &format!("nginx@sha256:{HEX}"),
            &format!("docker.io/library/nginx@sha256:{HEX}"),
        ),
        (
            &format!("x{sha512}"),
            &format!("docker.io/library/x{sha512}"),
        ),
        (&format!("{HEX}:1"), &format!("docker.io/library/{HEX}:1")),
        (
            &format!("quay.io/{long}"),
            &format!("quay.io/{long}:latest"),
        ),
    ]
    .map(|(written, named)| (written.to_owned(), format!("{GATEWAY}/{named}")));
    let kept = ["docker.io/library/nginx:1", "docker.io/nginx", "corp/a"]
        .map(|name| format!("{GATEWAY}/{name}"))
        .map(|name| (name.clone(), name));
    rewritten.into_iter().chain(kept).collect()
}

/// Names that lead elsewhere, or that two parsers read differently.
fn refused() -> Vec<String> {
    let at_gateway = [
        "evil/a",
        "docker.io",
        "docker.io/",
        "docker.iox/a",
        "nginx",
        "",
    ]
    .map(|name| format!("{GATEWAY}/{name}"));
    let digests = [
        HEX.to_owned(),
        format!("x@md5:{}", &HEX[..32]),
        format!("x@sha256:{}", &HEX[1..]),
        format!("x@sha256:{}", HEX.to_uppercase()),
        format!("a:b@sha256:{HEX}/x"),
    ];
    let plain = [
        "evil.example/z",
        "registry-1.docker.io/library/x",
        "registry.hub.docker.com/library/x",
        "localhost/x",
        "localhost:5000/x",
        "[fd00::1]/x",
        "Uppercase/lower",
        "docker.io/Upper",
        "DOCKER.IO/x",
        "Nginx",
        " nginx",
        "nginx ",
        "ngi\nnx",
        "",
        "nginx:tég",
        "nginx:",
        "nginx@",
        "nginx:a:b",
        "docker.io./nginx",
        "docker.io.evil.example/nginx",
        "docker.io:443/nginx",
        "https://docker.io/nginx",
        "docker://nginx",
        "user:pw@docker.io/nginx",
        "registry.corp/prod/app:1",
        "registry.corp:50000/a",
        "registry.example/docker.io/a",
        "registry.example:50800/docker.io/a",
        "quay.io/a//b",
        "quay.io/../a",
        "quay.io/a/../b",
        "quay.io/",
        "/nginx",
        "foo@bar/x",
    ];
    let plain = plain.map(str::to_owned).into_iter();
    plain.chain(at_gateway).chain(digests).collect()
}

/// What became of each name, where the Pod was taken; the names' order is kept.
fn tried(cluster: &Cluster, names: &[String]) -> BTreeMap<String, String> {
    let pods: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(at, name)| pod("shop", &format!("n{at}"), name))
        .collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": pods });
    serde_json::to_writer(&mut file, &list).unwrap();
    let shown = "jsonpath={.metadata.name} {.spec.containers[0].image}{\"\\n\"}";
    let path = file.path().to_str().unwrap();
    let run = cluster
        .kubectl()
        .run(&["create", "--dry-run=server", "-o", shown, "-f", path]);
    let lines = run.stdout.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(at, image)| {
            (
                names[at[1..].parse::<usize>().unwrap()].clone(),
                image.to_owned(),
            )
        })
        .collect()
}

#[test]
fn a_policy_rewrites_names_as_the_webhook_does_and_another_refuses_the_rest() {
    let cluster = or_skip!(Cluster::shared());
    let wanted: BTreeMap<String, String> = permitted().into_iter().collect();
    let names: Vec<String> = wanted.keys().cloned().chain(refused()).collect();
    assert_eq!(tried(cluster, &names), wanted);
}

#[test]
fn a_cluster_that_cannot_rewrite_permits_upstreams_by_their_names() {
    let cluster = or_skip!(Cluster::with_policies(Version::V1_34, &installation()));
    let permitted = permitted().into_iter().map(|(name, _)| name);
    let wanted: BTreeMap<String, String> = permitted.map(|name| (name.clone(), name)).collect();
    let names: Vec<String> = wanted.keys().cloned().chain(refused()).collect();
    assert_eq!(tried(&cluster, &names), wanted);
}

#[test]
fn without_mirror_files_only_names_at_the_gateway_pass() {
    let mut installation = installation();
    installation.nodes = NodeNames::RewriteOnly;
    let cluster = or_skip!(Cluster::with_policies(Version::V1_34, &installation));
    let names: Vec<String> = permitted().into_iter().map(|(name, _)| name).collect();
    let at_gateway = |name: &&String| name.starts_with(&format!("{GATEWAY}/"));
    let wanted: Vec<&String> = names.iter().filter(at_gateway).collect();
    let mut passed: Vec<String> = tried(&cluster, &names).into_keys().collect();
    passed.sort_by_key(|name| names.iter().position(|other| other == name));
    assert_eq!(passed.iter().collect::<Vec<_>>(), wanted);
}

#[tokio::test]
async fn the_webhook_reads_the_same_table_alike() {
    let (world, installation) = (World::start().await, installation());
    let upstreams = installation.upstreams.into_iter();
    let names = ImageNames {
        gateways: vec![installation.gateway],
        upstreams: upstreams.map(|route| (route.host, route.path)).collect(),
        default_host: RegistryHost::docker_hub(),
    };
    let cluster = webhook::ClusterPolicy {
        names,
        ..cluster(Exposure::External)
    };
    let door = Door::of(&world, cluster);
    let kept = refused().into_iter().map(|name| (name.clone(), name));
    for (written, named) in permitted().into_iter().chain(kept) {
        let mutated = door.mutated(&pod("shop", "p", &written)).await;
        let image = &mutated["spec"]["containers"][0]["image"];
        assert_eq!(*image, json!(named), "{written:?}");
    }
}

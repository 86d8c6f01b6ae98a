//! The webhook and the policies: the same names for the same Pods, and the same
//! Pods refused.

use std::collections::BTreeMap;

use serde_json::json;

use super::guarded::{AUDITED, Guarded};
use crate::lab::kubernetes::Version;
use crate::lab::or_skip;

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Names that Pods write. `GATEWAY` and `UPSTREAM` stand for the hosts of this test,
/// `HEX` for 64 digits of a digest.
const NAMES: [&str; 54] = [
    "nginx",
    "nginx:1.27",
    "user/app:1",
    "a__b/c---d/e.f:T_1.2-3",
    "docker.io/nginx",
    "index.docker.io/x",
    "index.docker.io/x/y",
    "test.com:5000",
    "quay.io",
    "nginx@sha256:HEX",
    "nginx:1@sha256:HEX",
    "x@sha512:HEXHEX",
    "HEX:1",
    "UPSTREAM/prod/app:1",
    "UPSTREAM/nginx",
    "GATEWAY/docker.io/library/nginx:1",
    "GATEWAY/docker.io/nginx",
    "GATEWAY/production/a@sha256:HEX",
    "GATEWAY/evil/a",
    "GATEWAY/docker.io",
    "GATEWAY/docker.io/",
    "GATEWAY/docker.iox/a",
    "GATEWAY/nginx",
    "GATEWAY/",
    "GATEWAY0/docker.io/nginx",
    "UPSTREAM0/a",
    "evil.example/z",
    "registry-1.docker.io/library/x",
    "registry.hub.docker.com/library/x",
    "localhost/x",
    "localhost:5000/x",
    "[fd00::1]/x",
    "[::1]:5000/x",
    "Uppercase/lower",
    "docker.io/Upper",
    "DOCKER.IO/x",
    "Nginx",
    "HEX",
    "x@md5:0123456789abcdef0123456789abcdef",
    "x@sha256:abc",
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
    "docker.io/a//b",
    "docker.io/../a",
    "/nginx",
    "foo@bar/x",
];

fn names(cluster: &Guarded) -> Vec<String> {
    let written = |name: &&str| {
        name.replace("GATEWAY", cluster.site.gateway.address())
            .replace("UPSTREAM", cluster.site.production.address())
            .replace("HEX", HEX)
    };
    NAMES.iter().map(written).collect()
}

/// What the API server makes of each, where it takes the Pod.
fn made(cluster: &Guarded, names: &[String]) -> BTreeMap<String, String> {
    let pod = |(at, name): (usize, &String)| {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": format!("n{at}"), "namespace": AUDITED },
            "spec": { "containers": [{ "name": "main", "image": name }] },
        })
    };
    let pods: Vec<_> = names.iter().enumerate().map(pod).collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": pods }).to_string();
    let shown = "jsonpath={.metadata.name} {.spec.containers[0].image}{\"\\n\"}";
    let create = ["create", "--dry-run=server", "-o", shown];
    let made = cluster.kubectl().on_file(&create, &list).stdout;
    let lines = made.lines().filter_map(|line| line.split_once(' '));
    let at = |number: &str| names[number[1..].parse::<usize>().unwrap()].clone();
    lines
        .map(|(number, image)| (at(number), image.to_owned()))
        .collect()
}

#[test]
fn webhook_and_policies_rewrite_and_refuse_alike() {
    let cluster = or_skip!(Guarded::with_webhooks(Version::V1_37));
    let names = names(&cluster);
    let by_webhook = made(&cluster, &names);
    let kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
    cluster
        .kubectl()
        .run(&["delete", kinds, "zz-sekisho-lab"])
        .expect_ok();
    cluster.until_left_alone();
    cluster.guard(&["policies"]);
    assert_eq!(made(&cluster, &names), by_webhook);
    assert_eq!(by_webhook.len(), 18, "{by_webhook:#?}");
}

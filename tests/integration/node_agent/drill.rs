//! What was pulled before it was revoked: refused, reinstated, and refused with one thing
//! after the other gone.

use super::stage::{Stage, WITHIN};
use crate::lab::{Agent, Release, eventually, or_skip};

#[test]
fn a_revocation_reaches_what_lies_on_a_node_with_everything_cut() {
    cut_one_after_the_other(Release::V2_4);
}

/// It names no digest: the agent asks its CRI.
#[test]
fn a_revocation_reaches_what_lies_on_a_node_with_an_older_containerd() {
    cut_one_after_the_other(Release::V1_7);
}

fn cut_one_after_the_other(release: Release) {
    let mut stage = or_skip!(Stage::open(release));
    stage.starts();
    let mut agent = stage.agent();
    stage.starts();

    stage.revoke();
    stage.becomes(Stage::is_refused, "a refusal");
    tells_what_to_do(&stage, &stage.refused());
    is_on_record(&stage);
    stage.reinstate();
    stage.becomes(Stage::is_created, "a container");
    stage.starts();
    stage.revoke();
    stage.becomes(Stage::is_refused, "another refusal");

    stage.site.gateway.kill();
    stage.refused();
    agent.kill();
    stage.create().unwrap();
    let agent = Agent::start(&stage.setup("agent"));
    stage.refused();
    stage.node.restart_runtime();
    stage.becomes(Stage::is_refused, "a refusal once it is asked again");
    agent.shows("sekisho_agent_gateway_reached 0");
    agent.has_seen_its_canary_refused();
}

fn tells_what_to_do(stage: &Stage, said: &str) {
    let image = &stage.image;
    let digests = [&image.digest, &image.config];
    assert!(digests.iter().any(|it| said.contains(*it)), "{said}");
    // One of the names under which it lies here, as the runtime chooses.
    let upstream = format!("{}/{}", stage.site.development.address(), image.by_tag());
    let names = [stage.site.at_gateway(image), upstream];
    let explain = |name: &String| said.contains(&format!("sekisho explain {name} "));
    assert!(names.iter().any(explain), "{said}");
}

fn is_on_record(stage: &Stage) {
    let decision = eventually("a decision", WITHIN, || stage.decisions().pop());
    for (key, value) in [
        ("verdict", "denied"),
        ("environment", "production"),
        ("principal", "nodes"),
        ("node", "node1"),
        ("namespace", "shop"),
        ("workload", "Pod/cart"),
        ("container", "main"),
    ] {
        assert_eq!(decision[key], value, "{key} of {decision:#}");
    }
    assert_eq!(decision["reasons"][0], "revoked", "{decision:#}");
}

//! What the lab's API servers are to the tests: two generations that differ in what
//! they offer, and that give nobody more than a role does.

use crate::lab::kubernetes::{ControlPlane, User, Version};
use crate::lab::or_skip;

use super::cluster::pod;

const MUTATING_POLICIES: &str = "mutatingadmissionpolicies";

#[test]
fn only_the_newer_generation_has_mutating_policies() {
    for version in Version::ALL {
        let control = or_skip!(ControlPlane::start(version));
        let group = ["api-resources", "--api-group=admissionregistration.k8s.io"];
        let resources = control.kubectl().run(&group).expect_ok();
        let has = resources.contains(MUTATING_POLICIES);
        assert_eq!(has, version == Version::V1_37, "{resources}");
    }
}

#[test]
fn developers_and_service_accounts_may_do_what_they_are_bound_to() {
    let control = or_skip!(ControlPlane::start(Version::V1_37));
    let kubectl = control.kubectl();
    kubectl.create_namespace("team");
    let deployer = ["-n", "team", "serviceaccount", "deployer"];
    kubectl
        .run(&[&["create"], &deployer[..]].concat())
        .expect_ok();
    let token = kubectl.run(&["create", "token", "-n", "team", "deployer"]);
    let deployer = control.kubeconfig_of("deployer", token.expect_ok().trim());
    let people = [
        control.kubectl_as(User::Developer),
        control.kubectl_by(deployer),
    ];
    let pod = pod("team", "app", "registry.example/app:1");
    for person in &people {
        let refused = person.apply(&pod).expect_failure();
        assert!(refused.contains("forbidden"), "{refused}");
    }
    let role = [
        "create",
        "role",
        "pods",
        "-n",
        "team",
        "--verb=*",
        "--resource=pods",
    ];
    kubectl.run(&role).expect_ok();
    let bind = ["create", "rolebinding", "pods", "-n", "team", "--role=pods"];
    let whom = ["--user=developer", "--serviceaccount=team:deployer"];
    kubectl.run(&[&bind[..], &whom].concat()).expect_ok();
    for person in &people {
        person.applied(&pod);
    }
}

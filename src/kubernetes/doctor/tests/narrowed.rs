//! Objects of ours that somebody made to do less, or more.

use serde_json::{Value, json};

use super::super::{ObjectList, Snapshot};
use super::cluster::{expected, healthy, installation, items, webhook_mut};
use super::whole::{found, of, wrong};
use crate::diagnosis::Gravity;
use crate::kubernetes::objects::{Endpoint, KubernetesVersion, webhook_configurations};

const MUTATE: &str = "pods.mutate.sekisho.internal";
const VALIDATE: &str = "pods.validate.sekisho.internal";
const TEMPLATES: &str = "templates.validate.sekisho.internal";
const NAME: &str = "kubernetes.io/metadata.name";

/// A cluster that rewrites by itself.
fn rewriting() -> Snapshot {
    let mut snapshot = healthy();
    let [_, _, policy, binding] = installation()
        .policies(KubernetesVersion::MUTATES)
        .try_into()
        .unwrap();
    snapshot.mutating_policies = items(vec![policy]);
    snapshot.mutating_policy_bindings = items(vec![binding]);
    snapshot
}

fn first(listed: &mut ObjectList) -> &mut Value {
    match listed {
        ObjectList::Items(items) => &mut items[0],
        _ => panic!("there are none"),
    }
}

/// Puts a value at a pointer; what ends in `/-` is put behind a list, which is made.
fn put(object: &mut Value, at: &str, value: Value) {
    let (parent, key) = at.rsplit_once('/').unwrap();
    if key == "-" {
        let (above, name) = parent.rsplit_once('/').unwrap();
        let list = &mut object.pointer_mut(above).unwrap()[name];
        match list {
            Value::Array(list) => list.push(value),
            list => *list = json!([value]),
        }
        return;
    }
    match object.pointer_mut(parent).unwrap() {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        parent => parent[key] = value,
    }
}

fn not_in(names: &[&str]) -> Value {
    json!({ "matchExpressions": [{ "key": NAME, "operator": "NotIn", "values": names }] })
}

fn rule(operation: &str, resource: &str) -> Value {
    json!({
        "operations": [operation], "apiGroups": [""], "apiVersions": ["v1"],
        "resources": [resource], "scope": "*",
    })
}

#[test]
fn a_webhook_that_was_made_to_do_less_is_wrong() {
    let nothing = json!({ "matchLabels": { "no": "where" } });
    let more = ["kube-system", "sekisho", "storage", "shop"];
    let off = json!({ "name": "off", "expression": "false" });
    let elsewhere = "/clusters/other/mutate";
    for (name, at, value, told) in [
        (VALIDATE, "/matchConditions/-", off, "/matchConditions/3"),
        (
            VALIDATE,
            "/matchConditions/0/expression",
            json!("!(request.namespace in ['kube-system', 'shop'])"),
            "/matchConditions/0",
        ),
        (
            VALIDATE,
            "/objectSelector",
            nothing.clone(),
            "/objectSelector",
        ),
        (
            VALIDATE,
            "/namespaceSelector",
            nothing,
            "/namespaceSelector",
        ),
        (
            VALIDATE,
            "/namespaceSelector",
            not_in(&more),
            "/namespaceSelector",
        ),
        (VALIDATE, "/rules/0/operations", json!(["UPDATE"]), "/rules"),
        (VALIDATE, "/rules/0/apiVersions", json!(["v2"]), "/rules"),
        (VALIDATE, "/rules/0/scope", json!("Cluster"), "/rules"),
        (
            VALIDATE,
            "/rules/0/resources",
            json!(["configmaps"]),
            "/rules",
        ),
        (VALIDATE, "/matchPolicy", json!("Exact"), "/matchPolicy"),
        (
            TEMPLATES,
            "/rules",
            json!([rule("CREATE", "pods")]),
            "/rules",
        ),
        (
            MUTATE,
            "/reinvocationPolicy",
            json!("Never"),
            "/reinvocationPolicy",
        ),
        (
            MUTATE,
            "/clientConfig/service/path",
            json!(elsewhere),
            "/clientConfig/service/path",
        ),
        (
            MUTATE,
            "/clientConfig/service/namespace",
            json!("shop"),
            "/clientConfig/service/namespace",
        ),
    ] {
        let mut snapshot = healthy();
        put(webhook_mut(&mut snapshot, name), at, value.clone());
        let told = format!(
            "zz-sekisho-prod/{name} does less than `sekisho kubernetes manifests` prints, by {told}"
        );
        let wrong = wrong(&snapshot, &expected());
        assert!(wrong.contains(&told), "{at} {value}: {wrong:#?}");
    }
}

#[test]
fn a_webhook_that_does_more_or_words_it_otherwise_is_not_wrong() {
    let all = json!([rule("*", "*"), rule("*", "*/*")]);
    for (at, value) in [
        ("/rules", all),
        ("/rules/-", rule("DELETE", "configmaps")),
        ("/rules/0/scope", json!("*")),
        ("/namespaceSelector", not_in(&["sekisho", "kube-system"])),
        ("/objectSelector", json!({})),
        ("/failurePolicy", json!("Fail")),
        ("/matchConditions", json!([])),
        (
            "/matchConditions/0/expression",
            json!("!(request.namespace in ['kube-system', 'sekisho'])"),
        ),
        ("/timeoutSeconds", json!(3)),
        ("/added", json!("by a later API server")),
    ] {
        let mut snapshot = healthy();
        put(webhook_mut(&mut snapshot, VALIDATE), at, value.clone());
        assert_eq!(wrong(&snapshot, &expected()), [""; 0], "{at} {value}");
    }
}

#[test]
fn a_webhook_that_lets_pass_what_is_to_be_refused_is_wrong() {
    let mut expected = expected();
    for objects in [
        &mut expected.printed.at_home,
        &mut expected.printed.elsewhere,
    ] {
        put(&mut objects[1], "/webhooks/0/failurePolicy", json!("Fail"));
    }
    let wrong = wrong(&healthy(), &expected);
    assert_eq!(wrong.len(), 1, "{wrong:#?}");
    assert!(
        wrong[0].ends_with("prints, by /failurePolicy"),
        "{wrong:#?}"
    );
}

/// Its own namespace is exempt only where the program runs in the cluster.
#[test]
fn a_webhook_of_a_gateway_elsewhere_is_compared_as_it_is_printed_for_that() {
    let mut expected = expected();
    expected.runs_here = false;
    for (endpoint, runs_here, told) in [
        ("https://gate.example:5443", false, None),
        ("https://proxy.example/sekisho", false, None),
        ("https://sekisho.sekisho.svc:443", true, None),
        (
            "https://gate.example:5443",
            true,
            Some("by /namespaceSelector"),
        ),
    ] {
        let mut installation = installation();
        installation.runs_here = runs_here;
        installation.endpoint = Endpoint::Url(endpoint.to_owned());
        let [mutating, validating] = webhook_configurations(&installation).try_into().unwrap();
        let mut snapshot = healthy();
        snapshot.mutating = items(vec![mutating]);
        snapshot.validating = items(vec![validating]);
        let wrong = wrong(&snapshot, &expected);
        match told {
            None => assert_eq!(wrong, [""; 0], "{endpoint}"),
            Some(told) => assert!(wrong.iter().any(|what| what.ends_with(told)), "{wrong:#?}"),
        }
    }
    let mut snapshot = healthy();
    let client = json!({ "url": "https://gate.example:5443/clusters/other/validate" });
    webhook_mut(&mut snapshot, VALIDATE)["clientConfig"] = client;
    expected.runs_here = true;
    let wrong = wrong(&snapshot, &expected);
    assert!(
        wrong
            .iter()
            .any(|what| what.ends_with("by /clientConfig/url")),
        "{wrong:#?}"
    );
}

#[test]
fn a_policy_that_was_made_to_do_less_is_wrong() {
    const SCOPE: &str = "/spec/matchConstraints";
    let off = json!({ "name": "off", "expression": "false" });
    let nothing = json!({ "matchLabels": { "no": "where" } });
    let rules = format!("{SCOPE}/resourceRules");
    for (at, value, told) in [
        (
            "/spec/validations/0/expression",
            json!("true"),
            "/spec/validations/0",
        ),
        (
            "/spec/variables/4/expression",
            json!("[]"),
            "/spec/variables/4",
        ),
        (
            "/spec/failurePolicy",
            json!("Ignore"),
            "/spec/failurePolicy",
        ),
        ("/spec/matchConditions/-", off, "/spec/matchConditions/3"),
        (
            "/spec/paramKind",
            json!({ "kind": "ConfigMap" }),
            "/spec/paramKind",
        ),
        (
            "/spec/matchConstraints/resourceRules",
            json!([rule("CREATE", "configmaps")]),
            &rules,
        ),
        (
            "/spec/matchConstraints/resourceRules/0/resourceNames",
            json!(["one"]),
            &rules,
        ),
        (
            "/spec/matchConstraints/excludeResourceRules/-",
            rule("CREATE", "pods"),
            "/spec/matchConstraints/excludeResourceRules",
        ),
        (
            "/spec/matchConstraints/namespaceSelector",
            not_in(&["shop"]),
            "/spec/matchConstraints/namespaceSelector",
        ),
        (
            "/spec/matchConstraints/objectSelector",
            nothing,
            "/spec/matchConstraints/objectSelector",
        ),
        (
            "/spec/matchConstraints/matchPolicy",
            json!("Exact"),
            "/spec/matchConstraints/matchPolicy",
        ),
    ] {
        let mut snapshot = healthy();
        put(first(&mut snapshot.policies), at, value.clone());
        let told = format!(
            "the ValidatingAdmissionPolicy sekisho-registries-prod does less than `sekisho kubernetes manifests` prints, by {told}"
        );
        assert_eq!(wrong(&snapshot, &expected()), [told], "{at} {value}");
    }
}

#[test]
fn a_binding_that_was_made_to_do_less_is_wrong() {
    let nothing = json!({ "matchLabels": { "no": "where" } });
    let rules = json!({ "resourceRules": [rule("CREATE", "configmaps")] });
    for (at, value, told) in [
        ("/spec/policyName", json!("other"), "/spec/policyName"),
        ("/spec/paramRef", json!({ "name": "x" }), "/spec/paramRef"),
        (
            "/spec/matchResources",
            json!({ "namespaceSelector": nothing }),
            "/spec/matchResources/namespaceSelector",
        ),
        (
            "/spec/matchResources",
            json!({ "objectSelector": nothing }),
            "/spec/matchResources/objectSelector",
        ),
        (
            "/spec/matchResources",
            rules,
            "/spec/matchResources/resourceRules",
        ),
    ] {
        let mut snapshot = healthy();
        put(first(&mut snapshot.policy_bindings), at, value.clone());
        let told = format!(
            "the ValidatingAdmissionPolicyBinding sekisho-registries-prod does less than `sekisho kubernetes manifests` prints, by {told}"
        );
        assert_eq!(wrong(&snapshot, &expected()), [told], "{at} {value}");
    }
}

#[test]
fn a_policy_that_does_more_or_words_it_otherwise_is_not_wrong() {
    let further = json!({ "expression": "false", "message": "never" });
    let taken = json!({
        "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {},
        "resourceRules": [rule("*", "pods"), rule("*", "pods/*")],
    });
    let mut snapshot = healthy();
    let policy = first(&mut snapshot.policies);
    put(policy, "/spec/validations/-", further);
    put(
        policy,
        "/spec/validations/0/message",
        json!("ask the platform team"),
    );
    put(
        policy,
        "/spec/variables/-",
        json!({ "name": "more", "expression": "1" }),
    );
    put(policy, "/spec/matchConstraints/objectSelector", json!({}));
    put(
        first(&mut snapshot.policy_bindings),
        "/spec/matchResources",
        taken,
    );
    assert_eq!(wrong(&snapshot, &expected()), [""; 0]);
}

#[test]
fn the_policy_that_rewrites_is_whole_or_wrong() {
    let sound = rewriting();
    assert_eq!(wrong(&sound, &expected()), [""; 0]);
    let name = "sekisho-rewrite-prod";

    let mut unbound = rewriting();
    unbound.mutating_policy_bindings = items(Vec::new());
    let told = format!("the MutatingAdmissionPolicyBinding {name} is not there");
    assert_eq!(wrong(&unbound, &expected()), [told]);

    let mut idle = rewriting();
    put(
        first(&mut idle.mutating_policies),
        "/spec/mutations/0/jsonPatch/expression",
        json!("[]"),
    );
    let told = format!(
        "the MutatingAdmissionPolicy {name} does less than `sekisho kubernetes manifests` prints, by /spec/mutations"
    );
    assert_eq!(wrong(&idle, &expected()), [told]);

    let mut none = rewriting();
    none.mutating_policies = items(Vec::new());
    none.mutating_policy_bindings = items(Vec::new());
    let found = found(&none, &expected());
    assert_eq!(of(&found, Gravity::Wrong), [""; 0]);
    let notes = of(&found, Gravity::Note);
    assert!(
        notes.contains(&format!("there is no MutatingAdmissionPolicy {name}")),
        "{notes:#?}"
    );
}

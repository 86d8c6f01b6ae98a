//! Every Pod of ours is gone: what does the API server still let through?
//!
//! The rules and selectors that are printed are applied here as the API server
//! applies them. Conditions only narrow them further, so they are left out.

use serde_json::Value;

use super::sample::{everything, of_kind};

/// A request, as far as rules and selectors look at it.
struct Request {
    group: &'static str,
    resource: &'static str,
    operation: &'static str,
    /// `None`: the object lies in no namespace.
    namespace: Option<&'static str>,
}

/// What must go on whatever becomes of us.
const VITAL: [Request; 11] = [
    create("", "pods", Some("sekisho")),
    create("", "pods", Some("kube-system")),
    create("", "pods", Some("storage")),
    create("apps", "deployments", Some("sekisho")),
    create("apps", "replicasets", Some("sekisho")),
    create("apps", "daemonsets", Some("kube-system")),
    create("", "nodes", None),
    create("coordination.k8s.io", "leases", Some("kube-node-lease")),
    create("certificates.k8s.io", "certificatesigningrequests", None),
    create("", "secrets", Some("shop")),
    create("", "namespaces", None),
];

const fn create(
    group: &'static str,
    resource: &'static str,
    namespace: Option<&'static str>,
) -> Request {
    Request {
        group,
        resource,
        operation: "CREATE",
        namespace,
    }
}

/// The scopes of all webhooks and policies: their rules, and their selector.
fn scopes(objects: &[Value]) -> Vec<(Vec<Value>, Value)> {
    let mut scopes = Vec::new();
    for kind in [
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ] {
        for configuration in of_kind(objects, kind) {
            for webhook in configuration["webhooks"].as_array().unwrap() {
                scopes.push(scope(&webhook["rules"], &webhook["namespaceSelector"]));
            }
        }
    }
    for kind in ["ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"] {
        for policy in of_kind(objects, kind) {
            let matched = &policy["spec"]["matchConstraints"];
            scopes.push(scope(
                &matched["resourceRules"],
                &matched["namespaceSelector"],
            ));
        }
    }
    scopes
}

fn scope(rules: &Value, selector: &Value) -> (Vec<Value>, Value) {
    (rules.as_array().unwrap().clone(), selector.clone())
}

fn matches((rules, selector): &(Vec<Value>, Value), request: &Request) -> bool {
    rules.iter().any(|rule| rule_matches(rule, request)) && selects(selector, request.namespace)
}

fn rule_matches(rule: &Value, request: &Request) -> bool {
    let names = |field: &str, word: &str| {
        let words = rule[field].as_array().unwrap();
        words.iter().any(|item| item == word || item == "*")
    };
    let scoped = match rule["scope"].as_str() {
        Some("Namespaced") => request.namespace.is_some(),
        _ => true,
    };
    scoped
        && names("apiGroups", request.group)
        && names("resources", request.resource)
        && names("operations", request.operation)
}

/// What lies in no namespace is selected by every selector.
fn selects(selector: &Value, namespace: Option<&str>) -> bool {
    let Some(namespace) = namespace else {
        return true;
    };
    let needs = selector["matchExpressions"].as_array().unwrap();
    needs.iter().all(|need| {
        assert_eq!(need["key"], "kubernetes.io/metadata.name");
        assert_eq!(need["operator"], "NotIn");
        !need["values"]
            .as_array()
            .unwrap()
            .iter()
            .any(|value| value == namespace)
    })
}

#[test]
fn nothing_of_ours_stands_before_what_the_cluster_needs_to_come_back() {
    let scopes = scopes(&everything());
    assert_eq!(scopes.len(), 5);
    for request in VITAL {
        for scope in &scopes {
            let place = format!("{} in {:?}", request.resource, request.namespace);
            assert!(!matches(scope, &request), "{place} is matched by {scope:?}");
        }
    }
}

#[test]
fn other_pods_and_containers_added_to_them_are_seen_by_all_that_look_at_pods() {
    let pods = [
        create("", "pods", Some("shop")),
        Request {
            operation: "UPDATE",
            ..create("", "pods", Some("shop"))
        },
        Request {
            operation: "UPDATE",
            ..create("", "pods/ephemeralcontainers", Some("shop"))
        },
    ];
    for request in pods {
        let found = scopes(&everything());
        let seen = found
            .iter()
            .filter(|scope| matches(scope, &request))
            .count();
        assert_eq!(seen, 4, "{} {}", request.operation, request.resource);
    }
    let status = Request {
        operation: "UPDATE",
        ..create("", "pods/status", Some("shop"))
    };
    assert!(
        !scopes(&everything())
            .iter()
            .any(|scope| matches(scope, &status))
    );
}

#[test]
fn every_scope_repeats_its_exemptions_as_a_condition() {
    let objects = everything();
    let mut seen = 0;
    for object in &objects {
        let webhooks = object["webhooks"].as_array().cloned().unwrap_or_default();
        let policy = &object["spec"];
        for conditions in webhooks
            .iter()
            .map(|webhook| &webhook["matchConditions"])
            .chain([&policy["matchConditions"]])
            .filter_map(Value::as_array)
        {
            let expression = "!(request.namespace in ['sekisho', 'kube-system', 'storage'])";
            assert_eq!(conditions[0]["expression"], expression);
            seen += 1;
        }
    }
    assert_eq!(seen, 5);
}

//! What single objects say.

use serde_json::{Value, json};

use super::sample::{everything, installation, of_kind, program, version};
use crate::kubernetes::objects::{
    Endpoint, FailurePolicy, NamespaceRule, NodeNames, Replicas, list, webhook_configurations,
};

fn webhooks(configurations: &[Value]) -> Vec<Value> {
    let each = configurations.iter();
    each.flat_map(|object| object["webhooks"].as_array().unwrap().clone())
        .collect()
}

#[test]
fn webhooks_are_reached_by_the_service_in_the_own_namespace() {
    let configurations = webhook_configurations(&installation());
    for object in &configurations {
        assert_eq!(object["metadata"]["name"], "zz-sekisho-prod");
    }
    let clients: Vec<Value> = webhooks(&configurations)
        .iter()
        .map(|webhook| webhook["clientConfig"]["service"]["path"].clone())
        .collect();
    assert_eq!(
        clients,
        [
            "/clusters/prod/mutate",
            "/clusters/prod/validate",
            "/clusters/prod/validate"
        ]
    );
    let service = &webhooks(&configurations)[0]["clientConfig"]["service"];
    assert_eq!(
        (&service["namespace"], &service["name"], &service["port"]),
        (&json!("sekisho"), &json!("sekisho"), &json!(443))
    );
}

#[test]
fn a_webhook_outside_is_reached_by_its_url_under_the_bundle_given() {
    let mut installation = installation();
    installation.endpoint = Endpoint::Url("https://gate.example:5443".to_owned());
    installation.ca_bundle = Some("PEM".to_owned());
    let client = &webhooks(&webhook_configurations(&installation))[0]["clientConfig"];
    let url = "https://gate.example:5443/clusters/prod/mutate";
    assert_eq!(client, &json!({ "url": url, "caBundle": "UEVN" }));
}

/// Where it does not run, whoever may make namespaces could take its name and go free.
#[test]
fn a_namespace_by_sekishos_name_is_exempt_only_where_it_runs() {
    let outside = "https://gate.example:5443";
    for (url, runs_here, is_exempt) in [
        (None, false, true),
        (Some("https://sekisho.sekisho.svc:5443"), false, true),
        (Some(outside), true, true),
        (Some(outside), false, false),
        (Some("https://sekisho.other.svc:5443"), false, false),
        (Some("https://sekisho.sekisho.example"), false, false),
    ] {
        let mut installation = installation();
        let url = url.map(|url| Endpoint::Url(url.to_owned()));
        installation.endpoint = url.clone().unwrap_or(Endpoint::Service);
        installation.runs_here = runs_here;
        let mut objects = webhook_configurations(&installation);
        objects.extend(installation.policies(version("1.36")));
        let text = serde_json::to_string(&objects).unwrap();
        let (selectors, conditions) = (
            text.matches("\"values\":[\"sekisho\",\"kube-system\",")
                .count(),
            text.matches("in ['sekisho', 'kube-system', ").count(),
        );
        assert_eq!(
            selectors > 4 && selectors == conditions,
            is_exempt,
            "{url:?}"
        );
        assert_eq!(selectors + conditions > 0, is_exempt, "{url:?}");
        assert!(text.contains("kube-system"));
    }
}

#[test]
fn only_the_judgement_of_pods_can_be_made_to_fail_closed() {
    let mut installation = installation();
    installation.failure_policy = FailurePolicy::Fail;
    let policies: Vec<(Value, Value)> = webhooks(&webhook_configurations(&installation))
        .iter()
        .map(|webhook| (webhook["name"].clone(), webhook["failurePolicy"].clone()))
        .collect();
    assert_eq!(
        policies,
        [
            (json!("pods.mutate.sekisho.internal"), json!("Ignore")),
            (json!("pods.validate.sekisho.internal"), json!("Fail")),
            (
                json!("templates.validate.sekisho.internal"),
                json!("Ignore")
            ),
        ]
    );
}

#[test]
fn an_older_cluster_gets_no_policy_that_it_does_not_know() {
    let kinds = |text: &str| -> Vec<Value> {
        let policies = installation().policies(version(text));
        policies
            .iter()
            .map(|object| object["kind"].clone())
            .collect()
    };
    let validating = [
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ];
    assert_eq!(kinds("1.35"), validating);
    assert_eq!(kinds("1.36")[..2], validating);
    assert_eq!(
        kinds("v1.37.2")[2..],
        ["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"]
    );
}

#[test]
fn names_of_upstreams_pass_only_where_nodes_have_our_mirror_files() {
    let refused = |nodes: NodeNames| {
        let mut installation = installation();
        installation.nodes = nodes;
        let policies = installation.policies(version("1.30"));
        let variables = policies[0]["spec"]["variables"].as_array().unwrap();
        variables.last().unwrap()["expression"].to_string()
    };
    assert!(refused(NodeNames::Mirror).contains("'index.docker.io'"));
    assert!(!refused(NodeNames::RewriteOnly).contains("'index.docker.io'"));
    for nodes in [NodeNames::Mirror, NodeNames::RewriteOnly] {
        assert!(refused(nodes).contains("i.host in ['registry.example:5080'] "));
        assert!(refused(nodes).contains("in ['docker.io', 'corp']"));
    }
}

#[test]
fn rights_reach_only_what_is_named_or_followed() {
    let objects = everything();
    let roles = of_kind(&objects, "ClusterRole").into_iter();
    let rules = roles
        .chain(of_kind(&objects, "Role"))
        .flat_map(|role| role["rules"].as_array().unwrap());
    let mut unnamed = Vec::new();
    for rule in rules {
        assert!(!rule.to_string().contains('*'), "{rule}");
        let followed = rule["verbs"] == json!(["list", "watch"]);
        if !followed && rule["resourceNames"].is_null() {
            unnamed.push((rule["resources"][0].clone(), rule["verbs"].clone()));
        }
    }
    let secrets = (json!("secrets"), json!(["create"]));
    let events = (json!("events"), json!(["create", "patch"]));
    assert_eq!(unnamed, [events, secrets]);
}

#[test]
fn namespaces_that_are_not_rewritten_are_left_out_by_the_first_rule_that_matches() {
    let condition = |rules: &[(&str, bool)]| {
        let mut installation = installation();
        let rule = |(glob, rewrite): &(&str, bool)| {
            NamespaceRule::new(&[(*glob).to_owned()], *rewrite).unwrap()
        };
        installation.namespaces = rules.iter().map(rule).collect();
        let policies = installation.policies(version("1.36"));
        policies[2]["spec"]["matchConditions"][3]["expression"].clone()
    };
    assert_eq!(condition(&[("db-*", true)]), Value::Null);
    assert_eq!(
        condition(&[("db-main", true), ("db-*", false), ("web", true)]),
        "request.namespace.matches('^db\\\\-main$') ? true : \
         request.namespace.matches('^db\\\\-.*$') ? false : true"
    );
}

#[test]
fn one_pod_runs_and_never_two() {
    let objects = installation().workload(&program()).unwrap();
    let deployment = of_kind(&objects, "Deployment")[0];
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert_eq!(deployment["spec"]["strategy"]["type"], "Recreate");
    let budget = &of_kind(&objects, "PodDisruptionBudget")[0]["spec"];
    assert_eq!(
        (&budget["maxUnavailable"], &budget["minAvailable"]),
        (&json!(1), &Value::Null)
    );
}

#[test]
fn replicas_over_one_ledger_are_spread_and_make_way_for_one_another() {
    let mut program = program();
    program.replicas = Replicas::Shared(3);
    let objects = installation().workload(&program).unwrap();
    let spec = &of_kind(&objects, "Deployment")[0]["spec"];
    assert_eq!(spec["replicas"], 3);
    let rolling = json!({ "maxUnavailable": 0, "maxSurge": 1 });
    assert_eq!(spec["strategy"]["rollingUpdate"], rolling);
    let pod = &spec["template"]["spec"];
    let spread = pod["topologySpreadConstraints"].as_array().unwrap();
    assert_eq!(spread[0]["topologyKey"], "kubernetes.io/hostname");
    assert_eq!(spread[0]["nodeTaintsPolicy"], "Honor", "a drain would stop");
    assert!(of_kind(&objects, "PersistentVolumeClaim").is_empty());
    let data = pod["volumes"].as_array().unwrap().last().unwrap();
    assert!(data["ephemeral"].is_object(), "each has its own: {data}");
}

#[test]
fn the_admin_api_is_opened_only_where_it_listens_for_others() {
    let ports = |admin: Option<u16>| {
        let mut program = program();
        program.ports.admin = admin;
        let objects = installation().workload(&program).unwrap();
        of_kind(&objects, "Service")[0]["spec"]["ports"].to_string()
    };
    assert!(!ports(None).contains("admin"));
    assert!(ports(Some(5081)).contains("5081"));
}

#[test]
fn a_program_gets_one_list() {
    let all = list(everything());
    assert_eq!(all["kind"], "List");
    assert_eq!(all["items"].as_array().unwrap().len(), 21);
}

//! `[webhook]` and `[[clusters]]`.

use super::*;

const CLUSTER: &str = "[[clusters]]\nname = \"a\"\ngateway = \"g.example:5080\"\n";

fn read(more: &str) -> Result<Config, Vec<String>> {
    let (_folder, file) = written(&format!("data_dir = \"data\"\n{more}"));
    let config = Config::load(Some(&file), home, now());
    config.map_err(|found| {
        let problems = found.problems.iter();
        problems
            .map(|it| format!("{}: {}", it.key, it.text))
            .collect()
    })
}

#[test]
fn a_cluster_needs_no_more_than_a_name_and_a_gateway() {
    let config = read(&format!("[webhook]\n{CLUSTER}")).unwrap();
    let (webhook, cluster) = (config.webhook.as_ref().unwrap(), &config.clusters[0]);
    assert_eq!(webhook.address.to_string(), "0.0.0.0:5443");
    assert_eq!(webhook.tls, TlsConfig::Auto);
    assert!(config.wants_authority());
    assert_eq!(cluster.environment.as_str(), "production");
    assert_eq!(cluster.exposure, Exposure::External);
    assert_eq!(cluster.nodes, NodeMode::RewriteOnly);
    assert_eq!(cluster.exempt_namespaces, ["kube-system"]);
    assert_eq!((&cluster.namespace, cluster.home()), (&None, "sekisho"));
    assert!(cluster.pin_digests && !cluster.allow_never && !cluster.events);
    assert!(read("").unwrap().webhook.is_none());
}

#[test]
fn the_first_matching_rule_of_namespaces_is_kept_in_order() {
    let rules = "namespaces = [{ match = [\"legacy-*\", \"old\"], mode = \"audit\" }, { match = [\"*\"] }]\n";
    let config = read(&format!("[webhook]\n{CLUSTER}{rules}")).unwrap();
    let rules = &config.clusters[0].namespaces;
    assert!(rules[0].matching.is_match("legacy-shop") && !rules[0].matching.is_match("shop"));
    assert_eq!((rules[0].mode, rules[1].mode), (Some(Mode::Audit), None));
}

#[test]
fn what_does_not_hold_together_is_reported_with_its_key() {
    for (text, problem) in [
        ("[webhook]\n".to_owned(), "clusters: is missing"),
        (
            format!("{CLUSTER}{CLUSTER}"),
            "clusters[1].name: a stands twice",
        ),
        (
            "[[clusters]]\nname = \"a\"\n".to_owned(),
            "clusters[0].gateway: is missing",
        ),
        (
            format!("{CLUSTER}exempt_namespaces = [\"kube-*\"]\n"),
            "clusters[0].exempt_namespaces: \"kube-*\" is no namespace",
        ),
        (
            format!("{CLUSTER}namespaces = [{{ match = [] }}]\n"),
            "namespaces[0].match: names no namespace",
        ),
        (
            format!("{CLUSTER}namespaces = [{{ match = [\"x\"], rewrite = false }}]\n"),
            "namespaces[0].rewrite: is false",
        ),
        (
            format!("{CLUSTER}namespaces = [{{ match = [\"[\"] }}]\n"),
            "namespaces[0].match: error parsing glob",
        ),
        (
            format!("{CLUSTER}nodes = \"mirrors\"\n"),
            "clusters[0].nodes: \"mirrors\" is not known",
        ),
        (
            format!("{CLUSTER}pull_secrets = \"x\"\n"),
            "clusters[0].pull_secrets: is unknown",
        ),
        (
            format!("{CLUSTER}pull_secret = \"A B\"\n"),
            "clusters[0].pull_secret: \"A B\" names no Secret",
        ),
        (
            format!("{CLUSTER}environment = \"prod\"\n"),
            "clusters[0].environment: prod is not defined",
        ),
        (
            "[[clusters]]\nname = \"A_b\"\ngateway = \"g\"\n".to_owned(),
            "clusters[0].name: \"A_b\" is no DNS label",
        ),
        (
            format!("[webhook]\nnames = [\"https://x\"]\n{CLUSTER}"),
            "webhook.names: \"https://x\" is no host",
        ),
        (
            format!("{CLUSTER}exposure = \"internal\"\n"),
            "clusters[0].exposure: is internal, and every listener of production behind \
             g.example:5080 is external",
        ),
        (
            "[[clusters]]\nname = \"a\"\ngateway = \"docker.io\"\n".to_owned(),
            "clusters[0].gateway: docker.io is a registry's own name",
        ),
        (
            format!("[[upstreams]]\nname = \"g.example:5080\"\npath = \"g\"\n{CLUSTER}"),
            "clusters[0].gateway: g.example:5080 is a registry's own name",
        ),
        (
            format!("{CLUSTER}kubeconfig = \"absent\"\n"),
            "clusters[0].kubeconfig: cannot read",
        ),
    ] {
        let problems = read(&text).unwrap_err();
        assert!(
            problems.iter().any(|it| it.contains(problem)),
            "{problem} is not in {problems:?}"
        );
    }
}

#[test]
fn what_is_allowed_and_dangerous_is_warned_of() {
    let listener = "[[listeners]]\naddress = \"127.0.0.1:5080\"\nexposure = \"internal\"\n";
    let config = read(&format!("{listener}{CLUSTER}exempt_namespaces = []\n")).unwrap();
    let warnings: Vec<String> = config.all_warnings().map(|it| it.to_string()).collect();
    assert_eq!(config.clusters[0].exempt_namespaces, ["kube-system"]);
    let said = "no listener behind g.example:5080 serves production/external";
    assert!(
        warnings.iter().any(|it| it.contains(said)),
        "{said} is not in {warnings:?}"
    );
}

#[test]
fn what_is_not_known_of_clusters_is_warned_of() {
    let other = CLUSTER.replace("\"a\"", "\"b\"");
    let config = read(&format!("{CLUSTER}events = true\n{other}")).unwrap();
    let warnings: Vec<String> = config.all_warnings().map(|it| it.to_string()).collect();
    for said in [
        "clusters[0].events: tells of Pods that the webhook denies",
        "clusters: none of a, b has a kubeconfig",
    ] {
        assert!(
            warnings.iter().any(|it| it.contains(said)),
            "{said} is not in {warnings:?}"
        );
    }
    let config = read(&format!("[webhook]\n{CLUSTER}events = true\n")).unwrap();
    let mut warnings = config.all_warnings().map(|it| it.to_string());
    assert!(!warnings.any(|it| it.contains("events") || it.contains("kubeconfig")));
}

/// However many others there are, Pods pull from the one that the gateway leads to.
#[test]
fn compares_a_cluster_with_the_listener_behind_its_gateway() {
    let listeners = "[[listeners]]\naddress = \"127.0.0.1:5080\"\n\
                     [[listeners]]\naddress = \"127.0.0.1:5090\"\nexposure = \"internal\"\n\
                     repositories = [\"docker.io/library/narrow\"]\n";
    let at = |port: &str| {
        let cluster = format!(
            "[[clusters]]\nname = \"a\"\ngateway = \"g.example{port}\"\nexposure = \"internal\"\n"
        );
        read(&format!("{listeners}{cluster}"))
    };
    let warned = |port: &str| {
        let config = at(port).unwrap();
        let mut warnings = config.all_warnings().map(|it| it.to_string());
        warnings.any(|it| it.contains("clusters[0].exposure"))
    };
    let problems = at(":5080").unwrap_err();
    assert!(problems[0].contains("behind g.example:5080 is external"));
    assert!(!warned(":5090"));
    assert!(warned("") && warned(":30080"));
}

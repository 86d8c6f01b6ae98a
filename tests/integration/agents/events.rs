//! What agents tell.

use sekisho::api::{NODE_EVENTS, NodeContainer, NodeDenial, NodeEventBatch};
use sekisho::oci::Digest;
use serde_json::{Value, json};

use super::stage::{Pulled, STAGING, agent, gateway, pulled, revoke};
use crate::kit::lab::{Answer, Ask, Lab, NAME, eventually};

async fn tell(lab: &Lab, token: &str, batch: &NodeEventBatch) -> Answer {
    let address = lab.app().registries()[STAGING];
    let ask = Ask::new(address, "POST", NODE_EVENTS).token(token);
    ask.json(&serde_json::to_value(batch).unwrap()).send().await
}

async fn taken(lab: &Lab, token: &str, batch: &NodeEventBatch) {
    let answer = tell(lab, token, batch).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
}

fn container(id: &str, image: &Pulled) -> NodeContainer {
    NodeContainer {
        id: id.to_owned(),
        namespace: "shop".to_owned(),
        pod: format!("cart-{id}"),
        pod_uid: format!("uid-{id}"),
        container: "cart".to_owned(),
        image: format!("registry.example/{NAME}:1"),
        digests: vec![image.manifest.to_string(), image.config.to_string()],
    }
}

fn batch() -> NodeEventBatch {
    NodeEventBatch {
        environment: "staging".to_owned(),
        node: "node-1".to_owned(),
        ..NodeEventBatch::default()
    }
}

fn denial(lab: &Lab, image: &Pulled, reason: &str) -> NodeDenial {
    NodeDenial {
        at: lab.parts().gate.now(),
        count: 3,
        refused: true,
        reason: reason.to_owned(),
        digest: Some(image.manifest.to_string()),
        exemption: None,
        container: container("a", image),
    }
}

async fn decisions(lab: &Lab) -> Vec<Value> {
    let found = lab.api("GET", "/api/v1/decisions").send().await.expect(200);
    let found = found["decisions"].as_array().unwrap().clone();
    found
        .into_iter()
        .filter(|it| it["door"] == "node")
        .collect()
}

#[tokio::test]
async fn a_refusal_on_a_node_is_a_decision_that_says_where() {
    let lab = gateway("mode = \"enforce\"").await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    let mut told = batch();
    told.denials = vec![
        denial(&lab, &image, "revoked"),
        denial(&lab, &image, "canary"),
    ];
    taken(&lab, &token, &told).await;
    eventually("it is on record", || async {
        !decisions(&lab).await.is_empty()
    })
    .await;
    let found = decisions(&lab).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    let decision = &found[0];
    for (key, value) in [
        ("verdict", json!("denied")),
        ("environment", json!("staging")),
        ("principal", json!("nodes-staging")),
        ("node", json!("node-1")),
        ("namespace", json!("shop")),
        ("workload", json!("Pod/cart-a")),
        ("container", json!("cart")),
        ("reasons", json!(["revoked"])),
        ("digest", json!(image.manifest.to_string())),
        ("upstream", json!("registry.example")),
    ] {
        assert_eq!(decision[key], value, "{key} of {decision:#}");
    }
    // The same again, as a replay or a kubelet that tries again.
    taken(&lab, &token, &told).await;
    assert_eq!(decisions(&lab).await.len(), 1);
    let exempt = NodeDenial {
        refused: false,
        exemption: Some("static-pod".to_owned()),
        container: container("b", &image),
        ..denial(&lab, &image, "revoked")
    };
    told.denials = vec![exempt];
    taken(&lab, &token, &told).await;
    eventually("what only would be refused is told apart", || async {
        let found = decisions(&lab).await;
        found.iter().any(|it| it["verdict"] == "would-deny")
    })
    .await;
    lab.stop().await;
}

/// One container that is only warned of, then refused: both within the minute in which the
/// same denial is one decision.
#[tokio::test]
async fn what_was_let_through_and_then_refused_is_two_decisions() {
    let lab = gateway("mode = \"enforce\"").await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    for refused in [false, true] {
        let mut told = batch();
        told.denials = vec![NodeDenial {
            refused,
            exemption: (!refused).then(|| "static-pod".to_owned()),
            ..denial(&lab, &image, "revoked")
        }];
        taken(&lab, &token, &told).await;
    }
    eventually("both are on record", || async {
        decisions(&lab).await.len() == 2
    })
    .await;
    let found = decisions(&lab).await;
    let verdict = |word: &str| found.iter().filter(|it| it["verdict"] == word).count();
    assert_eq!(
        (verdict("would-deny"), verdict("denied")),
        (1, 1),
        "{found:?}"
    );
    lab.stop().await;
}

async fn runs(lab: &Lab, digest: &Digest) -> bool {
    let all = lab.api("GET", "/api/v1/images").send().await.expect(200);
    let images = all["images"].as_array().unwrap();
    let image = images.iter().find(|it| it["digest"] == digest.to_string());
    image.is_some_and(|it| it["pods"].as_array().is_some_and(|pods| !pods.is_empty()))
}

#[tokio::test]
async fn what_runs_on_nodes_is_in_use_without_a_clusters_api() {
    let lab = gateway("mode = \"enforce\"").await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    let mut told = batch();
    told.anew = true;
    told.started = vec![container("a", &image), container("b", &image)];
    taken(&lab, &token, &told).await;
    eventually("the image's page names its Pods", || {
        runs(&lab, &image.manifest)
    })
    .await;
    revoke(&lab, &lab.token, &image.named).await;
    eventually("it runs and would be denied", || async {
        let found = lab.parts().ledger.denied_in_use(0, None).await.unwrap();
        found.iter().any(|it| it.denied.is_running)
    })
    .await;
    let mut ended = batch();
    ended.ended = vec!["a".to_owned(), "b".to_owned()];
    taken(&lab, &token, &ended).await;
    eventually("what ended runs no more", || async {
        !runs(&lab, &image.manifest).await
    })
    .await;
    // After a restart of the gateway it is still known.
    taken(&lab, &token, &told).await;
    let lab = lab.restarted().await;
    eventually("it is known after a restart", || {
        runs(&lab, &image.manifest)
    })
    .await;
    lab.stop().await;
}

#[tokio::test]
async fn an_agent_speaks_for_its_own_environment_and_node_alone() {
    let lab = gateway("").await;
    let (here, elsewhere) = (
        agent(&lab, "staging").await,
        agent(&lab, "production").await,
    );
    assert_eq!(tell(&lab, &elsewhere, &batch()).await.status, 403);
    let mut other = batch();
    other.environment = "production".to_owned();
    assert_eq!(tell(&lab, &here, &other).await.status, 403);
    assert_eq!(tell(&lab, &lab.token, &batch()).await.status, 403);
    assert_eq!(tell(&lab, "wrong", &batch()).await.status, 401);
    taken(&lab, &here, &batch()).await;
    let second = json!({"name": "second", "role": "node", "environments": ["staging"]});
    let second = lab.token(second).await;
    assert_eq!(tell(&lab, &second, &batch()).await.status, 403);
    let mut own = batch();
    own.node = "node-2".to_owned();
    taken(&lab, &second, &own).await;
    lab.stop().await;
}

#[tokio::test]
async fn what_is_too_long_or_ill_formed_is_refused_or_left_out() {
    let lab = gateway("").await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    for node in ["", "a\nb", "<b>", &"n".repeat(1 << 20)] {
        let mut bad = batch();
        bad.node = node.to_owned();
        assert_eq!(tell(&lab, &token, &bad).await.status, 400, "{node:.20}");
    }
    let mut many = batch();
    many.ended = vec!["x".to_owned(); 1001];
    assert_eq!(tell(&lab, &token, &many).await.status, 400);
    let mut large = batch();
    large.ended = vec!["x".repeat(5 << 20)];
    assert_eq!(tell(&lab, &token, &large).await.status, 413);
    let address = lab.app().registries()[STAGING];
    for body in ["", "[]", "{", "{\"environment\":1}"] {
        let ask = Ask::new(address, "POST", NODE_EVENTS).token(&token);
        let answer = ask.body("application/json", body).send().await;
        assert_eq!(answer.status, 400, "{body}");
    }
    // Names of a megabyte, line ends and nonsense where a digest should be.
    let mut odd = container("a", &image);
    odd.pod = "p".repeat(1 << 20);
    odd.container = "c\u{1b}[31m\n".to_owned();
    odd.image = "i".repeat(1 << 19);
    odd.digests = vec!["sha256:x".to_owned(), image.manifest.to_string()];
    let mut told = batch();
    told.started = vec![odd.clone()];
    told.denials = vec![NodeDenial {
        container: odd,
        digest: Some("sha256:x".to_owned()),
        count: u64::MAX,
        ..denial(&lab, &image, "revoked")
    }];
    taken(&lab, &token, &told).await;
    eventually("it is on record", || async {
        !decisions(&lab).await.is_empty()
    })
    .await;
    let found = decisions(&lab).await;
    let text = found[0].to_string();
    assert!(
        text.len() < 4096 && !text.contains("\\u001b"),
        "{}",
        text.len()
    );
    lab.stop().await;
}

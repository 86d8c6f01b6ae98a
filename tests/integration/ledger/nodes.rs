//! What runs on nodes, as their agents tell it.

use jiff::SignedDuration;
use sekisho::ledger::{ContainerOnNode, Ledger, NodeContainers, ReportTaken, ToldOfNode};
use sekisho::oci::Digest;
use sekisho::trust::EnvironmentName;

use super::place;
use super::records::*;
use crate::lab::or_skip;

fn containers(ids: &[&str]) -> NodeContainers {
    let container = |id: &&str| {
        let container = ContainerOnNode {
            namespace: "shop".to_owned(),
            pod: format!("cart-{id}"),
            pod_uid: format!("uid-{id}"),
            image: "registry.example/cart:1".to_owned(),
            digests: vec![Digest::sha256(id.as_bytes())],
        };
        ((*id).to_owned(), container)
    };
    ids.iter().map(container).collect()
}

fn report(node: &str, principal: &str, started: &[&str]) -> ToldOfNode {
    ToldOfNode {
        environment: EnvironmentName::parse("production").unwrap(),
        node: node.to_owned(),
        principal: principal.to_owned(),
        anew: false,
        started: containers(started),
        ended: Vec::new(),
        at: now(),
    }
}

async fn running(ledger: &Ledger, node: &str) -> Option<NodeContainers> {
    let known = ledger.known_nodes(now()).await.unwrap();
    let found = known.iter().find(|it| it.node == node)?;
    ledger.runs_on_node(found.number).await.unwrap()
}

async fn tell(ledger: &Ledger, report: &ToldOfNode) -> ReportTaken {
    ledger.tell_of_node(report).await.unwrap()
}

#[tokio::test]
async fn what_one_replica_is_told_another_knows() {
    let place = or_skip!(place());
    let (first, second) = (place.serve().await, place.client().await);
    let mut told = report("n1", "agent", &["a", "b"]);
    told.anew = true;
    assert_eq!(tell(&first, &told).await, ReportTaken::Yes);
    assert_eq!(running(&second, "n1").await, Some(containers(&["a", "b"])));
    let mut next = report("n1", "agent", &["c"]);
    next.ended = vec!["a".to_owned()];
    tell(&second, &next).await;
    assert_eq!(running(&first, "n1").await, Some(containers(&["b", "c"])));
    tell(&first, &told).await;
    assert_eq!(running(&second, "n1").await, Some(containers(&["a", "b"])));
    assert_eq!(running(&second, "n2").await, None);
}

#[tokio::test]
async fn a_number_is_another_one_when_something_else_runs() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let number = async || ledger.known_nodes(now()).await.unwrap()[0].number;
    tell(&ledger, &report("n1", "agent", &["a"])).await;
    let before = number().await;
    tell(&ledger, &report("n1", "agent", &["a"])).await;
    assert_eq!(number().await, before);
    tell(&ledger, &report("n1", "agent", &["b"])).await;
    assert!(number().await > before);
}

#[tokio::test]
async fn a_node_is_of_the_agent_that_told_of_it_lately() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    tell(&ledger, &report("n1", "one", &["a"])).await;
    let mut other = report("n1", "other", &["x"]);
    assert_eq!(tell(&ledger, &other).await, ReportTaken::OfAnother);
    assert_eq!(running(&ledger, "n1").await, Some(containers(&["a"])));
    other.at = now() + SignedDuration::from_mins(16);
    assert_eq!(tell(&ledger, &other).await, ReportTaken::Yes);
}

#[tokio::test]
async fn a_node_that_nobody_tells_of_is_forgotten() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    tell(&ledger, &report("n1", "one", &["a"])).await;
    let later = now() + SignedDuration::from_mins(61);
    assert_eq!(ledger.forget_nodes(now()).await.unwrap(), 0);
    assert_eq!(ledger.known_nodes(later).await.unwrap(), []);
    assert_eq!(ledger.forget_nodes(later).await.unwrap(), 1);
}

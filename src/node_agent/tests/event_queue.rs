//! What a gateway is told: everything once, and all of it again after a loss.

use super::kit::{container, digest, now};
use crate::api::{MAX_NODE_EVENTS, NodeEventBatch};
use crate::node_agent::event_queue::EventQueue;
use crate::node_agent::judgement::StartDenial;
use crate::nri::ContainerInPod;

fn numbered(number: usize) -> ContainerInPod {
    ContainerInPod {
        id: format!("c{number:05}"),
        pod_uid: format!("u{number}"),
        ..container(&["good"])
    }
}

fn deny(queue: &EventQueue, number: usize) -> bool {
    let denial = StartDenial {
        reason: "revoked".to_owned(),
        digest: Some(digest("bad")),
    };
    queue.denied(&numbered(number), &denial, None, true, now())
}

fn started(batch: &NodeEventBatch) -> Vec<&str> {
    batch.started.iter().map(|it| it.id.as_str()).collect()
}

#[test]
fn tells_what_runs_and_then_what_changed() {
    let queue = EventQueue::default();
    assert_eq!(queue.take(), None);
    let stopped = ContainerInPod {
        is_running: false,
        ..numbered(3)
    };
    queue.synchronized(&[numbered(1), numbered(2), stopped]);
    let batch = queue.take().unwrap();
    assert!(batch.anew);
    assert_eq!(started(&batch), ["c00001", "c00002"]);
    queue.started(&numbered(4));
    queue.ended(&numbered(1));
    queue.ended(&numbered(9));
    let batch = queue.take().unwrap();
    assert!(!batch.anew);
    assert_eq!(started(&batch), ["c00004"]);
    assert_eq!(batch.ended, ["c00001"]);
    assert_eq!(queue.take(), None);
}

#[test]
fn an_empty_node_says_so() {
    let queue = EventQueue::default();
    queue.synchronized(&[]);
    let batch = queue.take().unwrap();
    assert!(batch.anew && batch.started.is_empty());
    assert_eq!(queue.take(), None);
}

#[test]
fn what_was_not_taken_is_told_again() {
    let queue = EventQueue::default();
    queue.synchronized(&[numbered(1)]);
    deny(&queue, 1);
    let batch = queue.take().unwrap();
    queue.started(&numbered(2));
    queue.give_back(batch);
    let batch = queue.take().unwrap();
    assert!(batch.anew);
    assert_eq!(started(&batch), ["c00001", "c00002"]);
    assert_eq!(batch.denials.len(), 1);
}

#[test]
fn the_kubelets_tries_are_one_denial_with_a_count() {
    let queue = EventQueue::default();
    for _ in 0..5 {
        deny(&queue, 1);
    }
    deny(&queue, 2);
    let batch = queue.take().unwrap();
    let counts: Vec<u64> = batch.denials.iter().map(|it| it.count).collect();
    assert_eq!(counts, [5, 1]);
}

#[test]
fn a_batch_is_bounded_and_nothing_is_lost() {
    let queue = EventQueue::default();
    let all: Vec<_> = (0..MAX_NODE_EVENTS * 2 + 5).map(numbered).collect();
    queue.synchronized(&all);
    let (mut told, mut anew) = (0, 0);
    while let Some(batch) = queue.take() {
        assert!(batch.started.len() <= MAX_NODE_EVENTS);
        told += batch.started.len();
        anew += usize::from(batch.anew);
    }
    assert_eq!((told, anew), (all.len(), 1));
}

#[test]
fn the_oldest_denials_go_where_there_is_no_room_and_are_counted() {
    let queue = EventQueue::default();
    let dropped = (0..10_003).filter(|number| deny(&queue, *number)).count();
    assert_eq!(dropped, 3);
    let batch = queue.take().unwrap();
    assert_eq!((batch.dropped, batch.denials.len()), (3, MAX_NODE_EVENTS));
    assert_eq!(batch.denials[0].container.id, "c00003");
}

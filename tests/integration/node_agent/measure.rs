//! What an agent costs. Measured where `SEKISHO_MEASURE` is set: it takes minutes.

use std::env;
use std::fs;
use std::thread;
use std::time::Instant;

use sekisho::node_snapshot::{AgentMode, SignedSnapshot, SnapshotPublicKey};
use sekisho::oci::Digest;

use super::stage::Stage;
use crate::lab::kubernetes::BareNode;
use crate::lab::{
    AGENTS_ENVIRONMENT, Agent, AgentSetup, Cri, Origin, Release, SnapshotServer, or_skip,
};

const DENIED: usize = 100_000;
const CONTAINERS: usize = 1000;
const AT_ONCE: usize = 8;
const REVOCATIONS: usize = 20;

fn is_asked_for() -> bool {
    env::var_os("SEKISHO_MEASURE").is_some()
}

#[test]
fn a_burst_is_answered_with_a_hundred_thousand_digests_held() {
    if !is_asked_for() {
        return;
    }
    let origin = or_skip!(Origin::start());
    let node = or_skip!(BareNode::start(Release::V2_4, &origin));
    let (server, folder) = (SnapshotServer::start(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("snapshot.pub"), server.public_key()).unwrap();
    let agent = Agent::start(&AgentSetup {
        name: "agent",
        folder: folder.path(),
        gateways: vec![server.url()],
        environment: AGENTS_ENVIRONMENT,
        nri_socket: node.nri_socket(),
        cri_socket: node.cri_socket(),
        canary_every: "1s",
        more: Vec::new(),
    });
    println!("it holds {} KiB before any snapshot", agent.resident_kib());
    let denied = origin.image("team/app", "1");
    let others = (1..DENIED).map(|number| Digest::sha256(&number.to_be_bytes()).to_string());
    let all: Vec<String> = others.chain([denied.digest.clone()]).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    server.deny(AgentMode::Enforce, &all);
    agent.holds(1);
    println!("it holds {} KiB with {DENIED}", agent.resident_kib());
    let first = fs::read(folder.path().join("agent/snapshot")).unwrap();
    server.deny(AgentMode::Enforce, &all[1..]);
    agent.holds(2);
    let second = fs::read(folder.path().join("agent/snapshot")).unwrap();
    let keys = SnapshotPublicKey::all_from_pem(&server.public_key()).unwrap();
    let [old, new] = [&first, &second].map(|it| SignedSnapshot::from_bytes(it, &keys).unwrap());
    let delta = new.delta_from(1, old.snapshot()).to_bytes().len();
    println!("a snapshot takes {} bytes, a delta {delta}", first.len());

    let names = [("team/app", true), ("team/sleeper", false)]
        .map(|(name, is_denied)| (format!("{}/{name}:1", origin.address()), is_denied));
    names
        .iter()
        .for_each(|(name, _)| node.cri().pull(name).unwrap());
    let begun = Instant::now();
    thread::scope(|scope| {
        for number in 0..AT_ONCE {
            let (socket, names) = (node.cri_socket(), &names);
            scope.spawn(move || {
                let cri = Cri::at(&socket);
                let pod = cri.sandbox("shop", &format!("burst-{number}"));
                for index in 0..CONTAINERS / AT_ONCE {
                    let (name, is_denied) = &names[index % names.len()];
                    assert_eq!(cri.create(&pod, name).is_err(), *is_denied);
                }
            });
        }
    });
    println!("{CONTAINERS} containers took {:?}", begun.elapsed());
    let answers = "sekisho_agent_answer_seconds";
    for line in agent
        .page()
        .lines()
        .filter(|line| line.starts_with(answers))
    {
        println!("{line}");
    }
    println!("it holds {} KiB behind them", agent.resident_kib());
}

#[test]
fn a_revocation_that_was_acknowledged_is_felt_each_time() {
    if !is_asked_for() {
        return;
    }
    let stage = or_skip!(Stage::open(Release::V2_4));
    let _agent = stage.agent();
    let mut lags = Vec::new();
    for _ in 0..REVOCATIONS {
        stage.revoke();
        lags.push(stage.becomes(Stage::is_refused, "a refusal"));
        stage.reinstate();
        stage.becomes(Stage::is_created, "a container");
    }
    lags.sort_unstable();
    let [median, longest] = [lags[lags.len() / 2], lags[lags.len() - 1]];
    println!("refused after {median:?}, {longest:?} at the longest");
}

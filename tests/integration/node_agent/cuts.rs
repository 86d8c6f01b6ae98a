//! What an agent depends on is cut in odd orders, and what it says stays true.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use super::stage::{Stage, WITHIN};
use crate::faults::rounds;
use crate::kit::postgres::{PASSWORD, Postgres, USER};
use crate::lab::kubernetes::Sweeper;
use crate::lab::{Agent, Authority, Gateway, Release, Setup, eventually, or_skip, outcome};

#[test]
fn what_was_revoked_stays_refused_whatever_dies_first() {
    let mut stage = or_skip!(Stage::open_with(Release::V2_4, "", |setup, _| setup));
    let mut agent = stage.agent();
    stage.revoke();
    stage.becomes(Stage::is_refused, "a refusal");

    // The gateway comes back while the agent is gone, and the runtime goes meanwhile.
    agent.kill();
    stage.site.gateway.crash_and_restart();
    stage.node.restart_runtime();
    let agent = Agent::start(&stage.setup("agent"));
    stage.becomes(Stage::is_refused, "a refusal");
    // A runtime that goes twice, and a gateway that goes between.
    stage.node.restart_runtime();
    stage.site.gateway.kill();
    stage.node.restart_runtime();
    stage.becomes(Stage::is_refused, "a refusal");
    // A runtime waits for an agent that hangs, goes on without it, and asks it again.
    agent.freeze(true);
    stage.create().unwrap();
    agent.freeze(false);
    stage.becomes(Stage::is_refused, "a refusal");
    // What was reinstated while nobody could be told of it starts once somebody can.
    stage.site.gateway.crash_and_restart();
    stage.reinstate();
    stage.becomes(Stage::is_created, "a container");
    stage.starts();
}

/// The cuts in an order that nobody chose; the output names it.
#[test]
fn what_was_revoked_stays_refused_in_any_order_of_cuts() {
    let mut stage = or_skip!(Stage::open_with(Release::V2_4, "", |setup, _| setup));
    let mut agent = stage.agent();
    stage.revoke();
    stage.becomes(Stage::is_refused, "a refusal");
    let mut has_gateway = true;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut order = u64::from(since.subsec_nanos());
    for round in 0..rounds() {
        order = order
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let cut = (order >> 33) % 6;
        println!("round {round}: cut {cut}, gateway {has_gateway}");
        match cut {
            0 => stage.node.restart_runtime(),
            1 => {
                agent.kill();
                agent = Agent::start(&stage.setup("agent"));
            }
            2 if has_gateway => {
                stage.site.gateway.kill();
                has_gateway = false;
            }
            2 => {
                stage.site.gateway.crash_and_restart();
                has_gateway = true;
            }
            3 => {
                agent.kill();
                stage.node.restart_runtime();
                agent = Agent::start(&stage.setup("agent"));
            }
            4 => {
                agent.freeze(true);
                // With it, or without it once the runtime has waited.
                let _ = stage.create();
                agent.freeze(false);
            }
            _ if has_gateway => {
                stage.reinstate();
                stage.becomes(Stage::is_created, "a container");
                stage.revoke();
            }
            _ => {}
        }
        stage.becomes(Stage::is_refused, "a refusal");
    }
}

#[test]
fn a_full_disk_keeps_no_revocation_from_being_in_force() {
    let stage = or_skip!(Stage::open_with(Release::V2_4, "", |setup, _| setup));
    let state = stage.folder().join("agent");
    fs::create_dir(&state).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs"];
    outcome(Command::new("mount").args(mount).arg(&state)).expect_ok();
    let _sweeper = Sweeper::over(&[stage.folder()]);
    let mut agent = stage.agent();
    let filler = state.join("filler");
    // It ends where the disk does.
    let _ = fs::write(&filler, vec![0; 1 << 20]);
    stage.revoke();
    stage.becomes(Stage::is_refused, "a refusal");
    agent.shows("sekisho_agent_snapshot_unkept 1");
    // What was kept before is whole, and is followed by what the gateway says.
    agent.kill();
    let agent = Agent::start(&stage.setup("agent"));
    stage.becomes(
        Stage::is_refused,
        "a refusal by an agent that could not keep it",
    );
    fs::remove_file(&filler).unwrap();
    agent.shows("sekisho_agent_snapshot_unkept 0");
}

#[test]
fn what_runs_and_is_revoked_is_stopped_where_the_operator_says_so() {
    let evict = "on_revoked = \"evict\"\n";
    let stage = or_skip!(Stage::open_with(Release::V2_4, evict, |setup, _| setup));
    let running = [stage.starts(), stage.starts()];
    let agent = stage.agent();
    let running = [&running[..], &[stage.starts()]].concat();
    stage.revoke();
    for container in &running {
        eventually("it is stopped", WITHIN, || {
            (!stage.node.cri().runs(container)).then_some(())
        });
    }
    agent.shows("sekisho_agent_evictions_total 3");
    stage.refused();
}

#[test]
fn a_certificate_stands_in_place_of_a_token() {
    let authority = Authority::create();
    let (certificate, key) = authority.leaf("127.0.0.1");
    let listener = format!(
        "auth = \"mtls\"\ntls = {{ certificate = \"{}\", key = \"{}\", client_ca = \"{}\" }}\n",
        certificate.display(),
        key.display(),
        authority.certificate().display()
    );
    let with_tls = |setup: Setup, _: &std::path::Path| setup.listener(&listener);
    let stage = or_skip!(Stage::open_with(Release::V2_4, "", with_tls));
    let (own, key) = authority.client("node1");
    let mut setup = stage.setup("agent");
    setup.gateways = vec![format!("https://{}", stage.site.gateway.address())];
    setup.more = [
        ("--client-certificate", own),
        ("--client-key", key),
        ("--ca", authority.certificate()),
    ]
    .into_iter()
    .flat_map(|(argument, file)| [argument.to_owned(), file.display().to_string()])
    .collect();
    let agent = Agent::start(&setup);
    agent.has_seen_its_canary_refused();
    stage.revoke();
    stage.becomes(Stage::is_refused, "a refusal");
    let decision = eventually("a decision", WITHIN, || stage.decisions().pop());
    assert_eq!(decision["principal"], "node1", "{decision:#}");
}

/// Two replicas of one database: whichever the agent asks, the snapshots go on.
#[test]
fn an_agent_is_led_on_by_another_replica() {
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let mut tables = String::new();
    let shared = |setup: Setup, folder: &std::path::Path| {
        let password = folder.join("password");
        fs::write(&password, PASSWORD).unwrap();
        tables = format!(
            "[ledger]\nurl = \"postgres://{USER}@127.0.0.1:{}/{}\"\npassword_file = \"{}\"\n",
            server.port(),
            database.name(),
            password.display()
        );
        setup.tables(&tables)
    };
    let mut stage = or_skip!(Stage::open_with(Release::V2_4, "", shared));
    let other = Setup::new()
        .upstream(
            "development",
            stage.site.development.address(),
            stage.site.development.address(),
        )
        .environment(&stage.environment)
        .tables(&stage.tables)
        .tables(&tables);
    let mut other = Gateway::start(&other);
    let mut setup = stage.setup("agent");
    setup.gateways.push(format!("http://{}", other.address()));
    let mut agent = Agent::start(&setup);
    agent.has_seen_its_canary_refused();
    drop(setup);

    stage.revoke();
    stage.becomes(Stage::is_refused, "a refusal");
    stage.site.gateway.kill();
    stage.act_at(&other, "reinstate");
    stage.becomes(Stage::is_created, "a container by what the other says");
    stage.act_at(&other, "revoke");
    stage.becomes(Stage::is_refused, "a refusal by what the other says");
    stage.site.gateway.crash_and_restart();
    other.kill();
    stage.refused();
    stage.reinstate();
    stage.becomes(
        Stage::is_created,
        "a container by what the first says again",
    );
    agent.shows("sekisho_agent_snapshots_refused_total 0");
    agent.kill();
}

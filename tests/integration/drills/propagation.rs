//! A revocation at one gateway, and the denials at the others.

use std::time::{Duration, Instant};

use super::stage::{admitted, gateway, is_revoked, make_database, pull, revoke, sooner_or_later};
use crate::kit::lab::Lab;
use crate::kit::postgres::{Postgres, USER};
use crate::lab::or_skip;

/// Often enough to be sure; `DRILL_TRIES=200` measures.
fn tries() -> usize {
    let said = std::env::var("DRILL_TRIES").ok();
    said.and_then(|it| it.parse().ok()).unwrap_or(5)
}

/// Images that each of the gateways has passed.
async fn passed(gateways: &[Lab], number: usize) -> Vec<String> {
    let mut names = Vec::new();
    for number in 0..number {
        let name = format!("team/app{number}");
        let named = admitted(&gateways[0], &name).await;
        for lab in &gateways[1..] {
            lab.put(&name, "1");
        }
        for lab in gateways {
            sooner_or_later("it is passed", || async {
                pull(lab, &named).await.status == 200
            })
            .await;
        }
        names.push(named);
    }
    names
}

/// How long after the acknowledgement the last of the others denied it.
async fn revoked_everywhere(gateways: &[Lab], named: &str) -> Duration {
    revoke(&gateways[0], named).await.expect(200);
    let acknowledged = Instant::now();
    assert!(
        is_revoked(&gateways[0], named).await,
        "at once where it was acknowledged"
    );
    for lab in &gateways[1..] {
        sooner_or_later("it is denied everywhere", || is_revoked(lab, named)).await;
    }
    acknowledged.elapsed()
}

async fn drill(server: &Postgres, what: &str) {
    let mut gateways = Vec::new();
    for _ in 0..3 {
        gateways.push(gateway(&[server], "").await);
    }
    let mut took = Vec::new();
    for named in passed(&gateways, tries()).await {
        took.push(revoked_everywhere(&gateways, &named).await);
    }
    took.sort();
    let at = |part: usize| took[(took.len() - 1) * part / 100];
    println!(
        "{what}: {} revocations, denied at two others after {:?} (p50), {:?} (p99)",
        took.len(),
        at(50),
        at(99)
    );
    for lab in gateways {
        lab.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_at_one_is_a_denial_at_the_others() {
    let server = or_skip!(Postgres::start());
    make_database(&server);
    drill(&server, "told").await;
}

/// What the writer calls to tell the others tells nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_a_denial_everywhere_also_when_nobody_is_told() {
    let server = or_skip!(Postgres::start());
    make_database(&server);
    for mute in [
        "CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT'",
        &format!("ALTER ROLE {USER} SET search_path = public, pg_catalog"),
    ] {
        server.sql("trust", mute);
    }
    drill(&server, "not told").await;
}

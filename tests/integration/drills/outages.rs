//! The server of the ledger stops, starts, and is failed over while a gateway serves.

use jiff::SignedDuration;

use super::stage::{
    admitted, gateway, is_revoked, make_database, pull, ready, revoke, sooner_or_later,
};
use crate::kit::lab::Lab;
use crate::kit::postgres::{Postgres, Stop};
use crate::lab::or_skip;

async fn is_written_again(lab: &Lab, named: &str) {
    sooner_or_later("a write is taken again", || async {
        revoke(lab, named).await.status == 200
    })
    .await;
}

/// Refused plainly, with the time after which to ask again.
async fn refuses_writes(lab: &Lab, named: &str) {
    let refused = revoke(lab, named).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some(), "{}", refused.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_admitted_goes_on_while_the_server_is_stopped_and_all_comes_back() {
    let mut server = or_skip!(Postgres::start());
    make_database(&server);
    let lab = gateway(&[&server], "").await;
    let (good, bad) = (
        admitted(&lab, "team/good").await,
        admitted(&lab, "team/bad").await,
    );
    assert_eq!(pull(&lab, &good).await.status, 200);
    revoke(&lab, &bad).await.expect(200);
    for how in [Some(Stop::Fast), Some(Stop::Immediate), None] {
        match how {
            Some(how) => server.stop(how),
            None => server.kill(),
        }
        refuses_writes(&lab, &good).await;
        assert_eq!(pull(&lab, &good).await.status, 200, "{how:?}");
        assert!(is_revoked(&lab, &bad).await, "{how:?}");
        sooner_or_later("it is told", || async {
            let told = ready(&lab).await;
            told.status == 503 || told.text().contains("ledger")
        })
        .await;
        server.start_again();
        let other = admitted_later(&lab, &format!("team/{how:?}").to_lowercase()).await;
        is_written_again(&lab, &other).await;
        assert!(is_revoked(&lab, &other).await, "{how:?}");
        assert_eq!(pull(&lab, &good).await.status, 200, "{how:?}");
    }
    sooner_or_later("it is ready", || async { ready(&lab).await.status == 200 }).await;
    lab.stop().await;
}

/// Only its name: it may be revoked before anything else is known of it.
async fn admitted_later(lab: &Lab, name: &str) -> String {
    let name: String = name
        .chars()
        .filter(|it| it.is_ascii_alphanumeric() || *it == '/')
        .collect();
    lab.put(&name, "1").1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_cut_off_for_too_long_decides_nothing_until_it_hears_again() {
    let mut server = or_skip!(Postgres::start());
    make_database(&server);
    let lab = gateway(&[&server], "max_silence = \"1h\"").await;
    let good = admitted(&lab, "team/good").await;
    assert_eq!(pull(&lab, &good).await.status, 200);
    server.stop(Stop::Immediate);
    lab.advance(SignedDuration::from_mins(46));
    let unready = ready(&lab).await;
    assert_eq!(unready.status, 503, "{}", unready.text());
    assert_eq!(pull(&lab, &good).await.status, 200, "it still decides");
    lab.advance(SignedDuration::from_mins(15));
    let undecided = pull(&lab, &good).await;
    assert_eq!(undecided.status, 503, "{}", undecided.text());
    assert!(
        undecided.text().contains("undecidable"),
        "{}",
        undecided.text()
    );
    server.start_again();
    sooner_or_later("it decides again", || async {
        pull(&lab, &good).await.status == 200
    })
    .await;
    sooner_or_later("it is ready", || async { ready(&lab).await.status == 200 }).await;
    lab.stop().await;
}

/// Frozen, it answers nothing and refuses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn pulls_go_on_before_a_server_that_hangs() {
    let server = or_skip!(Postgres::start());
    make_database(&server);
    let lab = gateway(&[&server], "").await;
    let good = admitted(&lab, "team/good").await;
    assert_eq!(pull(&lab, &good).await.status, 200);
    server.freeze();
    for _ in 0..20 {
        assert_eq!(pull(&lab, &good).await.status, 200);
    }
    sooner_or_later("it is told", || async {
        let told = ready(&lab).await;
        told.status == 503 || told.text().contains("ledger")
    })
    .await;
    assert_eq!(pull(&lab, &good).await.status, 200);
    server.thaw();
    is_written_again(&lab, &good).await;
    assert!(is_revoked(&lab, &good).await);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_standby_takes_over() {
    let mut server = or_skip!(Postgres::start());
    make_database(&server);
    let standby = server.synchronous_standby();
    let lab = gateway(&[&server, &standby], "").await;
    let good = admitted(&lab, "team/good").await;
    assert_eq!(pull(&lab, &good).await.status, 200);
    let mut acknowledged = Vec::new();
    for number in 0..10 {
        let named = lab.put(&format!("team/bad{number}"), "1").1;
        revoke(&lab, &named).await.expect(200);
        acknowledged.push(named);
    }
    server.kill();
    refuses_writes(&lab, &good).await;
    assert_eq!(pull(&lab, &good).await.status, 200);
    standby.promote();
    let late = lab.put("team/late", "1").1;
    is_written_again(&lab, &late).await;
    acknowledged.push(late);
    assert_eq!(pull(&lab, &good).await.status, 200);
    // Also for one that knows nothing but what the new primary holds.
    let lab = lab.restarted().await;
    for named in &acknowledged {
        let ask = format!("/api/v1/acts?act=revoke&image={named}");
        let acts = lab.api("GET", &ask).send().await.expect(200);
        assert!(!acts["acts"].as_array().unwrap().is_empty(), "{named}");
    }
    assert_eq!(pull(&lab, &good).await.status, 200);
    lab.stop().await;
}

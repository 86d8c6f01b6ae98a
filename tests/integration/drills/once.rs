//! What is to be done once is done by one of the replicas, and by another when that has ended.

use jiff::SignedDuration;
use sekisho::metrics::SharedWork;

use super::stage::{admitted, pull, replicas, revoke, sooner_or_later};
use crate::kit::lab::{Lab, NAME};
use crate::kit::postgres::{Database, Postgres};
use crate::kit::receiver::Receiver;
use crate::lab::or_skip;

/// The one that does this work.
async fn holder(replicas: &[Lab], work: SharedWork) -> usize {
    let held = || {
        let mut held = replicas.iter().map(|it| it.parts().leases.held(work));
        held.position(|it| it)
    };
    sooner_or_later(work.as_str(), || async { held().is_some() }).await;
    held().unwrap()
}

fn is_old(database: &Database<'_>) -> bool {
    database.sql("SELECT count(*) FROM decisions WHERE id = 'old'") == "1"
}

/// By this number each divides what an upstream may be asked.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_count_each_other_and_one_that_ended_no_longer() {
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let mut replicas = replicas(&database, 3, "").await;
    while !replicas.is_empty() {
        let living = i64::try_from(replicas.len()).unwrap();
        for replica in &replicas {
            sooner_or_later("they are counted", || async {
                replica.parts().metrics.replicas.count.get() == living
            })
            .await;
        }
        replicas.remove(0).stop().await;
    }
}

/// It begins when it has the work: not an hour later.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_is_pruned_soon_after_the_start_and_after_another_ended() {
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let mut replicas = replicas(&database, 2, "").await;
    let lab = &replicas[0];
    pull(lab, &lab.put(NAME, "1").1).await.expect(403);
    sooner_or_later("a decision", || async {
        database.sql("SELECT count(*) FROM decisions") == "1"
    })
    .await;
    let old = "UPDATE decisions SET id = 'old', time = 1";
    let first = holder(&replicas, SharedWork::Pruning).await;
    sooner_or_later("it has begun", || async {
        replicas[first].app().rounds("prune") > 1
    })
    .await;
    database.sql(old);
    // The first has done it for this hour; the other begins when it takes it over.
    replicas.remove(first).stop().await;
    sooner_or_later("it is pruned", || async { !is_old(&database) }).await;
    for replica in replicas {
        replica.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_once_by_one_and_then_by_another() {
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let receiver = Receiver::start().await;
    let target = format!(
        "[[notify]]\nname = \"all\"\nurl = \"{}/x\"\n",
        receiver.origin
    );
    let mut replicas = replicas(&database, 3, &target).await;
    for replica in &replicas {
        replica.looked("notify").await;
    }
    for (number, told) in [(1, 1), (2, 2)] {
        let tells = holder(&replicas, SharedWork::Notifications).await;
        sooner_or_later("it knows where to begin", || async {
            database.sql("SELECT count(*) FROM notice_cursors") == "4"
        })
        .await;
        // The same image at each of them is one denial to people.
        for replica in &replicas {
            let named = replica.put(NAME, &number.to_string()).1;
            pull(replica, &named).await.expect(403);
        }
        sooner_or_later("it gathers", || async {
            let gathered = "SELECT coalesce(max(count), 0) FROM notices";
            database.sql(gathered) == "1"
        })
        .await;
        // By the others' clocks it is due already.
        for (at, replica) in replicas.iter().enumerate() {
            if at != tells {
                replica.advance(SignedDuration::from_mins(10));
                replica.looked("notify").await;
            }
        }
        assert_eq!(receiver.received().len(), told - 1, "one of them tells");
        replicas[tells].advance(SignedDuration::from_mins(10));
        sooner_or_later("it is told", || async { receiver.received().len() == told }).await;
        replicas.remove(tells).stop().await;
    }
    assert_eq!(receiver.received().len(), 2);
    for replica in replicas {
        replica.stop().await;
    }
}

/// One judges again what is in use; what it finds shows at each.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_is_judged_again_and_shown_by_each_and_written_by_one() {
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let mut replicas = replicas(&database, 2, "").await;
    let named = admitted(&replicas[0], NAME).await;
    replicas[1].put(NAME, "1");
    for replica in &replicas {
        sooner_or_later("it is pulled", || async {
            pull(replica, &named).await.status == 200
        })
        .await;
    }
    sooner_or_later("it is in use", || async {
        database.sql("SELECT count(*) FROM facts WHERE last_pulled > 0") != "0"
    })
    .await;
    let judged = |at: usize| replicas[at].parts().metrics.watch.rejudged.get();
    let judging = holder(&replicas, SharedWork::Rejudging).await;
    let before = judged(1 - judging);
    revoke(&replicas[0], &named).await.expect(200);
    for replica in &replicas {
        sooner_or_later("it is shown", || async {
            let page = replica.nobody("GET", "/metrics").send().await.text();
            page.lines()
                .any(|it| it.starts_with("sekisho_denied_in_use{") && it.contains("revoked"))
        })
        .await;
    }
    sooner_or_later("the other has a verdict of its own", || async {
        judged(1 - judging) > before
    })
    .await;
    assert_eq!(database.sql("SELECT count(*) FROM standings"), "1");
    // The next goes on with what the one before found.
    replicas.remove(judging).stop().await;
    let next = holder(&replicas, SharedWork::Rejudging).await;
    replicas[next].looked("rejudge").await;
    assert_eq!(database.sql("SELECT count(*) FROM standings"), "1");
    for replica in replicas {
        replica.stop().await;
    }
}

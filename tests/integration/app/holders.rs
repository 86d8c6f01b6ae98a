//! Of real processes that share a ledger, one that dies or stands still is followed.

use std::time::Duration;

use sekisho::demo::DemoRegistry;
use sekisho::metrics::SharedWork;
use sekisho::tasks::Tasks;
use tempfile::TempDir;

use super::served::Served;
use crate::kit::lab::{Ask, config, eventually};
use crate::kit::postgres::{PASSWORD, Postgres, USER};
use crate::lab::or_skip;

/// In microseconds: with what a replica waits between two looks, less than 15 seconds; that
/// is held by a test beside the leases.
const LONGEST_LEASE: i64 = 10_000_000;
const LEFT: &str = "SELECT coalesce(max(until) - \
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, 0) FROM leases";
const HOLDERS: &str = "SELECT string_agg(DISTINCT holder, ' ') FROM leases";

struct Machine {
    served: Served,
    _folder: TempDir,
}

impl Machine {
    async fn start(server: &Postgres, upstream: &DemoRegistry) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
        let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n";
        let rest = format!(
            "[environments.production]\n[ledger]\npassword_file = \"password\"\n\
             url = \"postgres://{USER}@127.0.0.1:{}/trust\"\n",
            server.port()
        );
        let file = folder.path().join("sekisho.toml");
        std::fs::write(&file, config(&upstream.origin(), listener, &rest)).unwrap();
        let arguments = ["serve", "--config", file.to_str().unwrap()];
        Self {
            served: Served::start(folder.path(), &arguments).await,
            _folder: folder,
        }
    }

    /// Of what only one does, as much.
    async fn holds(&self) -> usize {
        let ask = Ask::new(self.served.admin, "GET", "/metrics");
        let page = ask.send().await.text();
        let held = |line: &&str| line.starts_with("sekisho_work_held{") && line.ends_with(" 1");
        page.lines().filter(held).count()
    }

    async fn holds_in_the_end(&self, count: usize) {
        eventually("the work is held so", || async {
            self.holds().await == count
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_of_a_killed_and_of_a_frozen_process_is_taken_over_and_stays_where_it_is() {
    let server = or_skip!(Postgres::start());
    server.sql("postgres", &format!("CREATE DATABASE trust OWNER {USER}"));
    let tasks = Tasks::new();
    let upstream = DemoRegistry::start(&tasks).await.unwrap();
    let all = SharedWork::ALL.len();
    let first = Machine::start(&server, &upstream).await;
    first.holds_in_the_end(all).await;
    let second = Machine::start(&server, &upstream).await;
    let third = Machine::start(&server, &upstream).await;
    assert_eq!((second.holds().await, third.holds().await), (0, 0));

    first.served.signal("KILL");
    let left: i64 = server.sql("trust", LEFT).parse().unwrap();
    assert!(left <= LONGEST_LEASE, "{left}");
    // One of them may have taken a part: what the other holds is stopped with it.
    eventually("both hold all of it", || async {
        second.holds().await + third.holds().await == all
    })
    .await;

    second.served.signal("STOP");
    third.holds_in_the_end(all).await;
    let holder = server.sql("trust", HOLDERS);
    second.served.signal("CONT");
    second.holds_in_the_end(0).await;
    assert_eq!(third.holds().await, all);
    assert_eq!(
        server.sql("trust", HOLDERS),
        holder,
        "it takes nothing back"
    );
    drop((first, second, third));
    tasks.drain(Duration::ZERO).await;
}

//! Replicas over one PostgreSQL: nobody who pulls notices that one is gone, and its work is
//! done by another.

use std::time::Duration;

use crate::kit::postgres::{PASSWORD, Postgres, Stop, USER};
use crate::lab::{
    Balancer, Gateway, Image, Layer, Missing, Origin, Pullers, Setup, eventually, get, or_skip,
};

const CLIENTS: usize = 50;
/// Answers between two steps of the drill.
const MEANWHILE: u64 = 300;
const PATIENCE: Duration = Duration::from_secs(60);

/// Replicas that judge by the records of one database.
struct Site {
    origin: Origin,
    gateways: Vec<Gateway>,
    _folder: tempfile::TempDir,
}

impl Site {
    fn open(server: &Postgres, database: &str, count: usize, keys: &str) -> Result<Self, Missing> {
        let origin = Origin::start()?;
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let tables = format!(
            "[drain]\ndelay = \"2s\"\n[ledger]\nurl = \"postgres://{USER}@127.0.0.1:{}/{database}\"\n\
             password_file = \"{}\"\n{keys}",
            server.port(),
            password.display()
        );
        let setup = Setup::new()
            .upstream("development", origin.address(), origin.address())
            .tables(&tables);
        let gateways = (0..count).map(|_| Gateway::start(&setup)).collect();
        Ok(Self {
            origin,
            gateways,
            _folder: folder,
        })
    }

    /// By the first replica; then in force at all.
    fn admit(&self, image: &Image) {
        self.gateways[0].admit(self.origin.address(), image);
        self.everywhere(&manifest(image), 200);
    }

    fn everywhere(&self, path: &str, status: u16) {
        for gateway in &self.gateways {
            eventually("the same answer", PATIENCE, || {
                (gateway.get(path).status == status).then_some(())
            });
        }
    }
}

fn manifest(image: &Image) -> String {
    format!(
        "/v2/development/{}/manifests/{}",
        image.repository, image.digest
    )
}

fn paths(image: &Image) -> Vec<String> {
    let blob = |digest| format!("/v2/development/{}/blobs/{digest}", image.repository);
    let layers = image.layers.iter().map(blob);
    layers.chain([manifest(image)]).collect()
}

#[test]
fn no_pull_fails_while_each_replica_is_restarted_nor_after_one_has_died() {
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let mut site = or_skip!(Site::open(server, database.name(), 3, ""));
    let image = site.origin.image("team/app", "1");
    site.admit(&image);
    let balancer = or_skip!(Balancer::start(Layer::Connections, &site.gateways));
    let pullers = Pullers::start(CLIENTS, balancer.address(), paths(&image));
    pullers.more(MEANWHILE);
    for gateway in &mut site.gateways {
        gateway.restart();
        eventually("pulls at the new process", PATIENCE, || {
            (gateway.metric("sekisho_cache_requests_total", "") > 20.0).then_some(())
        });
        pullers.more(MEANWHILE);
    }
    let tally = pullers.stop();
    assert!(tally.failures.is_empty(), "{tally:#?}");
    site.gateways[1].kill();
    let pullers = Pullers::start(CLIENTS, balancer.address(), paths(&image));
    pullers.more(MEANWHILE);
    let tally = pullers.stop();
    assert!(tally.failures.is_empty(), "{tally:#?}");
}

const SHARED_WORK: [&str; 5] = ["acts", "notifications", "pruning", "rejudging", "webhooks"];

/// The positions of the replicas that do this work.
fn holders(site: &Site, work: &str, gone: Option<usize>) -> Vec<usize> {
    let asked = site.gateways.iter().enumerate();
    let left = asked.filter(|(index, _)| Some(*index) != gone);
    let holds = |gateway: &Gateway| gateway.metric("sekisho_work_held", work) > 0.0;
    let holding = left.filter(|(_, gateway)| holds(gateway));
    holding.map(|(index, _)| index).collect()
}

#[test]
fn shared_work_is_one_replica_s_and_another_s_when_that_dies() {
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let mut site = or_skip!(Site::open(server, database.name(), 3, ""));
    let one = |site: &Site, gone| {
        eventually("one that does the work", PATIENCE, || {
            let held = SHARED_WORK.map(|work| holders(site, work, gone));
            assert!(held.iter().all(|it| it.len() < 2), "{held:?}");
            held.iter().all(|it| it.len() == 1).then(|| held.concat())
        })
    };
    let first = one(&site, None);
    let gone = first[0];
    site.gateways[gone].kill();
    let next = one(&site, Some(gone));
    assert!(!next.contains(&gone), "{first:?} {next:?}");
}

#[test]
fn a_replica_without_its_ledger_goes_on_for_a_while_then_denies_and_comes_back() {
    let mut server = or_skip!(Postgres::start());
    server.sql("postgres", &format!("CREATE DATABASE trust OWNER {USER}"));
    let site = or_skip!(Site::open(&server, "trust", 1, "max_silence = \"8s\"\n"));
    let image = site.origin.image("team/app", "1");
    site.admit(&image);
    let (gateway, path) = (&site.gateways[0], manifest(&image));
    let admin = gateway.server();
    let ready = || {
        get(admin.trim_start_matches("http://"), "/readyz")
            .unwrap()
            .status
    };
    server.stop(Stop::Fast);
    assert_eq!(gateway.get(&path).status, 200, "what is known goes on");
    eventually("it is not ready", PATIENCE, || {
        (ready() == 503).then_some(())
    });
    eventually("it cannot decide", PATIENCE, || {
        (gateway.get(&path).status == 503).then_some(())
    });
    server.start_again();
    eventually("it is ready", PATIENCE, || (ready() == 200).then_some(()));
    site.everywhere(&path, 200);
}

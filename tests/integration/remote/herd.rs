//! A deployment on many nodes, over several replicas that share a ledger and a remote tier.

use std::thread;
use std::time::Duration;

use super::stage::{SOON, Stage, blob_path, whole};
use crate::kit::postgres::{PASSWORD, Postgres, USER};
use crate::lab::{Gateway, Image, SlowLink, Wire, eventually, or_skip};

const REPLICAS: usize = 3;
/// At each replica.
const NODES: usize = 12;
/// Slow enough that the last node asks long before an answer has come.
const WIRE: Wire = Wire {
    bytes_per_second: 2 << 20,
    latency: Duration::from_millis(300),
};

/// All nodes want the layer at the same time.
fn pull_layer(gateways: &[&Gateway], image: &Image) {
    let layer = &image.layers[0];
    thread::scope(|herd| {
        for gateway in gateways {
            for _ in 0..NODES {
                herd.spawn(|| whole(&gateway.get(&blob_path(image, layer)), layer));
            }
        }
    });
}

fn is_admitted(gateway: &Gateway, image: &Image) {
    let path = format!(
        "/v2/development/{}/manifests/{}",
        image.repository, image.digest
    );
    eventually("it is admitted", SOON, || {
        (gateway.get(&path).status == 200).then_some(())
    });
}

#[test]
fn a_cold_herd_costs_the_upstream_one_request_a_replica_and_none_once_the_tier_has_it() {
    let stage = or_skip!(Stage::open());
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let password = stage.credentials().with_file_name("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let ledger = format!(
        "[ledger]\nurl = \"postgres://{USER}@127.0.0.1:{}/{}\"\npassword_file = \"{}\"\n",
        server.port(),
        database.name(),
        password.display()
    );
    let link = SlowLink::start(stage.origin.address(), WIRE);
    let replica = || stage.replica(link.address(), &ledger);
    let gateways: Vec<Gateway> = (0..REPLICAS).map(|_| replica()).collect();
    let image = stage.admitted(&gateways[0], "team/app");
    let all: Vec<&Gateway> = gateways.iter().collect();
    for gateway in &all {
        is_admitted(gateway, &image);
    }
    pull_layer(&all, &image);
    let layer = &image.layers[0];
    let fetched = stage.origin.fetches_of(layer);
    assert!((1..=REPLICAS).contains(&fetched), "{fetched}");
    eventually("the upload", SOON, || {
        stage.s3.object(layer).exists().then_some(())
    });
    let late = replica();
    is_admitted(&late, &image);
    pull_layer(&[&late], &image);
    assert_eq!(stage.origin.fetches_of(layer), fetched, "the tier has it");
}

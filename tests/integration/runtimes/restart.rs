//! Gateways behind a real load balancer, restarted one after the other while clients
//! pull: nobody notices.

use std::time::Duration;

use crate::lab::{
    Balancer, Gateway, Image, Layer, Missing, Origin, Pullers, Setup, eventually, or_skip,
};

const CLIENTS: usize = 16;
/// Answers between two steps of the drill.
const MEANWHILE: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(60);

/// Two gateways that admit the same image, and the paths of its parts.
fn site(drain: &str) -> Result<(Origin, [Gateway; 2], Vec<String>), Missing> {
    let origin = Origin::start()?;
    let setup = Setup::new()
        .upstream("development", origin.address(), origin.address())
        .tables(drain);
    let gateways = [Gateway::start(&setup), Gateway::start(&setup)];
    let [small, large] = ["team/app", "team/large"].map(|name| origin.image(name, "1"));
    for gateway in &gateways {
        gateway.admit(origin.address(), &small);
        gateway.admit(origin.address(), &large);
    }
    let mut paths = manifests(&small);
    paths.extend(small.layers.iter().map(|layer| blob(&small, layer)));
    paths.extend(manifests(&large));
    paths.push(blob(&large, &large.layers[0]));
    Ok((origin, gateways, paths))
}

fn manifests(image: &Image) -> Vec<String> {
    let path = |reference| format!("/v2/development/{}/manifests/{reference}", image.repository);
    [&*image.digest, &*image.tag].map(path).to_vec()
}

fn blob(image: &Image, digest: &str) -> String {
    format!("/v2/development/{}/blobs/{digest}", image.repository)
}

fn restart_each(layer: Layer) {
    let (_origin, mut gateways, paths) = or_skip!(site("[drain]\ndelay = \"2s\"\n"));
    let balancer = or_skip!(Balancer::start(layer, &gateways));
    let pullers = Pullers::start(CLIENTS, balancer.address(), paths);
    pullers.more(MEANWHILE);
    for gateway in &mut gateways {
        gateway.restart();
        // The balancer sends it requests again before the other one goes.
        let served = || gateway.metric("sekisho_cache_requests_total", "");
        let before = served();
        eventually("requests at the new process", PATIENCE, || {
            (served() > before + 20.0).then_some(())
        });
        pullers.more(MEANWHILE);
    }
    let tally = pullers.stop();
    assert!(tally.failures.is_empty(), "{tally:#?}");
    assert!(tally.answered > 3 * MEANWHILE);
}

#[test]
fn no_pull_fails_when_each_gateway_behind_a_balancer_of_connections_is_restarted() {
    restart_each(Layer::Connections);
}

#[test]
fn no_pull_fails_when_each_gateway_behind_a_balancer_of_requests_is_restarted() {
    restart_each(Layer::Requests);
}

//! Mixed load while one thing after another fails, for as long as `SOAK_SECONDS` says:
//!
//!     SOAK_SECONDS=3600 cargo test --test integration soak -- --nocapture

use std::time::{Duration, Instant};

use rustix::process::Resource;
use sekisho::demo::Fault;

use super::disk::OnDisk;
use super::limits::Lowered;
use super::site::Site;
use super::weight::Weight;
use crate::lab::or_skip;

/// What fails, in turn.
const FAULTS: u64 = 6;

/// How far apart the points of the curve are that is printed on the way.
const CURVE_STEP_SECONDS: u64 = 20;

/// At least each fault once.
fn duration() -> Duration {
    let asked = std::env::var("SOAK_SECONDS").ok();
    Duration::from_secs(asked.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Work goes on while something fails, and after it.
async fn round(gateway: &OnDisk, number: u64) {
    let site = &gateway.site;
    site.work(2).await;
    let _lowered = match number % FAULTS {
        0 => {
            gateway.fill().await;
            None
        }
        1 => {
            gateway.use_up_inodes().await;
            None
        }
        2 => {
            let most = site.weight().descriptors as u64 + 2;
            Some(Lowered::to(site, Resource::Nofile, most))
        }
        3 => Some(Lowered::to(site, Resource::Fsize, 4096)),
        4 => upstream_fails(site, Fault::CutAfter(50_000)),
        _ => upstream_fails(site, Fault::WrongBytes),
    };
    site.work(4).await;
    gateway.make_room();
    site.registry.heal();
}

fn upstream_fails(site: &Site, fault: Fault) -> Option<Lowered> {
    site.registry.inject("/blobs/", 8, fault);
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soak_with_faults_leaves_memory_and_descriptors_flat() {
    let mut gateway = or_skip!(OnDisk::start(".").await);
    let began = Instant::now();
    let (mut rounds, mut seen, mut told) = (0, Vec::<Weight>::new(), None);
    while rounds < FAULTS || began.elapsed() < duration() {
        round(&gateway, rounds).await;
        // It fails where it holds more than before, once it is well.
        gateway.site.recovers().await;
        let weight = gateway.site.weight();
        seen.push(weight);
        rounds += 1;
        let point = began.elapsed().as_secs() / CURVE_STEP_SECONDS;
        if told != Some(point) {
            told = Some(point);
            let (held, images) = (gateway.site.memory().await, gateway.site.done().0);
            let seconds = began.elapsed().as_secs();
            println!("{seconds:5} s, {images:5} images: {held}, {weight:?}");
        }
    }
    let (images, revocations) = gateway.site.done();
    let memory: Vec<u64> = seen.iter().map(|it| it.memory >> 20).collect();
    let descriptors = seen.iter().map(|it| it.descriptors).max();
    println!(
        "{} s, {rounds} faults, {images} images handed in, {revocations} revoked; \
         MiB after each: {memory:?}; descriptors at most {descriptors:?}",
        began.elapsed().as_secs()
    );
    gateway.site.served.signal("TERM");
    assert_eq!(gateway.site.served.ended().await, Some(0));
}

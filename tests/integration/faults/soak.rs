//! Mixed load while one thing after another fails, for as long as `SOAK_SECONDS` says:
//!
//!     SOAK_SECONDS=3600 cargo test --test integration soak -- --nocapture

use std::time::{Duration, Instant};

use rustix::process::Resource;
use sekisho::demo::Fault;

use super::disk::OnDisk;
use super::limits::Lowered;
use super::site::{IMAGES, Site};
use super::weight::Weight;
use crate::lab::or_skip;

/// What fails, in turn.
const FAULTS: u64 = 6;

/// Images handed in until what may fill up has: content, and what is remembered of each image.
const SETTLED_TURNS: u64 = 6 * IMAGES;
/// What it may hold more at the end than once it had settled, in bytes: what the allocator
/// keeps varies by as much.
const GROWN_BYTES: u64 = 24 << 20;

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

/// What it holds once each image came several times, in bytes: at first, and at the end.
fn settled(seen: &[(u64, Weight)]) -> Option<(u64, u64)> {
    let settled = seen.iter().filter(|(turns, _)| *turns > SETTLED_TURNS);
    let settled: Vec<u64> = settled.map(|(_, weight)| weight.memory).collect();
    let part = settled.len() / 4;
    let (first, last) = (settled.get(..part)?, settled.get(settled.len() - part..)?);
    Some((median(first)?, median(last)?))
}

fn median(of: &[u64]) -> Option<u64> {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soak_with_faults_leaves_memory_and_descriptors_flat() {
    let mut gateway = or_skip!(OnDisk::start(".").await);
    let began = Instant::now();
    let (mut rounds, mut seen, mut told) = (0, Vec::<(u64, Weight)>::new(), None);
    while rounds < FAULTS || began.elapsed() < duration() {
        round(&gateway, rounds).await;
        // It fails where it holds more than before, once it is well.
        gateway.site.recovers().await;
        let (turns, weight) = (gateway.site.turns(), gateway.site.weight());
        seen.push((turns, weight));
        rounds += 1;
        let point = began.elapsed().as_secs() / CURVE_STEP_SECONDS;
        if told != Some(point) {
            told = Some(point);
            let (seconds, held) = (began.elapsed().as_secs(), gateway.site.memory().await);
            println!("{seconds:5} s, {turns:5} handed in: {held}, {weight:?}");
        }
    }
    println!("{rounds} faults in {} s", began.elapsed().as_secs());
    if let Some((first, last)) = settled(&seen) {
        println!(
            "settled at {} MiB, at the end {} MiB",
            first >> 20,
            last >> 20
        );
        assert!(last <= first + GROWN_BYTES, "{seen:?}");
    }
    gateway.site.served.signal("TERM");
    assert_eq!(gateway.site.served.ended().await, Some(0));
}

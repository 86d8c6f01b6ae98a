//! The machine dies in the middle of fills, again and again; what the cache
//! holds afterwards is whole, byte for byte, and the pull goes through.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::lab::{
    Gateway, Image, Origin, Setup, SlowLink, Wire, digest_of, eventually, get, or_skip,
};

/// Half a second for a layer of 16 MiB.
const WIRE: Wire = Wire {
    bytes_per_second: 32 << 20,
    latency: Duration::ZERO,
};
const KEPT_WITHIN: Duration = Duration::from_secs(10);
/// The cache's growth, after its start, at which the machine dies.
const DEATHS: [u64; 5] = [1 << 20, 7 << 20, 15 << 20, 20 << 20, 30 << 20];

#[test]
fn kill_in_the_middle_of_fills_leaves_only_whole_blobs() {
    let origin = or_skip!(Origin::start());
    let link = SlowLink::start(origin.address(), WIRE);
    let mut gateway =
        Gateway::start(&Setup::new().upstream("development", origin.address(), link.address()));
    let image = origin.image("team/large", "1");
    gateway.admit(origin.address(), &image);
    for growth in DEATHS {
        die_when_the_cache_has_grown_by(growth, &mut gateway, &image);
        verify(&gateway.cache());
    }
    for layer in &image.layers {
        let blob = gateway.get(&path(&image, layer));
        assert_eq!(blob.status, 200, "{}", blob.text());
        assert_eq!(digest_of(&blob.body), *layer);
    }
    // The last bytes reach their client a moment before the file has its name.
    eventually("the last file", KEPT_WITHIN, || {
        let kept = |layer: &String| find(&gateway.cache(), &layer["sha256:".len()..]).is_some();
        image.layers.iter().all(kept).then_some(())
    });
    verify(&gateway.cache());
}

fn die_when_the_cache_has_grown_by(growth: u64, gateway: &mut Gateway, image: &Image) {
    let (address, cache) = (gateway.address().to_owned(), gateway.cache());
    let start = size(&cache);
    thread::scope(|clients| {
        for layer in &image.layers {
            let target = path(image, layer);
            clients.spawn(|| get(&address, &{ target }));
        }
        eventually("the fill", Duration::from_secs(30), || {
            let whole = image
                .layers
                .iter()
                .all(|layer| find(&cache, &layer["sha256:".len()..]).is_some());
            (whole || size(&cache) >= start + growth).then_some(())
        });
        gateway.kill();
    });
    gateway.crash_and_restart();
}

fn path(image: &Image, blob: &str) -> String {
    format!("/v2/development/{}/blobs/{blob}", image.repository)
}

/// Every file that is named by a digest has it.
fn verify(cache: &Path) {
    for file in files(cache).into_iter().filter(|file| is_hex(&name(file))) {
        let digest = format!("sha256:{}", name(&file));
        assert_eq!(
            digest_of(&fs::read(&file).unwrap()),
            digest,
            "{}",
            file.display()
        );
    }
}

fn find(cache: &Path, hex: &str) -> Option<PathBuf> {
    files(cache).into_iter().find(|file| name(file) == hex)
}

fn size(cache: &Path) -> u64 {
    files(cache)
        .iter()
        .filter_map(|file| fs::metadata(file).ok())
        .map(|data| data.len())
        .sum()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

fn is_hex(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

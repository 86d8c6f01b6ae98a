//! The index in memory, which every pull asks: its cost must not grow with the images.

use std::sync::Arc;

use divan::{Bencher, black_box};
use jiff::Timestamp;
use sekisho::ledger::{Ledger, LedgerAccess, LedgerLocation, LedgerOptions};
use sekisho::oci::{Closure, Digest, Repository};
use serde_json::json;
use tempfile::TempDir;

const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Images that the ledger knows.
const SIZES: [u32; 2] = [100, 10_000];
/// Layers that every image has, and those of its own.
const LAYERS: (u32, u32) = (5, 3);

/// A ledger that knows so many images, as `serve` has it.
struct Known {
    ledger: Ledger,
    repository: Repository,
    middle: Arc<Closure>,
    _folder: TempDir,
}

fn digest(name: &str) -> Digest {
    Digest::sha256(name.as_bytes())
}

fn closure(number: u32) -> Arc<Closure> {
    let shared = (0..LAYERS.0).map(|layer| format!("shared {layer}"));
    let own = (0..LAYERS.1).map(|layer| format!("layer {layer} of {number}"));
    let blob = |name: &str| {
        json!({
            "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": digest(name), "size": 1000,
        })
    };
    let root = digest(&format!("manifest {number}"));
    let image = json!({
        "manifest": root,
        "media_type": IMAGE_MANIFEST, "size": 1000,
        "content": {"runnable": {"platform": "linux/amd64", "chain_id": null}},
        "config": blob(&format!("config {number}")),
        "layers": shared.chain(own).map(|name| blob(&name)).collect::<Vec<_>>(),
        "subject": null,
    });
    let closure = json!({
        "root": root, "media_type": IMAGE_MANIFEST, "size": 1000,
        "shape": {"image": image},
    });
    Arc::new(serde_json::from_value(closure).unwrap())
}

fn known(images: u32) -> Known {
    let folder = tempfile::tempdir().unwrap();
    let location = LedgerLocation::File(folder.path().join("ledger.db"));
    let options = LedgerOptions::of(location);
    let repository = "registry.corp/team/app".parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ledger = runtime.block_on(async {
        let opened = Ledger::open(options, LedgerAccess::Serve, Timestamp::now()).await;
        let ledger = opened.unwrap();
        for number in 0..images {
            let recorded = ledger.record_closure(&repository, &closure(number)).await;
            recorded.unwrap();
        }
        ledger
    });
    let middle = closure(images / 2);
    Known {
        ledger,
        repository,
        middle,
        _folder: folder,
    }
}

#[divan::bench(args = SIZES)]
fn has_evidence(bencher: Bencher<'_, '_>, images: u32) {
    let known = known(images);
    let index = known.ledger.index();
    bencher.bench(|| index.has_evidence(black_box(known.middle.root())));
}

#[divan::bench(args = SIZES)]
fn related_digests(bencher: Bencher<'_, '_>, images: u32) {
    let known = known(images);
    let index = known.ledger.index();
    bencher.bench(|| index.related(black_box(&known.middle), &[]));
}

#[divan::bench(args = SIZES)]
fn closure_of_a_root(bencher: Bencher<'_, '_>, images: u32) {
    let known = known(images);
    let (index, root) = (known.ledger.index(), known.middle.root());
    bencher.bench(|| index.closure(&known.repository, black_box(root)).unwrap());
}

#[divan::bench(args = SIZES)]
fn images_holding_an_own_layer(bencher: Bencher<'_, '_>, images: u32) {
    let known = known(images);
    let index = known.ledger.index();
    let layer = digest(&format!("layer 0 of {}", images / 2));
    bencher.bench(|| index.images_holding(&known.repository, black_box(&layer), 16));
}

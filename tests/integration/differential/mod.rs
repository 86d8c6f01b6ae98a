//! Texts that nodes read, as Sekisho reads them and as the programs on nodes do.
//!
//! `tests/fixtures/go` holds what containerd, Docker and containers/image made of some
//! thousand texts; `tests/setup/go-readers` writes it anew. Sekisho may refuse what they take.
//! What both take, both read as the same.

mod configs;
mod hosts;
mod manifests;
mod references;
mod registries;

use std::io::Read as _;
use std::path::Path;

use serde::de::DeserializeOwned;

/// The rows of a corpus.
fn corpus<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/go");
    let packed = std::fs::File::open(folder.join(format!("{name}.jsonl.gz"))).unwrap();
    let mut text = String::new();
    let mut unpacked = flate2::read::GzDecoder::new(packed);
    unpacked.read_to_string(&mut text).unwrap();
    let rows: Vec<T> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(rows.len() > 1000, "{name} holds {} rows", rows.len());
    rows
}

/// Fails with the first of `differences`, and how many there are; also where fewer than
/// `least` texts were taken at all, since a reader that refuses everything never differs.
fn assert_agree(differences: &[String], taken: usize, least: usize) {
    let some = differences.iter().take(20);
    let told: Vec<&str> = some.map(String::as_str).collect();
    let count = differences.len();
    assert!(told.is_empty(), "{count} differ:\n{}", told.join("\n"));
    assert!(taken >= least, "only {taken} texts were taken");
}

/// A text, or bytes that are none.
#[derive(serde::Deserialize)]
struct Input {
    #[serde(default, rename = "in")]
    text: Option<String>,
    #[serde(default)]
    base64: Option<String>,
}

impl Input {
    fn bytes(&self) -> Vec<u8> {
        use base64::Engine as _;
        let engine = base64::prelude::BASE64_STANDARD;
        let of_base64 = self
            .base64
            .as_ref()
            .map(|text| engine.decode(text).unwrap());
        let of_text = self.text.as_ref().map(|text| text.clone().into_bytes());
        of_base64.or(of_text).unwrap_or_default()
    }
}

//! Names, manifests and reports, from bytes to values.

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use sekisho::demo::{ImageBuilder, SampleImage, SampleIndex};
use sekisho::oci::{Digest, ImageRef, Manifest, MediaType, Platform, RegistryHost};
use sekisho::report;
use serde_json::{Value, json};

fn image(name: &str) -> SampleImage {
    let image = ImageBuilder::new(Platform::new("linux", "amd64", None));
    image.file("etc/motd", name.as_bytes()).build()
}

#[divan::bench(args = [
    "nginx",
    "registry.corp:5000/team/app:1.4",
    "registry.corp/team/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
])]
fn image_reference(bencher: Bencher<'_, '_>, text: &str) {
    let hub = RegistryHost::parse("docker.io").unwrap();
    bencher.bench(|| ImageRef::parse(black_box(text), &hub).unwrap());
}

#[divan::bench]
fn image_manifest(bencher: Bencher<'_, '_>) {
    read_manifest(bencher, &image("app").manifest.bytes);
}

#[divan::bench(args = [2, 8, 32])]
fn image_index(bencher: Bencher<'_, '_>, children: usize) {
    let images = (0..children).map(|number| image(&number.to_string()));
    read_manifest(bencher, &SampleIndex::new(images.collect()).manifest.bytes);
}

fn read_manifest(bencher: Bencher<'_, '_>, bytes: &Bytes) {
    let stated: Value = serde_json::from_slice(bytes).unwrap();
    let media_type = MediaType::parse(stated["mediaType"].as_str().unwrap()).unwrap();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench(|| Manifest::parse(black_box(bytes.clone()), &media_type).unwrap());
}

/// What a fill pays for each byte, by the algorithm.
#[divan::bench(args = ["sha256", "sha512"])]
fn digest_of_a_mebibyte(bencher: Bencher<'_, '_>, algorithm: &str) {
    let bytes = vec![7; 1 << 20];
    let digest = match algorithm {
        "sha256" => Digest::sha256,
        _ => Digest::sha512,
    };
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench(|| digest(black_box(&bytes)));
}

#[divan::bench(args = [10, 1000])]
fn trivy_report(bencher: Bencher<'_, '_>, findings: usize) {
    let report = trivy(&image("app"), findings);
    bencher
        .counter(BytesCount::new(report.len()))
        .bench(|| report::read(black_box(&report), None).unwrap());
}

fn trivy(image: &SampleImage, findings: usize) -> Vec<u8> {
    let finding = |number: usize| {
        json!({
            "VulnerabilityID": format!("CVE-2024-{number:05}"), "PkgName": format!("lib{number}"),
            "InstalledVersion": "1.0.0", "FixedVersion": "1.0.1", "Severity": "MEDIUM",
            "Title": "a fault that a report of a real scanner tells about in one line",
        })
    };
    let report = json!({
        "SchemaVersion": 2,
        "CreatedAt": "2026-01-01T00:00:00Z",
        "ArtifactName": "registry.corp/team/app",
        "ArtifactType": "container_image",
        "Metadata": {
            "ImageID": image.config.digest.to_string(),
            "RepoDigests": [format!("registry.corp/team/app@{}", image.manifest.digest)],
            "OS": {"Family": "debian", "Name": "12"},
        },
        "Results": [{
            "Target": "debian", "Class": "os-pkgs", "Type": "debian",
            "Vulnerabilities": (0..findings).map(finding).collect::<Vec<_>>(),
        }],
    });
    serde_json::to_vec(&report).unwrap()
}

//! Manifests and indexes, as containerd and Docker read them: what a node fetches next.

use bytes::Bytes;
use sekisho::oci::{Descriptor, Manifest, MediaType, Platform};

use super::{Input, assert_agree, corpus};

#[derive(serde::Deserialize)]
struct Row {
    #[serde(rename = "type")]
    media_type: String,
    #[serde(flatten)]
    input: Input,
    containerd: Option<Vec<String>>,
    docker: Option<Vec<String>>,
}

fn line(child: &Descriptor) -> String {
    let platform = child.platform.as_ref();
    let platform = platform.map(Platform::to_string).unwrap_or_default();
    let (kind, digest, size) = (&child.media_type, &child.digest, child.size);
    format!("{kind} {digest} {size} {platform}")
}

fn read(row: &Row) -> Option<Vec<String>> {
    let bytes = Bytes::from(row.input.bytes());
    let manifest = Manifest::parse(bytes, &MediaType::new(&row.media_type)).ok()?;
    let children = manifest.children().iter().chain(manifest.blobs());
    Some(children.map(line).collect())
}

/// The same without the platform, which Docker's reader hands on for no child.
fn without_platform(children: &[String]) -> Vec<&str> {
    let parts = children.iter().filter_map(|line| line.rsplit_once(' '));
    parts.map(|(rest, _)| rest).collect()
}

#[test]
fn manifests_lead_where_nodes_go() {
    let (mut taken, mut differences) = (0, Vec::new());
    for row in corpus::<Row>("manifests") {
        let Some(ours) = read(&row) else {
            continue;
        };
        taken += 1;
        let text = String::from_utf8_lossy(&row.input.bytes()).into_owned();
        // What a reader refuses, it does not run.
        if let Some(theirs) = row.containerd.as_ref().filter(|theirs| **theirs != ours) {
            differences.push(format!("{text:?}: {ours:?} and containerd {theirs:?}"));
        }
        let docker = row.docker.as_deref().map(without_platform);
        if let Some(theirs) = docker.filter(|theirs| *theirs != without_platform(&ours)) {
            differences.push(format!("{text:?}: {ours:?} and Docker {theirs:?}"));
        }
    }
    assert_agree(&differences, taken, 200);
}

//! Image names, as distribution/reference reads them for the kubelet, CRI and Docker.

use sekisho::oci::{Digest, ImageRef, RegistryHost, Tag};

use super::{assert_agree, corpus};

#[derive(serde::Deserialize)]
struct Row {
    #[serde(rename = "in")]
    text: String,
    #[serde(default)]
    error: bool,
    #[serde(default)]
    host: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    tag: String,
    #[serde(default)]
    digest: String,
}

impl Row {
    /// What Go reads, with the default port left out and the names of Docker Hub as one:
    /// Sekisho does not tell them apart, and each leads to the same place.
    fn read(&self) -> String {
        if self.error {
            return "refused".to_owned();
        }
        let Self { path, .. } = self;
        let host = match self.host.strip_suffix(":443").unwrap_or(&self.host) {
            "index.docker.io" | "registry-1.docker.io" => "docker.io",
            host => host,
        };
        let official = host == "docker.io" && !path.contains('/');
        let library = if official { "library/" } else { "" };
        let (tag, digest) = (&self.tag, &self.digest);
        format!("{host}/{library}{path} tag {tag} digest {digest}")
    }
}

fn read(text: &str) -> Option<String> {
    let image = ImageRef::parse(text, &RegistryHost::docker_hub()).ok()?;
    let tag = image.tag().map(Tag::to_string).unwrap_or_default();
    let digest = image.digest().map(Digest::to_string).unwrap_or_default();
    let repository = image.repository();
    Some(format!("{repository} tag {tag} digest {digest}"))
}

#[test]
fn image_names_are_read_as_nodes_read_them() {
    let (mut taken, mut differences) = (0, Vec::new());
    for row in corpus::<Row>("references") {
        let Some(ours) = read(&row.text) else {
            continue;
        };
        taken += 1;
        let theirs = row.read();
        if ours != theirs {
            differences.push(format!("{:?}: {ours} and {theirs}", row.text));
        }
    }
    assert_agree(&differences, taken, 1000);
}

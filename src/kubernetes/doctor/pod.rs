//! The images of a Pod, as it names them and as its node got them.

use serde_json::Value;

use super::snapshot::{list, text};
use crate::kubernetes::names::CONTAINER_LISTS;

/// What the kubelet says of the containers of each of [`CONTAINER_LISTS`].
const STATUSES: [&str; 3] = [
    "/status/containerStatuses",
    "/status/initContainerStatuses",
    "/status/ephemeralContainerStatuses",
];

/// A Pod's list of containers.
fn containers<'a>(pod: &'a Value, of: &str) -> &'a [Value] {
    list(pod, &format!("/spec/{of}"))
}

/// As the Pod names them, those of image volumes too.
pub(super) fn images_of(pod: &Value) -> Vec<String> {
    let containers = CONTAINER_LISTS.iter().flat_map(|of| containers(pod, of));
    let run = containers.map(|container| text(container, "/image"));
    let volumes = list(pod, "/spec/volumes").iter();
    let mounted = volumes.map(|volume| text(volume, "/image/reference"));
    let named = run.chain(mounted).filter(|image| !image.is_empty());
    named.map(str::to_owned).collect()
}

/// What runs: `repository@digest` where the node says it, else the Pod's own name.
pub(super) fn running(pod: &Value) -> Vec<String> {
    let mut images = Vec::new();
    for (of, statuses) in CONTAINER_LISTS.iter().zip(STATUSES) {
        let statuses = list(pod, statuses);
        for container in containers(pod, of) {
            let image = text(container, "/image");
            let name = text(container, "/name");
            let status = statuses.iter().find(|status| text(status, "/name") == name);
            let digest = status.and_then(|status| digest_of(text(status, "/imageID")));
            images.push(match digest {
                Some(digest) => format!("{}@{digest}", without_tag(image)),
                None => image.to_owned(),
            });
        }
    }
    let volumes = list(pod, "/spec/volumes").iter();
    images.extend(volumes.map(|volume| text(volume, "/image/reference").to_owned()));
    images.retain(|image| !image.is_empty());
    images.sort();
    images.dedup();
    images
}

/// The digest of an image ID that names a repository; a bare one is of the image's
/// configuration, which no registry knows it by.
fn digest_of(image_id: &str) -> Option<&str> {
    let (repository, digest) = image_id.rsplit_once('@')?;
    (!repository.is_empty() && digest.starts_with("sha")).then_some(digest)
}

fn without_tag(image: &str) -> &str {
    let bare = image.split('@').next().unwrap_or(image);
    let path = bare.rfind('/').map_or(0, |at| at + 1);
    match bare[path..].rfind(':') {
        Some(at) => &bare[..path + at],
        None => bare,
    }
}

//! What is understood of a container, from each runtime.

use super::super::messages::Image;
use super::kit::{container, created, pod, texts};
use crate::oci::Digest;

fn digest(text: &str) -> Digest {
    Digest::sha256(text.as_bytes())
}

#[test]
fn containerd_names_index_and_config() {
    let image = Image {
        name: "gate.corp/team/app:1".to_owned(),
        digest: digest("index").to_string(),
        config_digest: digest("config").to_string(),
    };
    let found = created(pod(), container(Some(image)));
    assert_eq!(found.image.name, "gate.corp/team/app:1");
    assert_eq!(found.image.digests, [digest("index"), digest("config")]);
    let place = [&found.namespace, &found.pod, &found.pod_uid, &found.name];
    assert_eq!(place, ["shop", "shop-1", "u-1", "main"]);
    assert!(found.is_running && !found.is_static);
}

#[test]
fn an_older_containerd_names_the_image_alone() {
    let mut older = container(None);
    older.annotations = texts(&[("io.kubernetes.cri.image-name", "gate.corp/team/app:1")]);
    let found = created(pod(), older);
    assert_eq!(found.image.name, "gate.corp/team/app:1");
    assert_eq!(found.image.digests, []);
}

#[test]
fn crio_names_the_image_that_it_found() {
    let by_name = format!("gate.corp/team/app@{}", digest("index"));
    for (image, expected) in [
        (digest("config").hex(), digest("config")),
        (digest("config").to_string(), digest("config")),
        (by_name, digest("index")),
    ] {
        let mut of_crio = container(None);
        of_crio.annotations = texts(&[
            ("io.kubernetes.cri-o.ImageName", "gate.corp/team/app:1"),
            ("io.kubernetes.cri-o.ImageRef", &image),
            ("io.kubernetes.cri-o.Image", &image),
        ]);
        let found = created(pod(), of_crio);
        assert_eq!(found.image.name, "gate.corp/team/app:1");
        assert_eq!(found.image.digests, [expected], "{image}");
    }
}

#[test]
fn what_is_no_digest_is_none() {
    for bad in [
        "",
        "sha256:",
        "sha256:zz",
        "gate.corp/team/app:1",
        "@",
        "md5:0",
    ] {
        let image = Image {
            name: String::new(),
            digest: bad.to_owned(),
            config_digest: bad.to_owned(),
        };
        assert_eq!(created(pod(), container(Some(image))).image.digests, []);
    }
}

#[test]
fn a_pod_from_a_file_of_the_node_is_static() {
    for (source, is_static) in [("file", true), ("http", true), ("api", false)] {
        let mut pod = pod();
        pod.annotations = texts(&[("kubernetes.io/config.source", source)]);
        assert_eq!(created(pod, container(None)).is_static, is_static);
    }
}

#[test]
fn a_pod_may_ask_to_be_refused() {
    let mut asking = pod();
    asking.annotations = texts(&[("node.sekisho.internal/canary", "")]);
    assert!(created(asking, container(None)).is_canary);
    assert!(!created(pod(), container(None)).is_canary);
}

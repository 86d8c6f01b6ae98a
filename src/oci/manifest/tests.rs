use serde_json::json;

use super::*;
use crate::oci::{Digest, JsonError};

const DOCKER: &str = r#"{
   "schemaVersion": 2,
   "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
   "config": {
      "mediaType": "application/vnd.docker.container.image.v1+json",
      "size": 1456,
      "digest": "sha256:c59487b8e4b8ad4f5c3a5a2f1a4d8ef0c5d2a1e8a9b1f0b9b7c5d0f0e2a1b3c4"
   },
   "layers": [
      {
         "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
         "size": 772999,
         "digest": "sha256:ee153a04d6837058642958836062f20badf39f558be3e6c7c7773ef7d8301d90"
      },
      {
         "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
         "size": 32,
         "digest": "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"
      }
   ]
}"#;

const OCI_INDEX: &str = r#"{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:9eccca6a5b9c2d2b8a8e7c8f9f0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b",
      "size": 1054,
      "annotations": {"com.docker.official-images.bashbrew.arch": "amd64", "A": "1", "a": "2"},
      "platform": {"architecture": "amd64", "os": "linux"}
    },
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:1eccca6a5b9c2d2b8a8e7c8f9f0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b",
      "size": 566,
      "annotations": {
        "vnd.docker.reference.digest": "sha256:9eccca6a5b9c2d2b8a8e7c8f9f0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b",
        "vnd.docker.reference.type": "attestation-manifest"
      },
      "platform": {"architecture": "unknown", "os": "unknown"}
    }
  ]
}"#;

fn parse(body: &str, content_type: &MediaType) -> Result<Manifest, StructuralRefusal> {
    Manifest::parse(Bytes::from(body.to_owned()), content_type)
}

fn refusal(body: &str, content_type: &MediaType) -> StructuralRefusal {
    parse(body, content_type).expect_err(body)
}

fn descriptor(media_type: &MediaType, content: &[u8]) -> Value {
    json!({
        "mediaType": media_type,
        "digest": Digest::sha256(content),
        "size": content.len(),
    })
}

/// An OCI image with one layer, in which a test changes something.
fn image() -> Value {
    let layer = MediaType::new("application/vnd.oci.image.layer.v1.tar+gzip");
    json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": descriptor(&MediaType::OCI_CONFIG, b"config"),
        "layers": [descriptor(&layer, b"layer")],
        "annotations": {"org.opencontainers.image.title": "app"},
    })
}

fn image_with(change: impl FnOnce(&mut Value)) -> String {
    let mut body = image();
    change(&mut body);
    body.to_string()
}

fn image_refusal(change: impl FnOnce(&mut Value)) -> StructuralRefusal {
    refusal(&image_with(change), &MediaType::OCI_MANIFEST)
}

#[test]
fn reads_a_docker_image() {
    let manifest = parse(DOCKER, &MediaType::DOCKER_MANIFEST).unwrap();
    let sizes: Vec<u64> = manifest.blobs().map(|blob| blob.size).collect();
    assert_eq!(sizes, [1456, 772_999, 32]);
    assert_eq!(manifest.bytes(), DOCKER);
    assert!(manifest.children().is_empty());
}

#[test]
fn reads_an_index_with_attestations() {
    let manifest = parse(OCI_INDEX, &MediaType::OCI_INDEX).unwrap();
    let platforms: Vec<String> = manifest
        .children()
        .iter()
        .map(|child| child.platform.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(platforms, ["linux/amd64", "unknown/unknown"]);
    assert_eq!(manifest.blobs().count(), 0);
}

#[test]
fn reads_an_artifact_with_subject_and_embedded_data() {
    let body = json!({
        "schemaVersion": 2,
        "artifactType": "application/vnd.example.sbom",
        "config": {"mediaType": MediaType::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2, "data": "e30="},
        "layers": [descriptor(&MediaType::new("text/spdx+json"), b"sbom")],
        "subject": descriptor(&MediaType::OCI_MANIFEST, b"image"),
        "unknown": {"Layers": 1},
    });
    let manifest = parse(&body.to_string(), &MediaType::OCI_MANIFEST).unwrap();
    let subject = manifest.subject().map(|subject| subject.digest.clone());
    assert_eq!(subject, Some(Digest::sha256(b"image")));
    assert_eq!(
        manifest.artifact_type().map(MediaType::as_str),
        Some("application/vnd.example.sbom")
    );
}

#[test]
fn bypass_05_refuses_a_body_of_two_shapes() {
    for (key, value) in [("manifests", json!([])), ("manifests", Value::Null)] {
        let refused = image_refusal(|body| body[key] = value);
        assert_eq!(refused, StructuralRefusal::ImageAndIndex);
    }
    let mut index: Value = serde_json::from_str(OCI_INDEX).unwrap();
    index["layers"] = json!([]);
    let refused = refusal(&index.to_string(), &MediaType::OCI_INDEX);
    assert_eq!(refused, StructuralRefusal::ImageAndIndex);
}

#[test]
fn bypass_05_refuses_a_body_sent_as_the_other_shape() {
    let plain = |body: &mut Value| drop(body.as_object_mut().unwrap().remove("mediaType"));
    let image = image_with(plain);
    assert_eq!(
        refusal(&image, &MediaType::OCI_INDEX),
        StructuralRefusal::ImageAndIndex
    );
    let index = OCI_INDEX.replace(
        r#""mediaType": "application/vnd.oci.image.index.v1+json","#,
        "",
    );
    assert_eq!(
        refusal(&index, &MediaType::OCI_MANIFEST),
        StructuralRefusal::ImageAndIndex
    );
    for (other, expected) in [
        ("application/json", StructuralRefusal::NoType),
        ("text/html", StructuralRefusal::NoType),
        ("", StructuralRefusal::NoType),
        (
            "application/vnd.oci.image.config.v1+json",
            StructuralRefusal::ContentType,
        ),
    ] {
        assert_eq!(refusal(&image, &MediaType::new(other)), expected);
    }
}

#[test]
fn bypass_06_refuses_known_keys_in_another_case() {
    for other in ["Layers", "LAYERS", "LAYERſ", "layerſ"] {
        let beside = image_refusal(|body| body[other] = json!([]));
        assert_eq!(
            beside,
            StructuralRefusal::Json(JsonError::RepeatedKey { line: 1 }),
            "{other}"
        );
        let alone = image_refusal(|body| {
            let layers = body.as_object_mut().unwrap().remove("layers").unwrap();
            body[other] = layers;
        });
        assert_eq!(
            alone,
            StructuralRefusal::Json(JsonError::KeyCase("layers")),
            "{other}"
        );
    }
    for (key, known) in [
        ("FSLayers", "fsLayers"),
        ("ſchemaverſion", "schemaVersion"),
        ("manifestS", "manifests"),
        ("ARTIFACTTYPE", "artifactType"),
    ] {
        let refused = image_refusal(|body| {
            body.as_object_mut().unwrap().remove(known);
            body[key] = json!(2);
        });
        assert_eq!(
            refused,
            StructuralRefusal::Json(JsonError::KeyCase(known)),
            "{key}"
        );
    }
}

#[test]
fn bypass_06_refuses_a_descriptors_keys_in_another_case() {
    for (key, known) in [
        ("URLs", "urls"),
        ("urlſ", "urls"),
        ("Data", "data"),
        ("Platform", "platform"),
    ] {
        let refused = image_refusal(|body| body["layers"][0][key] = json!(["x"]));
        assert_eq!(
            refused,
            StructuralRefusal::Json(JsonError::KeyCase(known)),
            "{key}"
        );
    }
    let index = OCI_INDEX.replace(r#""os": "linux""#, r#""OS": "linux""#);
    let refused = refusal(&index, &MediaType::OCI_INDEX);
    assert_eq!(refused, StructuralRefusal::Json(JsonError::KeyCase("os")));
}

#[test]
fn bypass_06_refuses_duplicates_bom_trailing_bytes_and_bad_utf8() {
    let text = image_with(|_| ());
    let twice = text.replacen('{', r#"{"layers":[],"#, 1);
    assert_eq!(
        refusal(&twice, &MediaType::OCI_MANIFEST),
        StructuralRefusal::Json(JsonError::RepeatedKey { line: 1 })
    );
    let mut bad = text.clone().into_bytes();
    bad.splice(1..1, *b"\"x\":\"\xff\",");
    let refused = Manifest::parse(Bytes::from(bad), &MediaType::OCI_MANIFEST);
    assert_eq!(refused, Err(StructuralRefusal::Json(JsonError::Utf8)));
    for body in [
        format!("\u{feff}{text}"),
        format!("{text}{text}"),
        format!("{text}\0"),
    ] {
        assert!(parse(&body, &MediaType::OCI_MANIFEST).is_err(), "{body}");
    }
    assert!(parse(&format!("\n{text}\r\n\t "), &MediaType::OCI_MANIFEST).is_ok());
}

#[test]
fn bypass_06_holds_media_type_and_content_type_together() {
    let stated = |text: &str| {
        let text = text.to_owned();
        image_refusal(move |body| body["mediaType"] = json!(text))
    };
    for other in [
        MediaType::DOCKER_MANIFEST.as_str(),
        MediaType::OCI_INDEX.as_str(),
        "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
        "Application/vnd.oci.image.manifest.v1+json",
        "text/html",
    ] {
        assert_eq!(
            stated(other),
            StructuralRefusal::MediaTypeDisagrees,
            "{other}"
        );
    }
    let silent = DOCKER.replace(
        "   \"mediaType\": \"application/vnd.docker.distribution.manifest.v2+json\",\n",
        "",
    );
    assert_eq!(
        refusal(&silent, &MediaType::DOCKER_MANIFEST),
        StructuralRefusal::MediaTypeMissing
    );
    assert!(parse(&silent, &MediaType::OCI_MANIFEST).is_ok());
    assert_eq!(
        refusal(DOCKER, &MediaType::OCI_MANIFEST),
        StructuralRefusal::MediaTypeDisagrees
    );
}

#[test]
fn bypass_06_refuses_schema_1() {
    let schema1 = r#"{"schemaVersion":1,"name":"library/x","tag":"latest","architecture":"amd64",
        "fsLayers":[{"blobSum":"sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"}],
        "history":[{"v1Compatibility":"{}"}],"signatures":[]}"#;
    for sent in [
        MediaType::DOCKER_SCHEMA1,
        MediaType::DOCKER_SCHEMA1_SIGNED,
        MediaType::OCI_MANIFEST,
        MediaType::OCI_INDEX,
    ] {
        assert_eq!(
            refusal(schema1, &sent),
            StructuralRefusal::Schema1,
            "{sent}"
        );
    }
    assert_eq!(
        image_refusal(|body| body["schemaVersion"] = json!(1)),
        StructuralRefusal::Schema1
    );
    for version in [json!(3), json!("2"), json!(2.0), json!(null), json!(-2)] {
        let refused = image_refusal(|body| body["schemaVersion"] = version);
        assert_eq!(refused, StructuralRefusal::SchemaVersion);
    }
}

#[test]
fn bypass_17_refuses_foreign_layers() {
    let urls = image_refusal(|body| body["layers"][0]["urls"] = json!(["https://evil.example/l"]));
    assert_eq!(urls, StructuralRefusal::Urls);
    let urls = image_refusal(|body| body["config"]["urls"] = json!(["https://evil.example/c"]));
    assert_eq!(urls, StructuralRefusal::Urls);
    let entry = OCI_INDEX.replacen(
        r#""size": 1054,"#,
        r#""size": 1054, "urls": ["https://x/"],"#,
        1,
    );
    assert_eq!(
        refusal(&entry, &MediaType::OCI_INDEX),
        StructuralRefusal::Urls
    );
    for foreign in [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "Application/vnd.oci.image.layer.NonDistributable.v1.tar",
    ] {
        let refused = image_refusal(|body| body["layers"][0]["mediaType"] = json!(foreign));
        assert_eq!(refused, StructuralRefusal::ForeignLayer, "{foreign}");
    }
    assert!(
        parse(
            &image_with(|body| body["layers"][0]["urls"] = json!([])),
            &MediaType::OCI_MANIFEST
        )
        .is_ok()
    );
}

#[test]
fn refuses_embedded_data_that_differs() {
    for data in ["e30=", "bGF5ZXI", "bGF5ZXI=\n", "***", ""] {
        let refused = image_refusal(|body| body["layers"][0]["data"] = json!(data));
        assert_eq!(refused, StructuralRefusal::Data, "{data:?}");
    }
    let sized = image_refusal(|body| {
        body["layers"][0]["size"] = json!(6);
        body["layers"][0]["data"] = json!("bGF5ZXI=");
    });
    assert_eq!(sized, StructuralRefusal::Data);
    let same = image_with(|body| body["layers"][0]["data"] = json!("bGF5ZXI="));
    assert!(parse(&same, &MediaType::OCI_MANIFEST).is_ok());
}

#[test]
fn refuses_an_image_that_lacks_something() {
    let without = |path: &'static str| {
        image_refusal(move |body| {
            let (parent, key) = path.rsplit_once('/').unwrap();
            let parent = body.pointer_mut(parent).unwrap();
            parent.as_object_mut().unwrap().remove(key);
        })
    };
    assert_eq!(without("/config"), StructuralRefusal::Missing("config"));
    assert_eq!(without("/layers"), StructuralRefusal::Missing("layers"));
    assert_eq!(
        without("/layers/0/size"),
        StructuralRefusal::Missing("a descriptor's size")
    );
    assert_eq!(
        without("/config/digest"),
        StructuralRefusal::Missing("a descriptor's digest")
    );
    assert_eq!(
        without("/config/mediaType"),
        StructuralRefusal::Missing("a descriptor's mediaType")
    );
    let empty = r#"{"schemaVersion":2}"#;
    assert_eq!(
        refusal(empty, &MediaType::OCI_INDEX),
        StructuralRefusal::Missing("manifests")
    );
}

#[test]
fn refuses_values_out_of_bounds() {
    for size in [
        json!(-1),
        json!(1.5),
        json!("5"),
        json!(u64::MAX),
        json!((1_u64 << 40) + 1),
    ] {
        let refused = image_refusal(|body| body["layers"][0]["size"] = size.clone());
        assert_eq!(refused, StructuralRefusal::Size, "{size}");
    }
    let upper = Digest::sha256(b"x").to_string().to_uppercase();
    for digest in ["sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", &upper] {
        let refused = image_refusal(|body| body["config"]["digest"] = json!(digest));
        assert_eq!(refused, StructuralRefusal::Digest, "{digest}");
    }
    let many = image_refusal(|body| {
        let layer = body["layers"][0].clone();
        body["layers"] = Value::Array(vec![layer; 513]);
    });
    assert_eq!(many, StructuralRefusal::Layers(512));
    let mut index: Value = serde_json::from_str(OCI_INDEX).unwrap();
    index["manifests"] = Value::Array(vec![index["manifests"][0].clone(); 1025]);
    assert_eq!(
        refusal(&index.to_string(), &MediaType::OCI_INDEX),
        StructuralRefusal::Entries(1024)
    );
}

//! Manifests: found, verified, bounded.

use std::time::Duration;

use http::Method;
use sekisho::demo::{Fault, RequestKind, SampleContent};
use sekisho::oci::{Digest, MediaType, Reference};
use sekisho::upstream::{MAX_MANIFEST_BYTES, ManifestHead, UpstreamError};

use super::setting::{NAME, Setting, image, name, tag};

fn head_of(piece: &SampleContent) -> ManifestHead {
    ManifestHead {
        digest: piece.digest.clone(),
    }
}

#[tokio::test]
async fn heads_and_fetches_by_tag_and_digest() {
    let setting = Setting::open().await;
    let upstream = setting.upstream();
    for reference in [tag("1.0"), setting.by_digest()] {
        let head = upstream.head_manifest(&name(), &reference).await;
        assert_eq!(head, Ok(head_of(&setting.image.manifest)));
        let fetched = upstream.get_manifest(&name(), &reference).await.unwrap();
        assert_eq!(fetched.bytes, setting.image.manifest.bytes);
        assert_eq!(fetched.digest, setting.image.manifest.digest);
        assert_eq!(fetched.media_type, MediaType::OCI_MANIFEST);
    }
    for seen in setting.registry.seen() {
        let accept = seen.accept.unwrap();
        for wanted in [
            "oci.image.index",
            "oci.image.manifest",
            "manifest.list",
            "manifest.v2",
        ] {
            assert!(accept.contains(wanted), "{accept}");
        }
        assert_eq!(seen.authorization, None);
    }
}

#[tokio::test]
async fn fetches_where_head_tells_no_digest() {
    let setting = Setting::open().await;
    let without = Fault::Without("docker-content-digest");
    setting.registry.inject("/manifests/", usize::MAX, without);
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert_eq!(head, Ok(head_of(&setting.image.manifest)));
    assert_eq!(
        setting.registry.count(&Method::GET, RequestKind::Manifest),
        1
    );
}

#[tokio::test]
async fn fetches_where_the_digest_is_in_words_of_its_own() {
    for words in ["", "unknown", "sha384:00", "\"sha256:00\""] {
        let setting = Setting::open().await;
        let with = Fault::With("docker-content-digest", words.to_owned());
        setting.registry.inject("/manifests/", usize::MAX, with);
        for reference in [tag("1.0"), setting.by_digest()] {
            let head = setting.upstream().head_manifest(&name(), &reference).await;
            assert_eq!(head, Ok(head_of(&setting.image.manifest)), "{words}");
        }
    }
}

/// As where somebody has to log in first.
#[tokio::test]
async fn a_page_for_people_is_not_what_a_tag_means() {
    let setting = Setting::open().await;
    for fault in [
        Fault::With("content-type", "text/html".to_owned()),
        Fault::Without("docker-content-digest"),
        Fault::Body("<html>log in</html>".to_owned()),
    ] {
        setting.registry.inject("/manifests/", usize::MAX, fault);
    }
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert!(matches!(head, Err(UpstreamError::Protocol(_))), "{head:?}");
}

#[tokio::test]
async fn fetches_where_head_tells_another_algorithm() {
    let setting = Setting::open().await;
    let digest = Digest::sha512(&setting.image.manifest.bytes);
    let twin = SampleContent {
        digest: digest.clone(),
        ..setting.image.manifest.clone()
    };
    setting.registry.put_manifest(NAME, &twin);
    let other = setting.image.manifest.digest.to_string();
    let with = Fault::With("docker-content-digest", other);
    setting
        .registry
        .inject("/manifests/sha512", usize::MAX, with);
    let reference = Reference::Digest(digest.clone());
    let head = setting
        .upstream()
        .head_manifest(&name(), &reference)
        .await
        .unwrap();
    assert_eq!(head.digest, digest);
}

#[tokio::test]
async fn refuses_bytes_that_are_not_the_digest_asked_for() {
    let setting = Setting::open().await;
    setting.registry.inject("/manifests/", 2, Fault::WrongBytes);
    let upstream = setting.upstream();
    for reference in [setting.by_digest(), tag("1.0")] {
        let fetched = upstream.get_manifest(&name(), &reference).await;
        assert!(
            matches!(fetched, Err(UpstreamError::DigestMismatch { .. })),
            "{fetched:?}"
        );
    }
    assert_eq!(setting.registry.total(), 2, "no second try");
}

#[tokio::test]
async fn refuses_another_manifest_than_the_one_asked_for() {
    let setting = Setting::open().await;
    let other = image("other").manifest;
    let asked = SampleContent {
        digest: setting.image.manifest.digest.clone(),
        ..other
    };
    setting.registry.put_manifest(NAME, &asked);
    let fetched = setting
        .upstream()
        .get_manifest(&name(), &setting.by_digest())
        .await;
    assert!(
        matches!(fetched, Err(UpstreamError::DigestMismatch { .. })),
        "{fetched:?}"
    );
    let lie = Digest::sha256(b"lie").to_string();
    setting
        .registry
        .inject("/manifests/", 1, Fault::With("docker-content-digest", lie));
    let head = setting
        .upstream()
        .head_manifest(&name(), &setting.by_digest())
        .await;
    assert!(
        matches!(head, Err(UpstreamError::DigestMismatch { .. })),
        "{head:?}"
    );
}

#[tokio::test]
async fn refuses_a_manifest_over_four_mebibytes() {
    let setting = Setting::open().await;
    let size = MAX_MANIFEST_BYTES as usize;
    let most = SampleContent::new(MediaType::OCI_MANIFEST, vec![b' '; size]);
    let over = SampleContent::new(MediaType::OCI_MANIFEST, vec![b' '; size + 1]);
    setting.registry.put_manifest(NAME, &most);
    setting.registry.put_manifest(NAME, &over);
    let upstream = setting.upstream();
    let (most, over) = (
        Reference::Digest(most.digest),
        Reference::Digest(over.digest),
    );
    assert!(upstream.get_manifest(&name(), &most).await.is_ok());
    let too_large = Err(UpstreamError::TooLarge {
        limit: MAX_MANIFEST_BYTES,
    });
    assert_eq!(upstream.get_manifest(&name(), &over).await, too_large);
}

#[tokio::test]
async fn decodes_a_compressed_manifest_and_verifies_it() {
    let setting = Setting::open().await;
    let upstream = setting.upstream();
    let slow = Fault::Slow(100, Duration::from_millis(1));
    for faults in [vec![Fault::Gzip], vec![Fault::Gzip, slow]] {
        setting.registry.heal();
        for fault in faults {
            setting.registry.inject("/manifests/", usize::MAX, fault);
        }
        for reference in [tag("1.0"), setting.by_digest()] {
            let head = upstream.head_manifest(&name(), &reference).await;
            assert_eq!(head, Ok(head_of(&setting.image.manifest)));
            let fetched = upstream.get_manifest(&name(), &reference).await.unwrap();
            assert_eq!(fetched.bytes, setting.image.manifest.bytes);
            assert_eq!(fetched.digest, setting.image.manifest.digest);
        }
    }
    setting.registry.heal();
    for fault in [Fault::WrongBytes, Fault::Gzip] {
        setting.registry.inject("/manifests/", 1, fault);
    }
    let fetched = upstream.get_manifest(&name(), &setting.by_digest()).await;
    assert!(
        matches!(fetched, Err(UpstreamError::DigestMismatch { .. })),
        "{fetched:?}"
    );
}

#[tokio::test]
async fn refuses_a_manifest_that_grows_beyond_four_mebibytes() {
    let setting = Setting::open().await;
    let over = vec![b' '; MAX_MANIFEST_BYTES as usize + 1];
    let over = SampleContent::new(MediaType::OCI_MANIFEST, over);
    setting.registry.put_manifest(NAME, &over);
    setting.registry.inject("/manifests/", 1, Fault::Gzip);
    let reference = Reference::Digest(over.digest);
    let fetched = setting.upstream().get_manifest(&name(), &reference).await;
    let too_large = Err(UpstreamError::TooLarge {
        limit: MAX_MANIFEST_BYTES,
    });
    assert_eq!(fetched, too_large);
}

#[tokio::test]
async fn refuses_a_coding_that_it_does_not_know_or_that_is_another() {
    let setting = Setting::open().await;
    for coding in ["br", "zstd", "gzip, gzip", "gzip", "deflate"] {
        let coded = Fault::With("content-encoding", coding.to_owned());
        setting.registry.inject("/manifests/", 1, coded);
        let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
        let Err(UpstreamError::Protocol(why)) = fetched else {
            panic!("{fetched:?}");
        };
        assert!(why.contains("cod"), "{why}");
    }
}

#[tokio::test]
async fn a_manifest_without_its_type_is_read_as_what_its_body_says() {
    let setting = Setting::open().await;
    let upstream = setting.upstream();
    let with = |sent: &str| Fault::With("content-type", sent.to_owned());
    for fault in [
        Fault::Without("content-type"),
        with("application/json; charset=utf-8"),
        with("text/plain"),
        with("application/octet-stream"),
    ] {
        setting.registry.inject("/manifests/", 2, fault.clone());
        let head = upstream.head_manifest(&name(), &tag("1.0")).await;
        assert_eq!(head, Ok(head_of(&setting.image.manifest)), "{fault:?}");
        let fetched = upstream.get_manifest(&name(), &tag("1.0")).await.unwrap();
        assert_eq!(fetched.media_type, MediaType::OCI_MANIFEST, "{fault:?}");
        assert_eq!(fetched.bytes, setting.image.manifest.bytes);
    }
}

#[tokio::test]
async fn names_what_the_upstream_says() {
    let setting = Setting::open().await;
    let upstream = setting.upstream();
    let missing = upstream.head_manifest(&name(), &tag("none")).await;
    assert_eq!(missing, Err(UpstreamError::NotFound));
    for (status, error) in [
        (401, UpstreamError::Unauthorized),
        (403, UpstreamError::Forbidden),
        (410, UpstreamError::NotFound),
        (418, UpstreamError::UnexpectedStatus(418)),
        (501, UpstreamError::UnexpectedStatus(501)),
        (204, UpstreamError::UnexpectedStatus(204)),
        (206, UpstreamError::UnexpectedStatus(206)),
    ] {
        setting
            .registry
            .inject("/manifests/", 1, Fault::Status(status));
        let fetched = upstream.get_manifest(&name(), &tag("1.0")).await;
        assert_eq!(fetched, Err(error), "{status}");
    }
}

#[tokio::test]
async fn asks_by_get_where_head_is_refused_and_remembers_that() {
    for status in [400, 403, 405, 406, 500, 501] {
        let setting = Setting::open().await;
        let refused = Fault::OfHead(Box::new(Fault::Status(status)));
        setting.registry.inject("/manifests/", usize::MAX, refused);
        let upstream = setting.upstream();
        let references = [tag("1.0"), setting.by_digest(), tag("1.0")];
        for reference in &references {
            let head = upstream.head_manifest(&name(), reference).await;
            assert_eq!(head, Ok(head_of(&setting.image.manifest)), "{status}");
        }
        let asked = |method| setting.registry.count(&method, RequestKind::Manifest);
        assert_eq!((asked(Method::HEAD), asked(Method::GET)), (1, 3));
    }
}

#[tokio::test]
async fn what_get_refuses_too_is_refused() {
    let setting = Setting::open().await;
    let upstream = setting.upstream();
    for (status, error) in [
        (403, UpstreamError::Forbidden),
        (405, UpstreamError::UnexpectedStatus(405)),
    ] {
        let refused = Fault::Status(status);
        setting.registry.inject("/manifests/", 2, refused);
        let head = upstream.head_manifest(&name(), &tag("1.0")).await;
        assert_eq!(head, Err(error));
        setting.registry.forget();
        assert!(upstream.head_manifest(&name(), &tag("1.0")).await.is_ok());
        assert_eq!(setting.registry.total(), 1, "HEAD is asked again");
    }
}

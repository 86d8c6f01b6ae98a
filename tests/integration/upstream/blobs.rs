//! Blobs: whole, resumed, cut.

use std::time::Duration;

use futures_util::TryStreamExt;
use http::Method;
use sekisho::demo::{Fault, RequestKind};
use sekisho::upstream::{BlobBody, UpstreamError};

use super::setting::{Setting, hosts, name};

async fn read(body: BlobBody) -> Result<Vec<u8>, UpstreamError> {
    let chunks: Vec<_> = body.stream.try_collect().await?;
    Ok(chunks.concat())
}

#[tokio::test]
async fn reads_a_blob_whole() {
    let setting = Setting::open().await;
    let (upstream, layer) = (setting.upstream(), &setting.image.layers[0]);
    let size = layer.bytes.len() as u64;
    assert_eq!(
        upstream.has_blob(&name(), &layer.digest, size).await,
        Ok(())
    );
    let body = upstream
        .get_blob(&name(), &layer.digest, setting.size(), 0)
        .await
        .unwrap();
    assert_eq!(body.length, Some(size));
    assert_eq!(read(body).await.unwrap(), layer.bytes);
    assert_eq!(setting.registry.seen()[1].range, None);
}

#[tokio::test]
async fn resumes_at_an_offset_with_and_without_ranges() {
    let setting = Setting::open().await;
    let (upstream, layer) = (setting.upstream(), &setting.image.layers[0]);
    for ignored in [false, true] {
        if ignored {
            setting
                .registry
                .inject("/blobs/", usize::MAX, Fault::IgnoreRange);
        }
        for offset in [1, 600, layer.bytes.len() - 1] {
            let body = upstream
                .get_blob(&name(), &layer.digest, setting.size(), offset as u64)
                .await
                .unwrap();
            let rest = &layer.bytes[offset..];
            assert_eq!(body.length, Some(rest.len() as u64));
            assert_eq!(read(body).await.unwrap(), rest);
        }
    }
    let ranges = setting
        .registry
        .seen()
        .into_iter()
        .map(|seen| seen.range.unwrap());
    assert!(ranges.take(2).eq(["bytes=1-", "bytes=600-"]));
}

#[tokio::test]
async fn resumes_a_cut_body_where_it_ended() {
    let setting = Setting::open().await;
    let (upstream, layer) = (setting.upstream(), &setting.image.layers[0]);
    setting.registry.inject("/blobs/", 1, Fault::CutAfter(700));
    let mut body = upstream
        .get_blob(&name(), &layer.digest, setting.size(), 0)
        .await
        .unwrap();
    let mut got = Vec::new();
    let error = loop {
        match body.stream.try_next().await {
            Ok(chunk) => got.extend_from_slice(&chunk.expect("an error, not an end")),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, UpstreamError::Unavailable { .. }),
        "{error:?}"
    );
    assert_eq!(got, layer.bytes[..700]);
    let rest = upstream
        .get_blob(&name(), &layer.digest, setting.size(), 700)
        .await
        .unwrap();
    got.extend(read(rest).await.unwrap());
    assert_eq!(got, layer.bytes);
}

#[tokio::test]
async fn refuses_a_range_other_than_asked_for() {
    let setting = Setting::open().await;
    let upstream = setting.upstream();
    for range in ["bytes 0-9/10", "bytes 7-8/9", "bytes 6-7/2048", "none"] {
        let with = Fault::With("content-range", range.to_owned());
        setting.registry.inject("/blobs/", 1, with);
        let body = upstream
            .get_blob(&name(), &setting.layer(), setting.size(), 6)
            .await;
        assert!(
            matches!(body.err(), Some(UpstreamError::Protocol(_))),
            "{range}"
        );
    }
}

/// Any server may ignore a range, or say that it sends none (RFC 9110, 14.2).
#[tokio::test]
async fn skips_forward_where_a_part_is_not_sent_alone() {
    let setting = Setting::open().await;
    let (upstream, layer) = (setting.upstream(), &setting.image.layers[0]);
    for fault in [
        Fault::IgnoreRange,
        Fault::Status(416),
        Fault::With("content-range", "bytes 5-9/2048".to_owned()),
    ] {
        setting.registry.inject("/blobs/", 1, fault.clone());
        let body = upstream
            .get_blob_within(&name(), &layer.digest, setting.size(), 600..610)
            .await
            .unwrap();
        assert_eq!(read(body).await.unwrap(), layer.bytes[600..], "{fault:?}");
        setting.registry.heal();
        let body = upstream
            .get_blob_within(&name(), &layer.digest, setting.size(), 600..610)
            .await
            .unwrap();
        assert_eq!(read(body).await.unwrap(), layer.bytes[600..610]);
    }
    setting.registry.inject("/blobs/", 1, Fault::Status(416));
    let body = upstream
        .get_blob(&name(), &layer.digest, setting.size(), 600)
        .await
        .unwrap();
    assert_eq!(read(body).await.unwrap(), layer.bytes[600..]);
}

#[tokio::test]
async fn refuses_an_offset_behind_the_end() {
    let setting = Setting::open().await;
    setting
        .registry
        .inject("/blobs/", usize::MAX, Fault::IgnoreRange);
    let body = setting
        .upstream()
        .get_blob(&name(), &setting.layer(), setting.size(), 1 << 20)
        .await;
    assert!(matches!(body.err(), Some(UpstreamError::Protocol(_))));
}

#[tokio::test]
async fn reads_a_slow_blob_to_its_end() {
    let setting = Setting::open().await;
    let slow = Fault::Slow(300, Duration::from_millis(1));
    setting.registry.inject("/blobs/", 1, slow);
    let body = setting
        .upstream()
        .get_blob(&name(), &setting.layer(), setting.size(), 0)
        .await
        .unwrap();
    assert_eq!(read(body).await.unwrap(), setting.image.layers[0].bytes);
}

#[tokio::test]
async fn gives_up_a_blob_that_stops_coming() {
    let mut setting = Setting::open().await;
    setting.config.timeouts.idle = Duration::from_millis(200);
    let slow = Fault::Slow(300, Duration::from_secs(3600));
    setting.registry.inject("/blobs/", usize::MAX, slow);
    let upstream = setting.upstream();
    let body = upstream
        .get_blob(&name(), &setting.layer(), setting.size(), 0)
        .await;
    let Err(UpstreamError::Unavailable { .. }) = read(body.unwrap()).await else {
        panic!("it came to an end");
    };
}

#[tokio::test]
async fn a_missing_blob_is_not_found() {
    let setting = Setting::open().await;
    setting
        .registry
        .delete(super::setting::NAME, &setting.layer().to_string());
    let upstream = setting.upstream();
    let head = upstream
        .has_blob(&name(), &setting.layer(), setting.size())
        .await;
    assert_eq!(head, Err(UpstreamError::NotFound));
    let body = upstream
        .get_blob(&name(), &setting.layer(), setting.size(), 0)
        .await;
    assert_eq!(body.err(), Some(UpstreamError::NotFound));
    assert_eq!(setting.registry.count(&Method::GET, RequestKind::Blob), 1);
}

#[tokio::test]
async fn a_blob_of_another_length_is_not_the_one_that_was_meant() {
    let setting = Setting::open().await;
    let (upstream, layer) = (setting.upstream(), setting.layer());
    for fault in [None, Some(Fault::OfHead(Box::new(Fault::Status(405))))] {
        if let Some(fault) = fault {
            setting.registry.inject("/blobs/", usize::MAX, fault);
        }
        let other = setting.size() + 1;
        let found = upstream.has_blob(&name(), &layer, other).await;
        assert_eq!(
            found,
            Err(UpstreamError::LengthMismatch {
                expected: other,
                actual: setting.size()
            })
        );
    }
    // Compressed on the way it has no length that could be told.
    setting.registry.heal();
    setting.registry.inject("/blobs/", 1, Fault::Gzip);
    let found = upstream.has_blob(&name(), &layer, setting.size()).await;
    assert_eq!(found, Ok(()));
}

/// What a presigned URL says to HEAD means nothing: it is signed for GET.
#[tokio::test]
async fn a_redirect_says_that_the_blob_is_there() {
    let mut setting = Setting::open().await;
    let store = setting.elsewhere().await;
    setting.config.redirect_hosts = hosts(&[&store.address().to_string()]);
    let upstream = setting.upstream();
    let redirect = Fault::Redirect(store.origin());
    setting.registry.inject("/blobs/", usize::MAX, redirect);
    let found = upstream
        .has_blob(&name(), &setting.layer(), setting.size())
        .await;
    assert_eq!(found, Ok(()));
    assert_eq!(store.total(), 0, "it is not asked");
}

#[tokio::test]
async fn asks_for_a_blob_by_get_where_head_is_refused() {
    for status in [400, 403, 405, 501] {
        let setting = Setting::open().await;
        let refused = Fault::OfHead(Box::new(Fault::Status(status)));
        setting.registry.inject("/blobs/", usize::MAX, refused);
        let upstream = setting.upstream();
        let found = upstream
            .has_blob(&name(), &setting.layer(), setting.size())
            .await;
        assert_eq!(found, Ok(()), "{status}");
        let absent = sekisho::oci::Digest::sha256(b"absent");
        let found = upstream.has_blob(&name(), &absent, setting.size()).await;
        assert_eq!(found, Err(UpstreamError::NotFound), "{status}");
    }
}

#[tokio::test]
async fn decodes_a_compressed_blob_from_any_offset() {
    let setting = Setting::open().await;
    let (upstream, layer) = (setting.upstream(), &setting.image.layers[0]);
    let slow = Fault::Slow(300, Duration::from_millis(1));
    for faults in [
        vec![Fault::Gzip],
        vec![Fault::Gzip, slow],
        vec![Fault::Gzip, Fault::IgnoreRange],
    ] {
        setting.registry.heal();
        for fault in faults.clone() {
            setting.registry.inject("/blobs/", usize::MAX, fault);
        }
        for offset in [0, 1, 600, layer.bytes.len() - 1] {
            let from = offset as u64;
            let body = upstream
                .get_blob(&name(), &layer.digest, setting.size(), from)
                .await
                .unwrap();
            assert_eq!(body.length, None, "nobody said");
            assert_eq!(read(body).await.unwrap(), layer.bytes[offset..]);
        }
    }
}

/// As stores do that keep a header which came with the push.
#[tokio::test]
async fn a_blob_of_its_own_length_is_taken_as_it_is() {
    let setting = Setting::open().await;
    let (upstream, layer) = (setting.upstream(), &setting.image.layers[0]);
    for label in ["gzip", "br"] {
        setting.registry.heal();
        let labelled = Fault::With("content-encoding", label.to_owned());
        setting.registry.inject("/blobs/", usize::MAX, labelled);
        for offset in [0, 600] {
            let from = offset as u64;
            let body = upstream
                .get_blob(&name(), &layer.digest, setting.size(), from)
                .await
                .unwrap();
            assert_eq!(body.length, Some(setting.size() - from));
            assert_eq!(read(body).await.unwrap(), layer.bytes[offset..]);
        }
    }
}

#[tokio::test]
async fn refuses_a_blob_in_a_coding_that_it_does_not_know() {
    let setting = Setting::open().await;
    let upstream = setting.upstream();
    for fault in [
        Fault::Gzip,
        Fault::With("content-encoding", "zstd".to_owned()),
    ] {
        setting.registry.inject("/blobs/", 1, fault);
    }
    let body = upstream
        .get_blob(&name(), &setting.layer(), setting.size(), 0)
        .await;
    let Some(UpstreamError::Protocol(why)) = body.err() else {
        panic!("it has to be decoded");
    };
    assert!(why.contains("zstd"), "{why}");
}

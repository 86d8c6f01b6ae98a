//! Redirects: where they may lead, and what goes along.

use futures_util::TryStreamExt;
use http::Method;
use sekisho::demo::{Bearer, DemoAuth, DemoRegistry, Fault, Login, RequestKind};
use sekisho::oci::Tag;
use sekisho::upstream::{HostRefusal, Upstream, UpstreamError};

use super::setting::{NAME, Setting, credentials, hosts, image, name, tag};

async fn read(setting: &Setting, upstream: &Upstream) -> Result<Vec<u8>, UpstreamError> {
    let body = upstream
        .get_blob(&name(), &setting.layer(), setting.size(), 0)
        .await?;
    let chunks: Vec<_> = body.stream.try_collect().await?;
    Ok(chunks.concat())
}

fn redirect(setting: &Setting, times: usize, to: &str) {
    let fault = Fault::Redirect(to.to_owned());
    setting.registry.inject("/blobs/", times, fault);
}

/// A blob host beside a registry that wants a password.
async fn with_blob_host() -> (Setting, DemoRegistry) {
    let login = Login::new("robot", "secret");
    let mut setting = Setting::with(DemoAuth::Basic(login)).await;
    setting.config.credentials = credentials();
    let blobs = setting.elsewhere().await;
    blobs.put_image(NAME, &setting.image);
    (setting, blobs)
}

#[tokio::test]
async fn follows_to_a_listed_host_without_credentials() {
    let (mut setting, blobs) = with_blob_host().await;
    setting.config.redirect_hosts = hosts(&[&blobs.address().to_string()]);
    redirect(&setting, usize::MAX, &blobs.origin());
    let upstream = setting.upstream();
    for _ in 0..2 {
        let bytes = read(&setting, &upstream).await.unwrap();
        assert_eq!(bytes, setting.image.layers[0].bytes);
    }
    assert_eq!(blobs.count(&Method::GET, RequestKind::Blob), 2);
    assert!(blobs.seen().iter().all(|seen| seen.authorization.is_none()));
}

#[tokio::test]
async fn drops_credentials_when_a_redirect_leaves_the_host() {
    let (mut setting, blobs) = with_blob_host().await;
    setting.config.redirect_hosts = hosts(&[&blobs.address().to_string()]);
    let upstream = setting.upstream();
    // Once challenged, the credentials are known and sent at once.
    assert!(read(&setting, &upstream).await.is_ok());
    setting.registry.forget();
    redirect(&setting, 1, &blobs.origin());
    blobs.inject("/blobs/", 1, Fault::Redirect(setting.registry.origin()));
    let back = read(&setting, &upstream).await;
    let sent: Vec<bool> = setting
        .registry
        .seen()
        .iter()
        .map(|s| s.authorization.is_some())
        .collect();
    assert!(
        sent[0] && !sent[1],
        "nor are they taken up again on the way back: {sent:?}"
    );
    assert!(blobs.seen().iter().all(|seen| seen.authorization.is_none()));
    assert_eq!(back, Err(UpstreamError::Unauthorized));
}

#[tokio::test]
async fn keeps_credentials_on_its_own_host() {
    let (setting, _) = with_blob_host().await;
    let upstream = setting.upstream();
    assert!(read(&setting, &upstream).await.is_ok());
    redirect(&setting, 1, &setting.registry.origin());
    assert!(read(&setting, &upstream).await.is_ok());
}

#[tokio::test]
async fn refuses_a_host_that_is_not_listed() {
    let (setting, blobs) = with_blob_host().await;
    redirect(&setting, usize::MAX, &blobs.origin());
    let refused = read(&setting, &setting.upstream()).await;
    let expected = UpstreamError::RefusedHost {
        host: "127.0.0.1".into(),
        why: HostRefusal::NotListed,
    };
    assert_eq!(refused, Err(expected));
    assert_eq!(blobs.total(), 0);
}

#[tokio::test]
async fn refuses_a_private_address_behind_a_wildcard() {
    let (mut setting, blobs) = with_blob_host().await;
    let port = blobs.address().port();
    setting.config.redirect_hosts = hosts(&[&format!("*.localhost:{port}")]);
    redirect(
        &setting,
        usize::MAX,
        &format!("http://cdn.localhost:{port}"),
    );
    let refused = read(&setting, &setting.upstream()).await;
    let expected = UpstreamError::RefusedHost {
        host: "cdn.localhost".into(),
        why: HostRefusal::PrivateAddress,
    };
    assert_eq!(refused, Err(expected));
    assert_eq!(blobs.total(), 0);
}

#[tokio::test]
async fn follows_five_hops_and_no_more() {
    let setting = Setting::open().await;
    let upstream = setting.upstream();
    redirect(&setting, 5, &setting.registry.origin());
    assert!(read(&setting, &upstream).await.is_ok());
    setting.registry.forget();
    redirect(&setting, usize::MAX, &setting.registry.origin());
    let lost = read(&setting, &upstream).await;
    assert!(matches!(lost, Err(UpstreamError::Protocol(_))), "{lost:?}");
    assert_eq!(setting.registry.total(), 6);
}

#[tokio::test]
async fn refuses_a_redirect_to_nowhere() {
    let setting = Setting::open().await;
    setting.registry.inject("/blobs/", 1, Fault::Status(302));
    let lost = read(&setting, &setting.upstream()).await;
    assert!(matches!(lost, Err(UpstreamError::Protocol(_))), "{lost:?}");
}

#[tokio::test]
async fn resumes_across_a_redirect() {
    let (mut setting, blobs) = with_blob_host().await;
    setting.config.redirect_hosts = hosts(&[&blobs.address().to_string()]);
    redirect(&setting, usize::MAX, &blobs.origin());
    let upstream = setting.upstream();
    let body = upstream
        .get_blob(&name(), &setting.layer(), setting.size(), 100)
        .await
        .unwrap();
    assert_eq!(
        body.length,
        Some(setting.image.layers[0].bytes.len() as u64 - 100)
    );
    assert_eq!(blobs.seen()[0].range.as_deref(), Some("bytes=100-"));
}

/// As registry.k8s.io and lscr.io do: everything lies at another registry.
async fn with_registry_behind(auth: DemoAuth) -> (Setting, DemoRegistry) {
    let login = Login::new("robot", "secret");
    let mut setting = Setting::with(DemoAuth::Basic(login)).await;
    setting.config.credentials = credentials();
    let behind = DemoRegistry::start_with(&setting.tasks, auth);
    let behind = behind.await.unwrap();
    behind.put_image(NAME, &setting.image);
    behind.put_image(NAME, &setting.image.referrer("application/spdx+json", "{}"));
    behind.tag(NAME, "1.0", &setting.image.manifest.digest);
    setting.config.redirect_hosts = hosts(&[&behind.address().to_string()]);
    (setting, behind)
}

#[tokio::test]
async fn follows_a_manifest_to_a_listed_host_without_credentials() {
    let (setting, behind) = with_registry_behind(DemoAuth::Open).await;
    let upstream = setting.upstream();
    // Its credentials are known from here on.
    let layer = upstream
        .get_blob(&name(), &setting.layer(), setting.size(), 0)
        .await;
    assert!(layer.is_ok());
    for status in [301, 302, 303, 307, 308] {
        for reference in [tag("1.0"), setting.by_digest()] {
            let to = format!("{}/v2/{NAME}/manifests/{reference}", behind.origin());
            let moved = Fault::RedirectTo(status, to);
            setting.registry.inject("/manifests/", 2, moved);
            let head = upstream.head_manifest(&name(), &reference).await.unwrap();
            assert_eq!(head.digest, setting.image.manifest.digest, "{status}");
            let fetched = upstream.get_manifest(&name(), &reference).await.unwrap();
            assert_eq!(fetched.bytes, setting.image.manifest.bytes, "{status}");
        }
    }
    assert_eq!(behind.count(&Method::HEAD, RequestKind::Manifest), 10);
    assert_eq!(behind.count(&Method::GET, RequestKind::Manifest), 10);
    for seen in behind.seen() {
        assert_eq!(seen.authorization, None);
        assert!(seen.accept.unwrap().contains("oci.image.index"));
    }
}

#[tokio::test]
async fn follows_lists_to_a_listed_host() {
    let (setting, behind) = with_registry_behind(DemoAuth::Open).await;
    let to = Fault::Redirect(behind.origin());
    setting.registry.inject("/v2/", usize::MAX, to);
    let upstream = setting.upstream();
    let page = upstream.tags(&name(), 10, None).await.unwrap();
    assert_eq!(page.tags, [Tag::parse("1.0").unwrap()]);
    let digest = &setting.image.manifest.digest;
    let listed = upstream.referrers(&name(), digest).await.unwrap();
    assert_eq!(listed.len(), 1);
}

#[tokio::test]
async fn a_manifest_at_a_host_that_is_not_listed_is_refused_by_name() {
    let (mut setting, behind) = with_registry_behind(DemoAuth::Open).await;
    setting.config.redirect_hosts = Vec::new();
    let to = Fault::Redirect(behind.origin());
    setting.registry.inject("/manifests/", usize::MAX, to);
    let upstream = setting.upstream();
    let expected = UpstreamError::RefusedHost {
        host: "127.0.0.1".into(),
        why: HostRefusal::NotListed,
    };
    for reference in [tag("1.0"), setting.by_digest()] {
        let head = upstream.head_manifest(&name(), &reference).await;
        assert_eq!(head, Err(expected.clone()));
        let fetched = upstream.get_manifest(&name(), &reference).await;
        assert_eq!(fetched, Err(expected.clone()));
    }
    assert_eq!(behind.total(), 0);
}

#[tokio::test]
async fn a_redirected_manifest_is_verified() {
    let (setting, behind) = with_registry_behind(DemoAuth::Open).await;
    let other = image("other").manifest;
    behind.put_manifest(NAME, &other);
    let to = format!("{}/v2/{NAME}/manifests/{}", behind.origin(), other.digest);
    let moved = Fault::RedirectTo(307, to);
    setting.registry.inject("/manifests/", usize::MAX, moved);
    let upstream = setting.upstream();
    let fetched = upstream.get_manifest(&name(), &setting.by_digest()).await;
    assert!(
        matches!(fetched, Err(UpstreamError::DigestMismatch { .. })),
        "{fetched:?}"
    );
    let head = upstream.head_manifest(&name(), &setting.by_digest()).await;
    assert!(
        matches!(head, Err(UpstreamError::DigestMismatch { .. })),
        "{head:?}"
    );
}

#[tokio::test]
async fn a_listed_host_that_wants_a_token_gets_an_anonymous_one() {
    let anonymous = DemoAuth::Bearer(Bearer::default());
    let (setting, behind) = with_registry_behind(anonymous).await;
    let to = Fault::Redirect(behind.origin());
    setting.registry.inject("/v2/", usize::MAX, to);
    let upstream = setting.upstream();
    for _ in 0..2 {
        let fetched = upstream.get_manifest(&name(), &tag("1.0")).await.unwrap();
        assert_eq!(fetched.bytes, setting.image.manifest.bytes);
        assert!(read(&setting, &upstream).await.is_ok());
    }
    assert_eq!(behind.count(&Method::GET, RequestKind::Token), 1);
    let shown = |seen: &sekisho::demo::SeenRequest| seen.authorization.clone();
    let basic = |shown: &String| shown.starts_with("Basic");
    assert!(!behind.seen().iter().filter_map(shown).any(|it| basic(&it)));
    // Nor does the token go to anyone else.
    let own = setting.registry.seen();
    assert!(own.iter().filter_map(shown).all(|it| basic(&it)));
    behind.revoke_tokens();
    let fetched = upstream.get_manifest(&name(), &tag("1.0")).await;
    assert!(fetched.is_ok(), "a fresh one is asked for: {fetched:?}");
}

#[tokio::test]
async fn not_even_an_anonymous_token_is_asked_for_elsewhere() {
    let setting = Setting::open().await;
    let thief = setting.elsewhere().await;
    let realm = Bearer {
        realm: Some(format!("{}/token", thief.origin())),
        ..Bearer::default()
    };
    let (setting, behind) = with_registry_behind(DemoAuth::Bearer(realm)).await;
    let to = Fault::Redirect(behind.origin());
    setting.registry.inject("/v2/", usize::MAX, to);
    let refused = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
    let expected = UpstreamError::RefusedHost {
        host: "127.0.0.1".into(),
        why: HostRefusal::NotListed,
    };
    assert_eq!(refused, Err(expected));
    assert_eq!(thief.total(), 0);
}

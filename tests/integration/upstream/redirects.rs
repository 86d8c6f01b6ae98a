//! Redirects of blobs: where they may lead, and what goes along.

use futures_util::TryStreamExt;
use http::Method;
use sekisho::demo::{DemoAuth, DemoRegistry, Fault, Login, RequestKind};
use sekisho::upstream::{HostRefusal, Upstream, UpstreamError};

use super::setting::{NAME, Setting, credentials, hosts, name};

async fn read(setting: &Setting, upstream: &Upstream) -> Result<Vec<u8>, UpstreamError> {
    let body = upstream.get_blob(&name(), &setting.layer(), 0).await?;
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
        .get_blob(&name(), &setting.layer(), 100)
        .await
        .unwrap();
    assert_eq!(
        body.length,
        Some(setting.image.layers[0].bytes.len() as u64 - 100)
    );
    assert_eq!(blobs.seen()[0].range.as_deref(), Some("bytes=100-"));
}

//! Referrers: all pages of a list, and the tag that stands in for it.

use http::Method;
use sekisho::demo::{Fault, RequestKind, SampleContent, SampleImage};
use sekisho::oci::{Digest, MediaType, Tag};
use sekisho::upstream::UpstreamError;
use serde_json::{Value, json};

use super::setting::{NAME, Setting, image, name};

const SBOM: &str = "application/spdx+json";

fn entry(image: &SampleImage) -> Value {
    let mut entry = image.manifest.descriptor();
    entry["artifactType"] = json!(SBOM);
    entry
}

fn index(entries: &[Value]) -> SampleContent {
    let body = json!({ "schemaVersion": 2, "manifests": entries });
    SampleContent::new(MediaType::OCI_INDEX, body.to_string())
}

async fn digests(setting: &Setting) -> Result<Vec<Digest>, UpstreamError> {
    let digest = &setting.image.manifest.digest;
    let referrers = setting.upstream().referrers(&name(), digest).await?;
    let digest = |referrer: &sekisho::oci::Referrer| referrer.digest().clone();
    Ok(referrers.iter().map(digest).collect())
}

#[tokio::test]
async fn lists_what_refers_to_a_digest() {
    let setting = Setting::open().await;
    assert_eq!(digests(&setting).await, Ok(Vec::new()));
    let sbom = setting.image.referrer(SBOM, "{}");
    setting.registry.put_image(NAME, &sbom);
    assert_eq!(digests(&setting).await, Ok(vec![sbom.manifest.digest]));
}

#[tokio::test]
async fn reads_a_list_to_its_last_page() {
    let setting = Setting::open().await;
    let first = setting.image.referrer(SBOM, "1");
    let rest = [image("2"), image("3")];
    setting.registry.put_image(NAME, &first);
    // Links as a proxy leaves them: to another host, or without its path.
    for (page, link, entries) in [
        ("/referrers/", "<https://inner.test/v2/x?page=2>", None),
        ("page=2", "</x?page=3>", Some(&rest[0])),
        ("page=3", "", Some(&rest[1])),
    ] {
        let link = match link {
            "" => Fault::Without("link"),
            link => Fault::With("link", format!("{link}; rel=\"next\"")),
        };
        setting.registry.inject(page, usize::MAX, link);
        if let Some(image) = entries {
            let body = index(&[entry(image)]).bytes;
            let body = Fault::Body(String::from_utf8(body.to_vec()).unwrap());
            setting.registry.inject(page, usize::MAX, body);
        }
    }
    let all = [&first, &rest[0], &rest[1]].map(|it| it.manifest.digest.clone());
    assert_eq!(digests(&setting).await, Ok(all.to_vec()));
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let setting = Setting::open().await;
    for (page, next) in [("/referrers/", 2), ("page=2", 3), ("page=3", 2)] {
        let link = Fault::With("link", format!("<?page={next}>; rel=next"));
        setting.registry.inject(page, usize::MAX, link);
    }
    let endless = digests(&setting).await;
    assert!(
        matches!(endless, Err(UpstreamError::Protocol(_))),
        "{endless:?}"
    );
    assert_eq!(setting.registry.total(), 64);
    setting.registry.forget();
    let link = Fault::With("link", "<?page=3>; rel=next".to_owned());
    setting.registry.inject("page=3", usize::MAX, link);
    assert!(digests(&setting).await.is_err(), "it leads to itself");
    assert_eq!(setting.registry.total(), 3);
}

#[tokio::test]
async fn reads_the_tag_where_there_is_no_api() {
    for status in [400, 404, 405, 406, 501] {
        let setting = Setting::open().await;
        let missing = Fault::Status(status);
        setting.registry.inject("/referrers/", usize::MAX, missing);
        assert_eq!(digests(&setting).await, Ok(Vec::new()), "{status}");
        let sbom = setting.image.referrer(SBOM, "{}");
        let list = index(&[entry(&sbom)]);
        let tag = Tag::of_referrers(&setting.image.manifest.digest);
        setting.registry.put_manifest(NAME, &list);
        setting.registry.tag(NAME, tag.as_str(), &list.digest);
        let found = digests(&setting).await;
        assert_eq!(found, Ok(vec![sbom.manifest.digest]), "{status}");
    }
}

#[tokio::test]
async fn a_page_for_people_is_no_list() {
    let setting = Setting::open().await;
    for fault in [
        Fault::With("content-type", "text/html".to_owned()),
        Fault::Body("<html>".to_owned()),
    ] {
        setting.registry.inject("/referrers/", usize::MAX, fault);
    }
    assert_eq!(digests(&setting).await, Ok(Vec::new()));
    let tag = Tag::of_referrers(&setting.image.manifest.digest).to_string();
    let (get, manifest) = (Method::GET, RequestKind::Manifest);
    assert_eq!(setting.registry.count_of(&get, manifest, NAME, &tag), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_no_empty_list() {
    let setting = Setting::open().await;
    for body in ["{}", "{\"manifests\":{}}", "<html>"] {
        setting.registry.heal();
        let body = Fault::Body(body.to_owned());
        setting.registry.inject("/referrers/", usize::MAX, body);
        let found = digests(&setting).await;
        assert!(
            matches!(found, Err(UpstreamError::Protocol(_))),
            "{found:?}"
        );
    }
    for status in [401, 403, 429, 503] {
        setting.registry.heal();
        let down = Fault::Status(status);
        setting.registry.inject("/referrers/", usize::MAX, down);
        assert!(digests(&setting).await.is_err(), "{status}");
    }
}

/// As GitLab does, which reads such a tag as the digest.
#[tokio::test]
async fn the_image_itself_is_no_list_of_its_referrers() {
    let setting = Setting::open().await;
    let missing = Fault::Status(404);
    setting.registry.inject("/referrers/", usize::MAX, missing);
    let whole = index(&[entry(&setting.image)]);
    let tag = Tag::of_referrers(&whole.digest);
    setting.registry.put_manifest(NAME, &whole);
    setting.registry.tag(NAME, tag.as_str(), &whole.digest);
    let found = setting.upstream().referrers(&name(), &whole.digest).await;
    assert_eq!(found, Ok(Vec::new()));
    let other = Tag::of_referrers(&setting.image.manifest.digest);
    let image = &setting.image.referrer(SBOM, "{}");
    setting.registry.put_image(NAME, image);
    let digest = &image.manifest.digest;
    setting.registry.tag(NAME, other.as_str(), digest);
    assert!(digests(&setting).await.is_err(), "it is no index");
}

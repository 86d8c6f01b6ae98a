//! Tags.

use sekisho::demo::Fault;
use sekisho::oci::{RepositoryName, Tag};
use sekisho::upstream::UpstreamError;

use super::setting::{NAME, Setting, name};

fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

#[tokio::test]
async fn pages_through_all_tags() {
    let setting = Setting::open().await;
    for more in ["1.1", "1.2", "latest"] {
        setting
            .registry
            .tag(NAME, more, &setting.image.manifest.digest);
    }
    let upstream = setting.upstream();
    let (mut all, mut last) = (Vec::new(), None);
    loop {
        let page = upstream.tags(&name(), 3, last.as_ref()).await.unwrap();
        all.extend(page.tags.iter().map(Tag::to_string));
        last = page.next;
        if last.is_none() {
            break;
        }
    }
    assert_eq!(all, ["1.0", "1.1", "1.2", "latest"]);
    assert_eq!(setting.registry.seen()[1].query, "n=3&last=1.2");
}

#[tokio::test]
async fn reads_links_of_other_makes() {
    let setting = Setting::open().await;
    let upstream = setting.upstream();
    for (link, next) in [
        ("</v2/x/tags/list?n=1&last=b>; rel=\"next\"", Some(tag("b"))),
        ("<https://elsewhere/?last=b>; rel=next", Some(tag("b"))),
        (
            "</v2/x/tags/list?next_page=xyz>; rel=\"next\"",
            Some(tag("1.0")),
        ),
        ("</v2/x/tags/list?last=b>; rel=\"prev\"", None),
        ("garbage", None),
    ] {
        let with = Fault::With("link", link.to_owned());
        setting.registry.inject("/tags/list", 1, with);
        let page = upstream.tags(&name(), 1, None).await.unwrap();
        assert_eq!(page.next, next, "{link}");
    }
}

#[tokio::test]
async fn a_page_that_leads_to_itself_is_the_last() {
    let setting = Setting::open().await;
    let with = Fault::With("link", "<?last=1.0>; rel=\"next\"".to_owned());
    setting.registry.inject("/tags/list", 1, with);
    let page = setting.upstream().tags(&name(), 1, Some(&tag("1.0"))).await;
    assert_eq!(page.unwrap().next, None);
}

#[tokio::test]
async fn an_unknown_repository_has_no_tags() {
    let setting = Setting::open().await;
    let other = RepositoryName::parse("library/other").unwrap();
    let page = setting.upstream().tags(&other, 10, None).await;
    assert_eq!(page, Err(UpstreamError::NotFound));
}

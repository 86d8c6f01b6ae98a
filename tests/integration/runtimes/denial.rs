//! The answer to a denied pull, as it leaves the socket: the same for HEAD and
//! GET, in the phrase and in the body, and with a page behind its link.

use std::time::Duration;

use crate::lab::{Answer, Site, eventually, get, or_skip, request};

/// Decisions are written in batches.
const RECORDED_WITHIN: Duration = Duration::from_secs(3);

#[test]
fn head_and_get_carry_the_same_line_where_each_client_looks() {
    let site = or_skip!(Site::open());
    let image = site.image("team/app");
    let path = format!(
        "/v2/development/{}/manifests/{}",
        image.repository, image.tag
    );
    let got = site.gateway.get(&path);
    let head = request(site.gateway.address(), "HEAD", &path, &[]).unwrap();
    assert_eq!((got.status, head.status), (403, 403));
    let message = message(&got);
    assert!(message.starts_with("sekisho: not-scanned"), "{message}");
    assert!(message.len() < 200, "{message}");
    assert_eq!(
        (got.phrase.as_str(), head.phrase.as_str()),
        (message.as_str(), message.as_str())
    );
    assert_eq!(head.header("content-length"), got.header("content-length"));
    assert!(
        got.json()["errors"][0]["detail"].is_string(),
        "{}",
        got.text()
    );
}

#[test]
fn the_link_in_a_denial_shows_that_decision() {
    let site = or_skip!(Site::open());
    let image = site.image("team/app");
    let path = format!(
        "/v2/development/{}/manifests/{}",
        image.repository, image.digest
    );
    let message = message(&site.gateway.get(&path));
    let link = message
        .split(' ')
        .find_map(|word| word.strip_prefix("http://"))
        .unwrap();
    let (address, page) = link.split_once('/').unwrap();
    let page = format!("/{page}");
    let shown = eventually("the page behind the link", RECORDED_WITHIN, || {
        get(address, &page).filter(|answer| answer.status == 200)
    });
    assert!(shown.text().contains("not-scanned"), "{}", shown.text());
    let denials = site
        .gateway
        .command(&["denials", "--since", "1h"])
        .expect_ok();
    assert!(
        denials.contains("not-scanned") && denials.contains("team/app"),
        "{denials}"
    );
}

#[test]
fn another_platform_of_an_admitted_index_is_denied() {
    let site = or_skip!(Site::open());
    let image = site.image("team/multi");
    site.admit(&image);
    let path = |digest: &str| format!("/v2/development/{}/manifests/{digest}", image.repository);
    assert_eq!(site.gateway.get(&path(&image.amd64)).status, 200);
    let denied = site.gateway.get(&path(&image.others[0]));
    assert_eq!(denied.status, 403);
    assert!(
        message(&denied).contains("platform-not-allowed"),
        "{}",
        denied.text()
    );
}

#[test]
fn audit_lets_pass_what_it_records() {
    let audit =
        "mode = \"audit\"\nrequire = [\"scan\", \"promotion\"]\nplatforms = [\"linux/amd64\"]\n";
    let site = or_skip!(Site::open_with(|setup| setup.environment(audit)));
    let image = site.image("team/app");
    let base = format!("/v2/development/{}", image.repository);
    assert_eq!(
        site.gateway
            .get(&format!("{base}/manifests/{}", image.tag))
            .status,
        200
    );
    assert_eq!(
        site.gateway
            .get(&format!("{base}/blobs/{}", image.layers[0]))
            .status,
        200
    );
    let stranger = site.image("team/other");
    assert_eq!(
        site.gateway
            .get(&format!("{base}/blobs/{}", stranger.config))
            .status,
        403,
        "audit is no open relay"
    );
}

fn message(answer: &Answer) -> String {
    answer.json()["errors"][0]["message"]
        .as_str()
        .unwrap()
        .to_owned()
}

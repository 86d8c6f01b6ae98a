//! What was good yesterday is withdrawn: the next pull feels it, whoever wrote it.

use std::time::Duration;

use jiff::Timestamp;
use sekisho::ledger::{Ledger, LedgerAccess, LedgerOptions, NewRevocation};
use sekisho::oci::{Digest, RepositoryGlobs};
use tokio::runtime::Runtime;

use crate::lab::{Containerd, Image, Release, Site, eventually, or_skip};

const FELT_WITHIN: Duration = Duration::from_secs(1);

#[test]
fn a_revocation_by_command_denies_the_next_pull() {
    let site = or_skip!(Site::open());
    let image = site.image("team/app");
    site.admit(&image);
    assert_eq!(status(&site, &image), 200);
    site.gateway
        .command(&[
            "revoke",
            &site.upstream_name(&image),
            "--reason",
            "leaked key",
        ])
        .expect_ok();
    assert_eq!(status(&site, &image), 403);
    assert_eq!(site.gateway.get(&blob(&image)).status, 403);
    let containerd = or_skip!(Containerd::start(Release::V2_4));
    let said = containerd.pull(&site.at_gateway(&image)).expect_failure();
    assert!(said.contains("sekisho: revoked"), "{said}");
    site.gateway
        .command(&[
            "reinstate",
            &site.upstream_name(&image),
            "--reason",
            "false alarm",
        ])
        .expect_ok();
    containerd.pull(&site.at_gateway(&image)).expect_ok();
}

fn status(site: &Site, image: &Image) -> u16 {
    site.gateway
        .get(&format!(
            "/v2/development/{}/manifests/{}",
            image.repository, image.digest
        ))
        .status
}

fn blob(image: &Image) -> String {
    format!(
        "/v2/development/{}/blobs/{}",
        image.repository, image.layers[0]
    )
}

/// This test is the other process: it opens the ledger beside the one that serves.
#[test]
fn a_revocation_written_by_another_process_is_felt_within_a_second() {
    let site = or_skip!(Site::open());
    let image = site.image("team/app");
    site.admit(&image);
    assert_eq!(status(&site, &image), 200);
    let now = Timestamp::now();
    let revocation = NewRevocation {
        digest: Digest::parse(&image.digest).unwrap(),
        environment: None,
        repositories: RepositoryGlobs::none(),
        revoker: "another process".to_owned(),
        revoked_at: now,
        reason: "leaked key".to_owned(),
    };
    let config = LedgerOptions::at(site.gateway.data().join("ledger.db"));
    Runtime::new().unwrap().block_on(async {
        let ledger = Ledger::open(config, LedgerAccess::Client, now)
            .await
            .unwrap();
        ledger.revoke(revocation).await.unwrap();
        ledger.close().await;
    });
    eventually("the denial", FELT_WITHIN, || {
        (status(&site, &image) == 403).then_some(())
    });
    assert_eq!(site.gateway.get(&blob(&image)).status, 403);
}

#[test]
fn a_revoked_image_stays_revoked_over_a_restart() {
    let mut site = or_skip!(Site::open());
    let image = site.image("team/app");
    site.admit(&image);
    site.gateway
        .command(&[
            "revoke",
            &site.upstream_name(&image),
            "--reason",
            "leaked key",
        ])
        .expect_ok();
    site.gateway.crash_and_restart();
    assert_eq!(status(&site, &image), 403);
}

#[test]
fn a_revoked_child_denies_the_index_that_would_deploy_it() {
    let site = or_skip!(Site::open());
    let image = site.image("team/multi");
    site.admit(&image);
    assert_eq!(status(&site, &image), 200);
    let child = format!(
        "{}/{}@{}",
        site.development.address(),
        image.repository,
        image.amd64
    );
    site.gateway
        .command(&["revoke", &child, "--reason", "leaked key"])
        .expect_ok();
    eventually("the denial", FELT_WITHIN, || {
        (status(&site, &image) == 403).then_some(())
    });
}

//! What judgement costs: upstreams are asked for much at once, and never twice;
//! no request judges more than its share.

use std::time::Duration;

use futures_util::FutureExt;
use http::Method;
use jiff::Timestamp;
use sekisho::demo::{RequestKind, SampleImage, SampleIndex};
use sekisho::ledger::NewPromotion;
use sekisho::oci::{Digest, Repository, Tag};
use sekisho::trust::{EnvironmentName, Subject};

use super::lanes::Door;
use crate::kit::{Setup, World, blobs, image, image_on, manifests};

const NAME: &str = "docker.io/team/app";
/// Long enough for what never comes.
const NEVER: Duration = Duration::from_secs(20);

fn index_of(children: usize) -> SampleIndex {
    let child = |n| image_on(&format!("child {n}"), &format!("arch{n}"));
    SampleIndex::new((0..children).map(child).collect())
}

#[tokio::test]
async fn reads_eight_pieces_of_an_index_at_once() {
    let world = World::start().await;
    let index = index_of(10);
    world.hub.put_index("team/app", &index);
    let hold = world.hub.hold("/blobs/");
    let path = manifests(NAME, &index.manifest.digest);
    let pull = world.send(0, "GET", &path, &[]).await;
    let eight = async {
        for _ in 0..8 {
            hold.arrived().await;
        }
    };
    let arrived = tokio::time::timeout(NEVER, eight).await;
    hold.release();
    assert!(arrived.is_ok(), "they were asked for one by one");
    pull.reply().await.assert_denied("not-scanned");
}

#[tokio::test]
async fn reads_an_index_to_its_end_although_every_client_has_left() {
    let world = World::start().await;
    let index = index_of(3);
    world.hub.put_index("team/app", &index);
    let door = Door::open(&world);
    let path = manifests(NAME, &index.manifest.digest);
    let hold = world.hub.hold("/blobs/");
    let mut left = Box::pin(door.begin("GET", &path));
    assert!((&mut left).now_or_never().is_none());
    let arrived = tokio::select! {
        () = hold.arrived() => true,
        _ = &mut left => false,
        () = tokio::time::sleep(NEVER) => false,
    };
    assert!(arrived);
    drop(left);
    hold.release();
    assert_eq!(door.begin("GET", &path).await, 403);
    for child in &index.images {
        let digest = child.manifest.digest.to_string();
        let asked = world
            .hub
            .count_of(&Method::GET, RequestKind::Manifest, "team/app", &digest);
        assert_eq!(asked, 1, "{digest}");
    }
}

/// A base layer lies in very many images; the one that permitted it last is enough.
#[tokio::test]
async fn a_blob_is_served_through_one_image_without_looking_at_the_others() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let path = blobs(NAME, &app.layers[0].digest);
    world.get(&path).await.assert_served(&app.layers[0].bytes);
    record_others(&world, &app, 2000).await;
    let door = Door::open(&world);
    assert_eq!(door.begin("HEAD", &path).await, 200);
    let mut status = None;
    let counted = allocation_counter::measure(|| {
        status = door.begin("HEAD", &path).now_or_never();
    });
    assert_eq!(status, Some(200));
    assert!(counted.bytes_total < 64 << 10, "{counted:?}");
}

/// Records images that hold the layers of `image`, too.
async fn record_others(world: &World, image: &SampleImage, count: usize) {
    let repository = Repository::parse(NAME).unwrap();
    let ledger = &world.parts().ledger;
    let closure = ledger.index().closure(&repository, &image.manifest.digest);
    let text = serde_json::to_string(&*closure.unwrap()).unwrap();
    let own = image.manifest.digest.to_string();
    for n in 0..count {
        let other = Digest::sha256(format!("other {n}").as_bytes());
        let text = text.replace(&own, &other.to_string());
        let closure = serde_json::from_str(&text).unwrap();
        ledger.record_closure(&repository, &closure).await.unwrap();
    }
}

/// After a change of policy every cached verdict is judged anew.
#[tokio::test]
async fn a_list_of_tags_that_are_judged_anew_goes_on_where_its_page_ended() {
    let keys = "mode = \"audit\"\npromoted_tags = true";
    let world = World::of(Setup::default().production(keys)).await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    record_others(&world, &app, 200).await;
    let mut expected = Vec::new();
    for n in 0..200 {
        let tag = format!("t{n:03}");
        let digest = Digest::sha256(format!("other {n}").as_bytes());
        promote(&world, digest.clone(), &tag).await;
        world.hub.tag("team/app", &tag, &digest);
        expected.push(tag);
    }
    let mut listed = Vec::new();
    let mut target = format!("/v2/{NAME}/tags/list?n=64");
    let mut pages = 0;
    loop {
        let reply = world.get(&target).await;
        pages += 1;
        let tags = reply.json()["tags"].clone();
        let tags: Vec<String> = serde_json::from_value(tags).unwrap();
        assert!(tags.len() <= 64, "{}", tags.len());
        listed.extend(tags);
        match reply.header("link").and_then(next) {
            Some(next) => target = next,
            None => break,
        }
    }
    assert_eq!(pages, 4);
    assert_eq!(listed, expected);
}

async fn promote(world: &World, digest: Digest, tag: &str) {
    let promotion = NewPromotion {
        subject: Subject {
            environment: EnvironmentName::parse("production").unwrap(),
            repository: Repository::parse(NAME).unwrap(),
            digest,
        },
        tag: Some(Tag::parse(tag).unwrap()),
        promoter: "release".to_owned(),
        promoted_at: Timestamp::now(),
        reason: None,
        link: None,
        forced: false,
    };
    world.parts().ledger.promote(promotion).await.unwrap();
}

fn next(link: &str) -> Option<String> {
    let (_, rest) = link.split_once('<')?;
    Some(rest.split_once('>')?.0.to_owned())
}

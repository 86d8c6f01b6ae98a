//! Lists name exactly what would be served, from the first request on, and cost their
//! upstream no more than they must.

use http::Method;
use jiff::SignedDuration;
use sekisho::demo::{Fault, RequestKind, SampleIndex};
use serde_json::{Value, json};

use crate::kit::{Reply, Setup, World, eventually, image, manifests};

const NAME: &str = "docker.io/team/app";
const LIST: &str = "/v2/docker.io/team/app/tags/list";

fn tags(reply: &Reply) -> Vec<String> {
    let listed = reply.json()["tags"].as_array().cloned().unwrap_or_default();
    let texts = listed.iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn assert_whole(reply: &Reply) {
    assert_eq!(reply.header("warning"), None);
    assert_eq!(reply.header("cache-control"), None);
}

fn assert_partial(reply: &Reply) {
    let warning = reply.header("warning").unwrap();
    assert!(warning.contains("not all tags are known yet"), "{warning}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

/// Requests for manifests and configs of the hub.
fn read(world: &World) -> usize {
    let manifests = world.hub.count(&Method::GET, RequestKind::Manifest);
    manifests + world.hub.count(&Method::GET, RequestKind::Blob)
}

#[tokio::test]
async fn a_cold_gateway_lists_every_tag_that_may_be_deployed_and_no_other() {
    let world = World::start().await;
    let (app, other, scanned) = (image("app"), image("other"), image("scanned"));
    let index = SampleIndex::sample("many");
    world.hub.put_index("team/app", &index);
    for image in [&app, &other, &scanned] {
        world.hub.put_image("team/app", image);
    }
    for (tag, image) in [
        ("1", &app),
        ("2", &other),
        ("3", &scanned),
        ("latest", &app),
    ] {
        world.hub.tag("team/app", tag, &image.manifest.digest);
    }
    world.hub.tag("team/app", "4", &index.manifest.digest);
    world.admit(NAME, &app).await;
    world.admit_index(NAME, &index).await;
    world.scan(NAME, &scanned, &[]).await;
    let before = read(&world);
    let listed = world.both(LIST).await;
    assert_eq!(
        listed.json(),
        json!({ "name": NAME, "tags": ["1", "4", "latest"] })
    );
    assert_whole(&listed);
    // Of what nobody promoted nothing is read, and nothing is asked twice.
    assert_eq!(read(&world), before);
    let asked = world.asked();
    world.both(LIST).await;
    assert_eq!(world.asked(), asked);
    // What is admitted later is listed at once.
    world.admit(NAME, &other).await;
    assert_eq!(tags(&world.both(LIST).await), ["1", "2", "4", "latest"]);
    world.revoke(&app.manifest.digest).await;
    assert_eq!(tags(&world.both(LIST).await), ["2", "4"]);
}

#[tokio::test]
async fn what_a_scan_or_the_mode_lets_pass_is_read_and_listed() {
    let setup = Setup::default()
        .production("require = [\"scan\"]")
        .listener("environment = \"production\"")
        .listener("environment = \"development\"")
        .more("[environments.development]\nmode = \"audit\"");
    let world = World::of(setup).await;
    let (app, unscanned) = (image("app"), image("unscanned"));
    for (tag, image) in [("1", &app), ("2", &unscanned)] {
        world.hub.put_image("team/app", image);
        world.hub.tag("team/app", tag, &image.manifest.digest);
    }
    world
        .hub
        .tag("team/app", "gone", &image("gone").manifest.digest);
    world.scan(NAME, &app, &[]).await;
    assert_eq!(tags(&world.both(LIST).await), ["1"]);
    let listed = world.send(1, "GET", LIST, &[]).await.reply().await;
    assert_eq!(tags(&listed), ["1", "2"]);
    assert_whole(&listed);
}

#[tokio::test]
async fn pages_are_full_and_lead_on_by_the_name_that_was_asked_for() {
    let world = World::start().await;
    let (app, denied) = (image("app"), image("denied"));
    for image in [&app, &denied] {
        world.hub.put_image("team/app", image);
    }
    world.admit(NAME, &app).await;
    for number in 0..20 {
        let image = if number % 3 == 0 { &app } else { &denied };
        let tag = format!("v{number:02}");
        world.hub.tag("team/app", &tag, &image.manifest.digest);
    }
    let mut path = "/v2/team/app/tags/list?n=3&ns=docker.io".to_owned();
    let mut pages = Vec::new();
    loop {
        let reply = world.both(&path).await;
        assert_eq!(reply.header("oci-namespace"), Some("docker.io"));
        pages.push(tags(&reply));
        let Some(link) = reply.header("link") else {
            break;
        };
        let next = link.strip_prefix('<').unwrap().split_once('>').unwrap().0;
        path = next.to_owned();
    }
    let expected = [
        vec!["v00", "v03", "v06"],
        vec!["v09", "v12", "v15"],
        vec!["v18"],
    ];
    assert_eq!(pages, expected);
    for (last, expected) in [
        ("v14", vec!["v15", "v18"]),
        ("v15x", vec!["v18"]),
        ("~", vec![]),
    ] {
        let listed = world.both(&format!("{LIST}?last={last}")).await;
        assert_eq!(tags(&listed), expected, "{last}");
    }
}

#[tokio::test]
async fn a_tag_that_its_upstream_does_not_tell_is_left_out_and_the_list_says_so() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    for tag in ["1", "2", "3"] {
        world.hub.tag("team/app", tag, &app.manifest.digest);
    }
    let fault = Fault::Status(403);
    world.hub.inject("/manifests/2", usize::MAX, fault);
    let listed = world.get(LIST).await;
    assert_eq!(tags(&listed), ["1", "3"]);
    assert_partial(&listed);
    world.hub.heal();
    world.advance(SignedDuration::from_secs(31));
    let listed = world.get(LIST).await;
    assert_eq!(tags(&listed), ["1", "2", "3"]);
    assert_whole(&listed);
}

#[tokio::test]
async fn a_tag_that_its_upstream_is_silent_on_hides_no_other() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let all: Vec<String> = (10..40).map(|number| number.to_string()).collect();
    for tag in &all {
        world.hub.tag("team/app", tag, &app.manifest.digest);
    }
    let hold = world.hub.hold("/manifests/11");
    let listed = world.get(LIST).await;
    let others: Vec<_> = all.iter().filter(|tag| *tag != "11").cloned().collect();
    assert_eq!(tags(&listed), others);
    assert_partial(&listed);
    assert_eq!(listed.header("link"), None);
    hold.release();
}

/// However many tags there are and however often they are listed.
#[tokio::test]
async fn a_list_of_ten_thousand_tags_is_bounded_work_and_goes_on_by_itself() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    for number in 0..10_000 {
        let tag = format!("v{number}");
        world.hub.tag("team/app", &tag, &app.manifest.digest);
    }
    let heads = || world.hub.count(&Method::HEAD, RequestKind::Manifest);
    for _ in 0..3 {
        let listed = world.get(LIST).await;
        assert!(tags(&listed).len() <= 1000);
        assert_partial(&listed);
    }
    let lists = world.hub.count(&Method::GET, RequestKind::Tags);
    assert!(lists <= 11, "{lists}");
    // A minute of the clock may have ended meanwhile.
    let before = heads();
    assert!(before <= 1200, "{before}");
    world.advance(SignedDuration::from_secs(61));
    eventually("more tags are known", || async { heads() > before }).await;
}

#[tokio::test]
async fn lists_are_remembered_as_long_as_a_tag() {
    let setup = Setup::default().production("referrer_types = [\"text/plain\"]");
    let world = World::of(setup).await;
    let app = image("app");
    let note = app.referrer("text/plain", "signed");
    world.hub.put_image("team/app", &app);
    world.hub.put_image("team/app", &note);
    world.hub.tag("team/app", "1", &app.manifest.digest);
    world.admit(NAME, &app).await;
    let referrers = format!("/v2/{NAME}/referrers/{}", app.manifest.digest);
    let none = "/v2/docker.io/team/none/tags/list";
    for round in 1..3 {
        for _ in 0..5 {
            assert_eq!(tags(&world.get(LIST).await), ["1"]);
            let listed = world.get(&referrers).await.json();
            assert_eq!(listed["manifests"].as_array().unwrap().len(), 1);
            assert_eq!(world.get(none).await.code(), "NAME_UNKNOWN");
        }
        let tag_lists = world.hub.count(&Method::GET, RequestKind::Tags);
        assert_eq!(tag_lists, 2 * round);
        let lists = world.hub.count(&Method::GET, RequestKind::Referrers);
        assert_eq!(lists, round);
        world.advance(SignedDuration::from_secs(61));
    }
}

#[tokio::test]
async fn a_tag_that_its_upstream_refuses_is_not_asked_for_by_each_pull() {
    for status in [401, 403, 500] {
        let world = World::start().await;
        let app = image("app");
        world.hub.put_image("team/app", &app);
        world.hub.tag("team/app", "1", &app.manifest.digest);
        world.admit(NAME, &app).await;
        let fault = Fault::Status(status);
        world.hub.inject("/manifests/1", usize::MAX, fault);
        let path = manifests(NAME, "1");
        let first = world.get(&path).await.status;
        let asked = world.hub.total();
        for _ in 0..10 {
            assert_eq!(world.get(&path).await.status, first, "{status}");
        }
        assert_eq!(world.hub.total(), asked, "{status}");
        world.hub.heal();
        world.advance(SignedDuration::from_secs(31));
        world.get(&path).await.assert_served(&app.manifest.bytes);
    }
}

/// Whatever is wrong with what judgement reads: ten pulls ask no more than one.
#[tokio::test]
async fn an_image_that_cannot_be_read_is_not_asked_for_by_each_pull() {
    for (name, fault) in [
        ("500", Fault::Status(500)),
        ("403", Fault::Status(403)),
        ("bytes", Fault::WrongBytes),
        ("type", Fault::Without("content-type")),
    ] {
        let world = World::start().await;
        let app = image(name);
        world.hub.put_image("team/app", &app);
        let faulty = match name {
            "type" => &app.manifest.digest,
            _ => &app.config.digest,
        };
        world.hub.inject(&faulty.to_string(), usize::MAX, fault);
        let path = manifests(NAME, &app.manifest.digest);
        let first = world.get(&path).await.status;
        let asked = world.hub.total();
        for _ in 0..10 {
            assert_eq!(world.get(&path).await.status, first, "{name}");
        }
        assert_eq!(world.hub.total(), asked, "{name}");
        // Elsewhere it is another question, and later on it is asked again.
        world.corp.put_image("team/app", &app);
        let elsewhere = manifests("corp/team/app", &app.manifest.digest);
        world.get(&elsewhere).await.assert_denied("not-scanned");
        world.hub.heal();
        world.advance(SignedDuration::from_secs(31));
        world.get(&path).await.assert_denied("not-scanned");
    }
}

//! Signing in with a token, what a session may, and when it ends.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;

use super::visitor::Visitor;
use crate::kit::eventually;
use crate::kit::lab::{ENVIRONMENTS, LISTENERS, Lab, NAME, config};

/// A gateway where reading needs a token.
async fn closed() -> Lab {
    Lab::of_admin("address = \"127.0.0.1:0\"\nanonymous_reads = false").await
}

#[tokio::test]
async fn a_token_opens_a_session_that_scripts_and_other_sites_do_not_have() {
    let lab = closed().await;
    let nobody = Visitor::new(&lab);
    let refused = nobody.open("/").await;
    assert_eq!(refused.status, 401);
    assert!(refused.text().contains("name=\"token\""));
    let answer = nobody
        .post("/sign-in", &[("token", &lab.token), ("next", "/?x=1")])
        .await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("./?x=1"))
    );
    let cookie = answer.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        !cookie.contains(&lab.token) && !cookie.contains("Secure"),
        "{cookie}"
    );
    let mut visitor = Visitor::new(&lab);
    visitor.keep(&answer);
    let page = visitor.shown("/").await;
    assert!(page.contains("Sign out") && !page.contains(&lab.token));
    lab.stop().await;
}

/// Where the link to the form leads on a page below the root, as a browser resolves it.
fn link_to_the_form(page: &str) -> String {
    let (_, behind) = page.split_once("sign-in?").unwrap();
    let query = behind.split('"').next().unwrap();
    format!("/sign-in?{}", query.replace("&#38;", "&"))
}

#[tokio::test]
async fn who_signs_in_comes_back_to_the_page_that_the_link_stood_on() {
    let lab = Lab::start().await;
    let nobody = Visitor::new(&lab);
    for page in ["/denials?reason=revoked&within=6h", "/d/0"] {
        let form = link_to_the_form(&nobody.open(page).await.text());
        let form = nobody.shown(&form).await;
        let (_, next) = form.split_once("name=\"next\" value=\"").unwrap();
        let next = next.split('"').next().unwrap().replace("&#38;", "&");
        assert_eq!(next, page);
        assert_eq!(
            link_to_the_form(&form),
            link_to_the_form(&nobody.open(page).await.text()),
            "the form's own link keeps it"
        );
        let fields = [("token", lab.token.as_str()), ("next", &next)];
        let answer = nobody.post("/sign-in", &fields).await;
        assert_eq!(answer.header("location"), Some(&*format!(".{page}")));
    }
    for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        let fields = [("token", lab.token.as_str()), ("next", elsewhere)];
        let answer = nobody.post("/sign-in", &fields).await;
        assert_eq!(answer.header("location"), Some("./"), "{elsewhere}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn cookies_of_a_public_address_travel_by_tls_alone() {
    let keys = "address = \"127.0.0.1:0\"\npublic_url = \"https://sekisho.example\"";
    let lab = Lab::of_admin(keys).await;
    let visitor = Visitor::new(&lab);
    let ask = visitor.form("/sign-in", &[("token", &lab.token)]);
    let ask = ask.header("origin", "https://sekisho.example");
    let answer = ask.send().await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("__Host-sekisho=") && cookie.ends_with("; Secure"),
        "{cookie}"
    );
    lab.stop().await;
}

#[tokio::test]
async fn a_wrong_token_opens_nothing() {
    let lab = closed().await;
    let visitor = Visitor::new(&lab);
    let almost = lab.token.replace(char::is_numeric, "x");
    for wrong in ["", "sks_", &almost, &lab.token[..lab.token.len() - 1]] {
        let answer = visitor.post("/sign-in", &[("token", wrong)]).await;
        assert_eq!(answer.status, 401, "{wrong}");
        assert!(answer.header("set-cookie").is_none());
        assert!(answer.text().contains("unknown, expired or revoked"));
    }
    let answer = lab.nobody("GET", "/").header("accept", "text/html");
    let made_up = format!("sekisho={}", "0".repeat(64));
    assert_eq!(answer.header("cookie", &made_up).send().await.status, 401);
    lab.stop().await;
}

#[tokio::test]
async fn a_session_ends_with_its_token_its_time_and_by_signing_out() {
    let lab = closed().await;
    let token = lab.token(json!({"name": "eve", "role": "viewer"})).await;
    let eve = Visitor::with(&lab, &token).await;
    eve.shown("/").await;
    let ask = lab.api("DELETE", "/api/v1/tokens/eve");
    ask.send().await.expect(200);
    assert_eq!(eve.open("/").await.status, 401);

    let admin = Visitor::with(&lab, &lab.token).await;
    let key = admin.key().await;
    let out = admin.post("/sign-out", &[("key", &key)]).await;
    assert_eq!(out.status, 303);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(
        admin.open("/").await.status,
        401,
        "the old cookie opens nothing"
    );

    let late = Visitor::with(&lab, &lab.token).await;
    lab.advance_long(SignedDuration::from_hours(13)).await;
    assert_eq!(late.open("/").await.status, 401);
    lab.stop().await;
}

#[tokio::test]
async fn a_session_sees_what_its_token_reads_and_no_more() {
    let lab = closed().await;
    let request = json!({
        "name": "team", "role": "viewer", "environments": ["staging"],
        "repositories": [format!("registry.example/{NAME}")],
    });
    let team = lab.token(request).await;
    let page = Visitor::with(&lab, &team).await.shown("/").await;
    assert!(
        page.contains("staging") && !page.contains("production"),
        "{page}"
    );
    let puller = lab.token(json!({"name": "node", "role": "puller"})).await;
    let fields = [("token", puller.as_str())];
    let refused = Visitor::new(&lab).post("/sign-in", &fields).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("may not read here"));
    assert!(refused.header("set-cookie").is_none());
    lab.stop().await;
}

#[tokio::test]
async fn who_signs_in_over_and_over_signs_nobody_else_out() {
    let lab = closed().await;
    let admin = Visitor::with(&lab, &lab.token).await;
    let eve = lab.token(json!({"name": "eve", "role": "scanner"})).await;
    let first = Visitor::with(&lab, &eve).await;
    for _ in 0..16 {
        Visitor::with(&lab, &eve).await.shown("/").await;
    }
    assert_eq!(first.open("/").await.status, 401, "its oldest one ends");
    admin.shown("/").await;
    lab.stop().await;
}

#[tokio::test]
async fn a_session_reads_json_and_writes_nothing_at_the_api() {
    let lab = closed().await;
    let admin = Visitor::with(&lab, &lab.token).await;
    let twin = admin.open("/api/v1/status").await.expect(200);
    assert_eq!(twin["product"], "sekisho");
    let body = json!({"name": "evil", "role": "admin"});
    let ask = lab.nobody("POST", "/api/v1/tokens").json(&body);
    let ask = ask.header("cookie", admin.cookie());
    assert_eq!(ask.send().await.refusal(401).0, "unauthenticated");
    lab.stop().await;
}

#[tokio::test]
async fn pages_say_that_they_are_read_without_a_token() {
    let lab = Lab::start().await;
    let nobody = Visitor::new(&lab);
    assert!(nobody.shown("/").await.contains("Read without a token"));
    let admin = Visitor::with(&lab, &lab.token).await;
    assert!(!admin.shown("/").await.contains("Read without a token"));
    lab.stop().await;
}

#[tokio::test]
async fn a_restart_ends_every_session() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::inside(folder, LISTENERS, ENVIRONMENTS).await;
    let closed = config(&lab.upstream.origin(), LISTENERS, ENVIRONMENTS);
    let usual = "[admin]\naddress = \"127.0.0.1:0\"";
    let closed = closed.replace(usual, &format!("{usual}\nanonymous_reads = false"));
    std::fs::write(lab.file(), closed).unwrap();
    let cookie = Visitor::with(&lab, &lab.token).await.cookie().to_owned();
    let lab = lab.restarted().await;
    let ask = lab.nobody("GET", "/").header("cookie", &cookie);
    assert_eq!(ask.header("accept", "text/html").send().await.status, 401);
    lab.stop().await;
}

/// How often the list of all images was read.
async fn lists_read(lab: &Lab) -> u64 {
    let told = lab.nobody("GET", "/metrics").send().await.text();
    let line = "sekisho_ledger_seconds_count{verb=\"known_images\"} ";
    let counted = told.lines().find_map(|it| it.strip_prefix(line));
    counted.map_or(0, |it| it.parse().unwrap())
}

/// A gateway that nobody looks at has its processors and its memory for pulls: the list of all
/// images takes half a minute and half a gigabyte where there are a million.
#[tokio::test]
async fn the_list_of_images_is_read_for_people_and_not_for_programs() {
    let lab = closed().await;
    let nobody = Visitor::new(&lab);
    for _ in 0..3 {
        lab.api("GET", "/api/v1/status").send().await.expect(200);
        assert_eq!(nobody.open("/images").await.status, 401);
        assert_eq!(nobody.open("/nowhere").await.status, 404);
    }
    // The background looks four times a second.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(lists_read(&lab).await, 0);
    let visitor = Visitor::with(&lab, &lab.token).await;
    visitor.shown("/").await;
    eventually("the list of images is read", || async {
        lists_read(&lab).await > 0
    })
    .await;
    lab.stop().await;
}

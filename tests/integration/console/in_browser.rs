//! The pages in a real browser: for everybody, live, in the dark, on a phone, and by the
//! keyboard alone.

use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::json;

use super::browser::{Browser, Screen, axe};
use super::decision::denied;
use crate::kit::lab::{DOOR, Lab, NAME, trivy};
use crate::lab::or_skip;

/// A gateway with something to show: pulls, denials for several reasons, an override.
async fn busy() -> (Lab, String) {
    let lab = Lab::start().await;
    let (image, good) = lab.put(NAME, "good");
    let report = trivy(&image, &[]);
    lab.submit(&lab.token, &good, &report).await.expect(200);
    let request = json!({"image": good, "environment": "production"});
    lab.promote(&lab.token, request).await.expect(200);
    let digest = image.manifest.digest.to_string();
    for _ in 0..5 {
        assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    }
    let (image, bad) = lab.put(NAME, "bad");
    let report = trivy(&image, &["CRITICAL", "HIGH", "MEDIUM"]);
    lab.submit(&lab.token, &bad, &report).await.expect(200);
    let path = denied(&lab, 0, NAME, "bad").await;
    for tag in ["2", "3"] {
        denied(&lab, 1, DOOR, tag).await;
    }
    let glass = json!({
        "image": bad, "environment": "staging", "ticket": "INC-7", "hours": 2,
        "reason": "checkout is down",
    });
    let ask = lab.api("POST", "/api/v1/break-glass").json(&glass);
    ask.send().await.expect(200);
    (lab, path)
}

async fn sign_in(browser: &Browser, lab: &Lab) {
    browser.open(&format!("{}/sign-in", lab.server())).await;
    let token = browser.client.active_element().await.unwrap();
    let keys = format!("{}{}", lab.token, char::from(Key::Enter));
    token.send_keys(&keys).await.unwrap();
    browser.wait_for_text("Sign out").await;
}

#[tokio::test]
async fn every_page_is_usable_by_everybody_in_light_and_dark_at_a_desk_and_on_a_phone() {
    or_skip!(axe());
    let browser = or_skip!(Browser::start().await);
    let (lab, decision) = busy().await;
    sign_in(&browser, &lab).await;
    browser.complaints().await;
    let pages = [
        ("overview", "/"),
        ("denials", "/denials"),
        ("decision", &*decision),
    ];
    let nothing = ("empty", "/denials?image=nothing");
    for (name, path) in pages.into_iter().chain([nothing, ("sign-in", "/sign-in")]) {
        for screen in [Screen::Desk, Screen::Phone] {
            for scheme in ["light", "dark"] {
                browser.look_with(screen, scheme).await;
                browser.open(&format!("{}{path}", lab.server())).await;
                let seen = format!("{name}-{screen:?}-{scheme}").to_lowercase();
                browser.keep(&seen).await;
                assert_eq!(browser.barriers().await, Vec::<String>::new(), "{seen}");
                let wide = browser
                    .run("return document.scrollingElement.scrollWidth - innerWidth")
                    .await;
                assert!(wide.as_i64().unwrap() <= 0, "{seen} is {wide} too wide");
                let complaints = browser.complaints().await;
                assert_eq!(complaints, Vec::<String>::new(), "{seen}");
            }
        }
    }
    browser.close().await;
    lab.stop().await;
}

#[tokio::test]
async fn what_is_denied_comes_to_an_open_page_by_itself() {
    let browser = or_skip!(Browser::start().await);
    let lab = Lab::start().await;
    sign_in(&browser, &lab).await;
    browser.open(&format!("{}/denials", lab.server())).await;
    browser.wait_for_text("No denial is listed").await;
    browser.run("window.stays = true").await;
    denied(&lab, 0, NAME, "1").await;
    browser.wait_for_text("registry.example/team/app").await;
    browser.wait_for_text("not-scanned").await;
    assert_eq!(browser.run("return window.stays").await, json!(true));
    browser.close().await;
    lab.stop().await;
}

#[tokio::test]
async fn the_keyboard_alone_leads_from_signing_in_to_the_remedy() {
    let browser = or_skip!(Browser::start().await);
    let lab = Lab::of_admin("address = \"127.0.0.1:0\"\nanonymous_reads = false").await;
    denied(&lab, 0, NAME, "1").await;
    browser.open(&format!("{}/denials", lab.server())).await;
    let focused = browser.client.active_element().await.unwrap();
    let keys = format!("{}{}", lab.token, char::from(Key::Enter));
    focused.send_keys(&keys).await.unwrap();
    browser.wait_for_text("What to do").await;
    // Tab until the link to the remedy has the focus, and is seen to have it.
    let mut steps = 0;
    loop {
        let focused = browser.client.active_element().await.unwrap();
        if focused.text().await.unwrap() == "What to do" {
            let outline = focused.css_value("outline-style").await.unwrap();
            assert_eq!(outline, "solid");
            focused
                .send_keys(&char::from(Key::Enter).to_string())
                .await
                .unwrap();
            break;
        }
        focused
            .send_keys(&char::from(Key::Tab).to_string())
            .await
            .unwrap();
        steps += 1;
        assert!(steps < 60, "the link is not reached");
    }
    browser.wait_for_text("Why, and what to do").await;
    browser.wait_for_text("trivy image --format json").await;
    browser.close().await;
    lab.stop().await;
}

#[tokio::test]
async fn filters_stand_in_the_address() {
    let browser = or_skip!(Browser::start().await);
    let lab = Lab::start().await;
    denied(&lab, 0, NAME, "1").await;
    denied(&lab, 1, DOOR, "1").await;
    browser.open(&format!("{}/denials", lab.server())).await;
    browser.wait_for_text("team/door").await;
    let image = Locator::Css("input[name=image]");
    let image = browser.client.find(image).await.unwrap();
    let keys = format!("team/app{}", char::from(Key::Enter));
    image.send_keys(&keys).await.unwrap();
    let address = |browser: &Browser| {
        let client = browser.client.clone();
        async move { client.current_url().await.unwrap() }
    };
    crate::kit::eventually("the page is narrowed", || async {
        address(&browser).await.query().is_some()
    })
    .await;
    let query = address(&browser).await.query().unwrap().to_owned();
    assert!(query.contains("image=team%2Fapp"), "{query}");
    browser.wait_for_text("team/app").await;
    assert!(!browser.text().await.contains("team/door"));
    browser.close().await;
    lab.stop().await;
}

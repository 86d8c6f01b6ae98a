//! The pages in a real browser: for everybody, live, in the dark, on a phone, and by the
//! keyboard alone.

use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::json;

use super::browser::{Browser, Screen, axe};
use super::busy_lab::BusyLab;
use super::decision::denied;
use super::page_table::{EMPTY, PAGES};
use crate::kit::lab::{DOOR, Lab, NAME};
use crate::lab::or_skip;

async fn sign_in(browser: &Browser, lab: &Lab) {
    browser.open(&format!("{}/sign-in", lab.server())).await;
    let token = browser.client.active_element().await.unwrap();
    let keys = format!("{}{}", lab.token, char::from(Key::Enter));
    token.send_keys(&keys).await.unwrap();
    browser.wait_for_text("Sign out").await;
}

/// Of each page, and of what is shown where there is nothing: its name and its address.
fn addresses(busy: &BusyLab) -> Vec<(&'static str, String)> {
    let pages = PAGES.iter().map(|it| (it.name, it.address));
    let server = busy.lab.server();
    pages
        .chain(EMPTY)
        .map(|(name, address)| (name, format!("{server}{}", busy.address(address))))
        .collect()
}

#[tokio::test]
async fn every_page_is_usable_by_everybody_in_light_and_dark_at_a_desk_and_on_a_phone() {
    or_skip!(axe());
    let browser = or_skip!(Browser::start().await);
    let busy = BusyLab::start().await;
    sign_in(&browser, &busy.lab).await;
    browser.complaints().await;
    for (name, address) in addresses(&busy) {
        for (screen, scheme, other) in [
            (Screen::Desk, "light", "dark"),
            (Screen::Phone, "dark", "light"),
        ] {
            browser.look_with(screen, scheme).await;
            browser.open(&address).await;
            let seen = format!("{name}-{screen:?}-{scheme}").to_lowercase();
            browser.keep(&seen).await;
            assert_eq!(browser.barriers().await, Vec::<String>::new(), "{seen}");
            let wide = "return document.scrollingElement.scrollWidth - innerWidth";
            let wide = browser.run(wide).await;
            assert!(wide.as_i64().unwrap() <= 0, "{seen} is {wide} too wide");
            let mut complaints = browser.complaints().await;
            // It says so of every answer that is an error, as those of what is unknown are.
            complaints.retain(|it| !it.contains("the server responded with a status of 4"));
            assert_eq!(complaints, Vec::<String>::new(), "{seen}");
            if Browser::keeps_pictures() {
                browser.look_with(screen, other).await;
                let seen = format!("{name}-{screen:?}-{other}").to_lowercase();
                browser.keep(&seen).await;
            }
        }
    }
    browser.close().await;
    busy.lab.stop().await;
}

/// Notes what gets the focus, and what of that does not show it.
const WATCH: &str = "
    window.reached = new Set(); window.unseen = [];
    document.addEventListener('focusin', (event) => {
        window.reached.add(event.target);
        if (getComputedStyle(event.target).outlineStyle === 'none') {
            window.unseen.push(event.target.outerHTML.slice(0, 200));
        }
    });
    if (document.activeElement) document.activeElement.blur();
    return document.querySelectorAll('a, button, input, select, textarea, summary, pre').length;";
/// What can be used and was not reached, beside the first, where the focus began.
const MISSED: &str = "
    const all = 'a[href], button, input, select, textarea, summary, [tabindex=\"0\"]';
    const usable = Array.from(document.querySelectorAll(all)).filter((it) =>
        it.checkVisibility() && it.type !== 'hidden' && !it.disabled);
    const missed = usable.filter((it) => !window.reached.has(it));
    return [usable.length, missed.map((it) => it.outerHTML.slice(0, 200)), window.unseen];";

#[tokio::test]
async fn the_keyboard_alone_reaches_all_of_every_page_and_shows_where_it_is() {
    let browser = or_skip!(Browser::start().await);
    let busy = BusyLab::start().await;
    sign_in(&browser, &busy.lab).await;
    for (name, address) in addresses(&busy) {
        browser.open(&address).await;
        let most = browser.run(WATCH).await.as_u64().unwrap();
        let tabs = char::from(Key::Tab)
            .to_string()
            .repeat(usize::try_from(most).unwrap() + 4);
        let body = browser.client.find(Locator::Css("body")).await.unwrap();
        body.send_keys(&tabs).await.unwrap();
        let seen = browser.run(MISSED).await;
        assert!(seen[0].as_u64() >= Some(3), "{name}: {seen}");
        assert_eq!((&seen[1], &seen[2]), (&json!([]), &json!([])), "{name}");
    }
    browser.close().await;
    busy.lab.stop().await;
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
async fn what_comes_to_an_open_page_takes_nobody_from_where_they_are() {
    let browser = or_skip!(Browser::start().await);
    let lab = Lab::start().await;
    denied(&lab, 0, NAME, "1").await;
    browser.open(&format!("{}/denials", lab.server())).await;
    let focus = "window.mine = document.querySelector('td .next a'); window.mine.focus(); \
                 window.row = window.mine.closest('tr'); return window.mine.textContent";
    assert_eq!(browser.run(focus).await, json!("What to do"));
    for (listener, name, rows) in [(1, DOOR, 2), (0, DOOR, 3)] {
        denied(&lab, listener, name, "2").await;
        let count = "return document.querySelectorAll('#groups tbody tr').length";
        crate::kit::eventually("the row is there", || async {
            browser.run(count).await == json!(rows)
        })
        .await;
        let stays = "return document.activeElement === window.mine && \
                     document.querySelector('#groups tbody tr:last-child') === window.row";
        assert_eq!(browser.run(stays).await, json!(true), "{rows} rows");
    }
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

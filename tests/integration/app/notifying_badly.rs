//! Floods, and receivers that are busy, rude or strange: messages stay few and bounded.

use jiff::SignedDuration;
use sekisho::trust::{Decision, EnvironmentName};
use serde_json::{Value, json};

use super::notifying::{decision, denied, lab, received, target};
use crate::kit::lab::{Lab, eventually};
use crate::kit::receiver::{Receiver, RudeReceiver};

/// Once so many messages wait.
async fn waiting(lab: &Lab, count: usize) {
    eventually("messages wait", || async {
        let notices = lab.parts().ledger.notices().await.unwrap();
        notices.iter().filter(|it| it.count > 0).count() == count
    })
    .await;
}

/// What receivers of chats answer to too many messages.
#[tokio::test]
async fn a_busy_receiver_is_left_alone_for_as_long_as_it_asks() {
    let receiver = Receiver::start().await;
    receiver.answer(429);
    receiver.ask_to_wait(300);
    let lab = lab(&[target("busy", &receiver, "")]).await;
    denied(&lab, 0, "1").await;
    denied(&lab, 1, "2").await;
    waiting(&lab, 2).await;
    lab.advance(SignedDuration::from_secs(11));
    received(&receiver, 1).await;
    lab.looked("notify").await;
    lab.advance(SignedDuration::from_mins(4));
    lab.looked("notify").await;
    lab.looked("notify").await;
    let count = receiver.received().len();
    assert_eq!(count, 1, "the other message was tried meanwhile, too");
    let status = lab.api("GET", "/api/v1/status").send().await.expect(200);
    let error = status["notifications"][0]["error"].as_str().unwrap();
    assert_eq!(
        error,
        "it answered 429, and asks to be left alone for 300 s"
    );
    receiver.answer(200);
    receiver.ask_to_wait(0);
    lab.advance(SignedDuration::from_mins(2));
    received(&receiver, 3).await;
    waiting(&lab, 0).await;
    lab.stop().await;
}

/// A receiver that is down is asked for one of them in a round, and others hear at once.
#[tokio::test]
async fn a_flood_in_many_environments_asks_a_receiver_one_by_one() {
    const PLACES: u32 = 40;
    let (quick, down) = (Receiver::start().await, Receiver::start().await);
    down.answer(500);
    let lab = lab(&[target("quick", &quick, ""), target("down", &down, "")]).await;
    let now = lab.parts().gate.now();
    let flood: Vec<Decision> = (0..PLACES * 50)
        .map(|number| Decision {
            environment: EnvironmentName::parse(&format!("place-{}", number % PLACES)).unwrap(),
            ..decision(number, now)
        })
        .collect();
    for batch in flood.chunks(500) {
        lab.parts().ledger.record_decisions(batch).await.unwrap();
    }
    let places = PLACES as usize;
    waiting(&lab, 2 * places).await;
    lab.advance(SignedDuration::from_secs(11));
    let told = received(&quick, places).await;
    assert_eq!((told.len(), quick.most_at_once()), (places, 1));
    let count = |body: Value| body["data"]["count"].as_u64().unwrap();
    let all: u64 = told.iter().map(|it| count(it.json())).sum();
    assert_eq!(all, 2000);
    let rounds = usize::try_from(lab.app().rounds("notify")).unwrap();
    assert!(down.received().len() <= rounds && down.most_at_once() <= 1);
    lab.stop().await;
}

/// Whether it was taken is not known then: it is told again, and can be told apart.
#[tokio::test]
async fn a_restart_in_the_middle_of_a_message_sends_it_again_under_the_same_id() {
    let receiver = Receiver::start().await;
    receiver.hang();
    let lab = lab(&[target("all", &receiver, "")]).await;
    denied(&lab, 0, "1").await;
    waiting(&lab, 1).await;
    lab.advance(SignedDuration::from_secs(11));
    received(&receiver, 1).await;
    let lab = lab.restarted().await;
    receiver.recover();
    lab.looked("notify").await;
    lab.advance(SignedDuration::from_mins(2));
    let told = received(&receiver, 2).await;
    assert_eq!(told[0].json()["id"], told[1].json()["id"]);
    waiting(&lab, 0).await;
    lab.stop().await;
}

#[tokio::test]
async fn whatever_a_receiver_writes_is_a_word_in_the_end() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    let cases = [
        ("closes", "", "", "broke off"),
        ("half", "HTTP/1.1 20", "", "broke off"),
        ("garbage", "", "no HTTP at all\r\n", "broke off"),
        ("headers", OK, "x-more: and more of it\r\n", "broke off"),
        ("promises", "HTTP/1.1 100 Continue\r\n\r\n", "", "broke off"),
        (
            "moved",
            "HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            "",
            "redirects (307)",
        ),
        (
            "busy",
            "HTTP/1.1 503 x\r\nretry-after: never\r\ncontent-length: 0\r\n\r\n",
            "",
            "503",
        ),
        ("endless", "HTTP/1.1 200 OK\r\n\r\n", "and on, ", "200"),
        (
            "cut",
            "HTTP/1.1 202 x\r\ncontent-length: 900\r\n\r\nbut",
            "",
            "202",
        ),
    ];
    let mut receivers = Vec::new();
    let mut targets = Vec::new();
    for (name, first, rest, _) in &cases {
        let receiver = RudeReceiver::start(first, rest).await;
        let origin = &receiver.origin;
        targets.push(format!(
            "[[notify]]\nname = \"{name}\"\nurl = \"{origin}/\"\n"
        ));
        receivers.push(receiver);
    }
    let lab = lab(&targets).await;
    let ask = lab
        .api("POST", "/api/v1/notifications/test")
        .json(&json!({}));
    let told = ask.send().await.expect(200);
    for (at, (name, _, _, expected)) in cases.iter().enumerate() {
        let outcome = &told["targets"][at];
        assert!(
            outcome["name"] == *name && outcome.to_string().contains(expected),
            "{name}: {outcome}"
        );
    }
    lab.stop().await;
}

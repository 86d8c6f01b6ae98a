//! Forms are taken from pages of their own session alone.

use super::visitor::Visitor;
use crate::kit::lab::Lab;

#[tokio::test]
async fn another_site_signs_nobody_in_or_out() {
    let lab = Lab::start().await;
    let admin = Visitor::with(&lab, &lab.token).await;
    let key = admin.key().await;
    let fields = [("key", key.as_str()), ("token", lab.token.as_str())];
    for path in ["/sign-in", "/sign-out"] {
        for origin in [
            "https://evil.example",
            "null",
            "http://localhost:1",
            "http://127.0.0.1:1",
        ] {
            let answer = admin.form(path, &fields).header("origin", origin);
            let answer = answer.send().await;
            assert_eq!(answer.status, 403, "{path} {origin}");
            assert!(answer.header("set-cookie").is_none());
        }
        let answer = admin.form(path, &fields).send().await;
        assert_eq!(answer.status, 403, "{path} without an origin");
        let answer = admin
            .post(path, &[("key", "00"), ("token", &lab.token)])
            .await;
        assert_eq!(answer.status, 403, "{path} with a wrong key");
    }
    admin.key().await;
    lab.stop().await;
}

#[tokio::test]
async fn an_endless_form_is_refused() {
    let lab = Lab::start().await;
    let long = "x".repeat(100_000);
    let answer = Visitor::new(&lab)
        .post("/sign-in", &[("token", &long)])
        .await;
    assert_eq!(answer.status, 400);
    lab.stop().await;
}

//! Requests that other sites, or other names, bring here.

use crate::kit::lab::Lab;

#[tokio::test]
async fn a_name_that_was_bound_to_our_address_gets_no_answer() {
    let lab = Lab::start().await;
    for path in [
        "/api/v1/status",
        "/d/x",
        "/livez",
        "/metrics",
        "/api/v1/openapi.json",
        "/x",
    ] {
        for host in ["evil.example", "127.0.0.1.evil.example", ""] {
            let answer = lab.api("GET", path).header("host", host).send().await;
            let shown = matches!(path, "/livez" | "/metrics");
            assert!(
                answer.status == 403 || shown,
                "{path} {host}: {}",
                answer.head
            );
        }
    }
    let local = lab
        .api("GET", "/api/v1/status")
        .header("host", "localhost:1");
    local.send().await.expect(200);
    lab.stop().await;
}

#[tokio::test]
async fn a_page_of_another_site_gets_no_answer() {
    let lab = Lab::start().await;
    let ask = |origin: &str| {
        let ask = lab.api("POST", "/api/v1/tokens").header("origin", origin);
        ask.json(&serde_json::json!({"name": "evil", "role": "admin"}))
    };
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
    ] {
        assert_eq!(ask(origin).send().await.refusal(403).0, "forbidden");
    }
    let list = lab.api("GET", "/api/v1/tokens").send().await.expect(200);
    assert_eq!(list["tokens"].as_array().unwrap().len(), 1);
    ask(&lab.server()).send().await.expect(200);
    lab.stop().await;
}

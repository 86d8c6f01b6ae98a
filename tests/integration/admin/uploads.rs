//! Bodies that come slowly, or are long.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::kit::lab::{Lab, NAME, trivy};

/// Sends the head of a request and how its body begins, and no more.
async fn stall(lab: &Lab, path: &str, token: &str) -> TcpStream {
    let address = lab.app().admin();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 60000\r\n\r\n{{"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn takes_a_report_while_another_token_stalls() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let slow = lab.token(json!({"name": "slow", "role": "admin"})).await;
    let quick = lab.token(json!({"name": "quick", "role": "scanner"})).await;
    let mut held = Vec::new();
    for path in ["/api/v1/scans", "/api/v1/promotions", "/api/v1/revocations"] {
        for _ in 0..5 {
            held.push(stall(&lab, path, &slow).await);
        }
    }
    let report = trivy(&image, &["LOW"]);
    lab.submit(&quick, &named, &report).await.expect(200);
    drop(held);
}

#[tokio::test]
async fn takes_a_long_report_and_leaves_nothing_of_it() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let mut report = trivy(&image, &["LOW"]);
    report["Comment"] = json!("x".repeat(5 << 20));
    let taken = lab.submit(&lab.token, &named, &report).await.expect(200);
    assert_eq!(taken["findings"]["low"], 1);
    let folder = lab.folder.path().join("data/uploads");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

#[tokio::test]
async fn refuses_a_body_that_is_longer_than_its_kind_may_be() {
    let lab = Lab::start().await;
    let body = json!({"image": "x".repeat(70 << 10), "reason": "x"});
    let ask = lab.api("POST", "/api/v1/revocations").json(&body);
    assert_eq!(ask.send().await.refusal(413).0, "too-large");
}

//! Tokens: made where they hold at once, and none that could do nothing.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::program::{Program, Run};
use crate::kit::lab::Lab;

/// The running gateway's own configuration, with the address that it got.
fn own(lab: &Lab) -> PathBuf {
    let text = fs::read_to_string(lab.file()).unwrap();
    let free = "[admin]\naddress = \"127.0.0.1:0\"";
    let got = format!("[admin]\naddress = \"{}\"", lab.app().admin());
    assert!(text.contains(free), "{text}");
    let file = lab.folder.path().join("own.toml");
    fs::write(&file, text.replace(free, &got)).unwrap();
    file
}

async fn run(program: Program) -> Run {
    tokio::task::spawn_blocking(|| program.run()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_written_to_the_ledger_holds_as_soon_as_it_is_shown() {
    let lab = Lab::start().await;
    let file = own(&lab);
    for name in ["a", "b", "c"] {
        let create = [
            "token", "create", "--role", "viewer", "--output", "json", "--name", name,
        ];
        let made = run(Program::new(&create).config(&file)).await;
        assert_eq!(made.code, 0, "{made:?}");
        let made: Value = serde_json::from_str(&made.stdout).unwrap();
        let secret = made["secret"].as_str().unwrap();
        let asked = lab.nobody("GET", "/api/v1/exceptions").token(secret);
        assert_eq!(asked.send().await.status, 200, "{name}");
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_could_do_nothing_is_refused_by_command_and_server() {
    let lab = Lab::start().await;
    let create = ["token", "create", "--role", "scanner", "--name", "n"];
    for (more, told) in [
        (["--repository", "team/**"], "matches no repository"),
        (["--expires", "0d"], "never holds"),
    ] {
        let program = Program::new(&[&create[..], &more].concat());
        let program = program.env("SEKISHO_SERVER", &lab.server());
        let refused = run(program.env("SEKISHO_TOKEN", &lab.token)).await;
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains(told), "{refused:?}");
    }
    for (key, value) in [
        ("repositories", json!(["team/**"])),
        ("expires_at", json!("2020-01-01T00:00:00Z")),
    ] {
        let request = json!({"name": "n", "role": "scanner", key: value});
        let answer = lab
            .api("POST", "/api/v1/tokens")
            .json(&request)
            .send()
            .await;
        assert_eq!(answer.refusal(400).0, "bad-request", "{key}");
    }
    lab.stop().await;
}

/// As where the server is asked, which refuses it.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_environment_exits_1_where_the_ledger_is_written_itself_too() {
    let lab = Lab::start().await;
    let create = ["token", "create", "--role", "viewer", "--name", "n"];
    let create = Program::new(&create).arg("--environment").arg("prod");
    let refused = run(create.config(&own(&lab))).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    let told = "no environment is called prod";
    assert!(refused.stderr.contains(told), "{refused:?}");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_makes_a_token_without_one_is_told_how() {
    let lab = Lab::start().await;
    let create = ["token", "create", "--role", "scanner", "--name", "n"];
    let program = Program::new(&create).env("SEKISHO_SERVER", &lab.server());
    let refused = run(program).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    let told = refused.stderr;
    assert!(
        told.contains("--config FILE") && told.contains("admin's token"),
        "{told}"
    );
    assert!(!told.contains("make one with"), "{told}");
    lab.stop().await;
}

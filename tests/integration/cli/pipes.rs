//! A reader that goes away ends a command without a word.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::program::{Api, Program, scratch};

/// 128 and SIGPIPE's number.
const READER_GONE: i32 = 141;

const TOKENS: &str = r#"{"tokens":[]}"#;
const DENIALS: &str = r#"{"decisions":[]}"#;
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

#[track_caller]
fn ends_quietly(program: Program, what: &str) {
    let run = program.run_unread();
    assert_eq!((run.code, run.stderr.as_str()), (READER_GONE, ""), "{what}");
}

#[test]
fn commands_without_a_server_end_quietly() {
    let folder = scratch();
    let manifest = folder.path().join("pod.yaml");
    std::fs::write(
        &manifest,
        "kind: Pod\napiVersion: v1\nspec: {containers: []}\n",
    )
    .unwrap();
    for line in [
        "--help",
        "--version",
        "help",
        "scan submit --help",
        "completion bash",
        "man",
        "version",
        "version --output json",
        "check-config",
        "node-config containerd --gateway https://gateway.example:5080",
        "demo --once",
        "demo --once --json",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        ends_quietly(Program::new(&words), line);
    }
}

#[test]
fn clients_of_the_api_end_quietly_as_text_and_as_json() {
    for (line, media_type, answer) in [
        ("token list", JSON, TOKENS),
        ("denials", JSON, DENIALS),
        ("denials --follow", EVENTS, ": nothing new\n\n"),
    ] {
        for output in ["text", "json"] {
            let api = Api::answering_as(media_type, 200, answer);
            let words: Vec<&str> = line.split(' ').collect();
            let program = Program::new(&words).arg("--output").arg(output);
            ends_quietly(program.env("SEKISHO_SERVER", &api.url), line);
        }
    }
}

/// A pipeline keeps the file, and looks at the first lines alone.
#[test]
fn a_junit_report_is_written_though_nobody_reads_the_output() {
    let folder = scratch();
    let (manifest, junit) = (
        folder.path().join("pod.yaml"),
        folder.path().join("verify.xml"),
    );
    let pod = "kind: Pod\napiVersion: v1\nspec: {containers: []}\n";
    std::fs::write(&manifest, pod).unwrap();
    let api = Api::answering(200, "{}");
    let program = Program::new(&["verify", "--environment", "production", "--junit"]);
    let program = program.arg(&junit).arg(&manifest);
    let run = program.env("SEKISHO_SERVER", &api.url).run_unread();
    assert_eq!(run.code, READER_GONE, "{run:?}");
    assert!(junit.exists(), "{run:?}");
}

#[test]
fn what_is_followed_ends_once_nobody_reads_it() {
    let api = Api::answering_as(EVENTS, 200, ": nothing new\n\n");
    let mut child = Command::new(env!("CARGO_BIN_EXE_sekisho"))
        .args(["denials", "--follow", "--server", &api.url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It asked, found nothing, and waits.
    api.request();
    drop(child.stdout.take());
    let told = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(told.count(), 0);
    assert_eq!(child.wait().unwrap().code(), Some(READER_GONE));
}

#[test]
fn a_failure_that_nobody_hears_keeps_its_exit_code() {
    let unreachable = ["status", "--server", "http://127.0.0.1:1"];
    assert_eq!(Program::new(&unreachable).run_unheard(), 1);
    assert_eq!(Program::new(&["no-such-command"]).run_unheard(), 2);
    assert_eq!(
        Program::new(&["check-config", "--config", "/nowhere"]).run_unheard(),
        64
    );
}

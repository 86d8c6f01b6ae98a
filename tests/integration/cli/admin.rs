//! Commands against an admin API that answers as told.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::program::{Api, Program, scratch};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn verdict(allowed: bool) -> String {
    format!(
        r#"{{"allowed":{allowed},"image":"docker.io/library/nginx:1","digest":"{DIGEST}",
        "environment":"production","exposure":{{"value":"external","source":"listener"}},
        "mode":"enforce","reasons":[{{"reason":"not-scanned","detail":"no scan\u001b[2J",
        "next_step":"scan it","lifted":false}}],"checks":[],"valid_until":null,
        "policy_revision":"ff","evidence":[],"message":""}}"#
    )
}

fn refusal(code: &str, verdict: Option<&str>) -> String {
    let verdict = verdict.map_or_else(String::new, |verdict| format!(r#","verdict":{verdict}"#));
    format!(r#"{{"error":{{"code":"{code}","message":"no\u001b[31m"}}{verdict}}}"#)
}

fn against(api: &Api, arguments: &[&str]) -> Program {
    Program::new(arguments)
        .env("SEKISHO_SERVER", &api.url)
        .env("SEKISHO_TOKEN", "sks_token")
}

#[test]
fn explain_exits_0_when_allowed_and_3_when_denied() {
    for (allowed, code, word) in [(true, 0, "ALLOWED"), (false, 3, "DENIED")] {
        let api = Api::answering(200, &verdict(allowed));
        let run = against(&api, &["explain", "nginx:1", "--exposure", "internal"]).run();
        assert_eq!(run.code, code, "{run:?}");
        assert!(run.stdout.starts_with(word), "{run:?}");
        assert!(
            run.stdout.contains("no scan?[2J"),
            "escapes reach the terminal: {run:?}"
        );
        let asked = api.request();
        assert!(asked.starts_with("GET /api/v1/verdicts?"), "{asked}");
        assert!(asked.contains("image=nginx%3A1 "), "{asked}");
        assert!(asked.contains("exposure=internal"), "{asked}");
        assert!(
            asked
                .to_lowercase()
                .contains("authorization: bearer sks_token"),
            "{asked}"
        );
    }
}

/// What is refused for a reason that pulls are denied for is denied; other refusals fail.
#[test]
fn explain_and_promote_exit_3_for_what_pulls_are_denied_for_and_1_for_the_rest() {
    let refused = |code: &str, reason: &str| {
        format!(r#"{{"error":{{"code":"{code}","message":"no"{reason}}}}}"#)
    };
    for (status, code, reason, exit) in [
        (422, "refused", r#","reason":"registry-not-permitted""#, 3),
        (422, "refused", r#","reason":"ambiguous-reference""#, 3),
        (404, "not-found", r#","reason":"not-promoted""#, 3),
        (404, "not-found", "", 1),
        (422, "refused", "", 1),
    ] {
        for command in [
            &["explain", "nginx:1"][..],
            &["promote", "nginx:1", "--to", "production"],
        ] {
            let api = Api::answering(status, &refused(code, reason));
            let run = against(&api, command).run();
            assert_eq!(run.code, exit, "{command:?} {reason}: {run:?}");
        }
    }
}

#[test]
fn json_output_is_exactly_what_the_api_answered() {
    let api = Api::answering(200, &verdict(true));
    let run = against(&api, &["explain", "nginx:1", "--output", "json"]).run();
    assert_eq!(run.stdout, format!("{}\n", verdict(true)));
}

#[test]
fn explain_takes_the_id_of_a_decision() {
    let id = "4f0c0a7d1f6f4d0e9d6c2b1a39e87755";
    let api = Api::answering(404, &refusal("not-found", None));
    let run = against(&api, &["explain", id]).run();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        api.request()
            .starts_with(&format!("GET /api/v1/decisions/{id} "))
    );
}

#[test]
fn a_denied_promotion_exits_3_with_the_verdict() {
    let body = refusal("denied", Some(&verdict(false)));
    let arguments = ["promote", "nginx:1", "--to", "production", "--resolve"];
    let api = Api::answering(422, &body);
    let run = against(&api, &arguments).run();
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stdout.contains("not-scanned"), "{run:?}");
    assert!(run.stdout.contains("nothing is recorded"), "{run:?}");
    let asked = api.request();
    assert!(asked.starts_with("POST /api/v1/promotions "), "{asked}");
    assert!(asked.contains(r#""resolve":true"#), "{asked}");

    let run = against(&api, &arguments).arg("--output").arg("json").run();
    assert_eq!(run.code, 3, "{run:?}");
    assert_eq!(run.stdout, format!("{body}\n"));
}

#[test]
fn a_promotion_that_is_recorded_exits_0() {
    let body = format!(
        r#"{{"id":"promotion:1","image":"nginx:1","digest":"{DIGEST}","tag":"1",
        "environment":"production","forced":false,"verdict":{}}}"#,
        verdict(true)
    );
    let api = Api::answering(200, &body);
    let run = against(
        &api,
        &["promote", "nginx:1", "--to", "production", "--resolve"],
    )
    .run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout
            .contains(&format!("promoted to production: {DIGEST}")),
        "{run:?}"
    );
}

#[test]
fn a_report_is_handed_in_byte_for_byte() {
    let folder = scratch();
    let file = folder.path().join("report.json");
    let report = "{\"SchemaVersion\": 2,\n \"Results\": [ ]}";
    std::fs::write(&file, report).unwrap();
    let api = Api::answering(403, &refusal("forbidden", None));
    let arguments = [
        "scan", "submit", "--image", "nginx:1", "--format", "trivy", "--report",
    ];
    let run = against(&api, &arguments).arg(&file).run();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("sekisho: no?[31m"), "{run:?}");
    let asked = api.request();
    assert!(asked.contains(report), "{asked}");
    assert!(asked.contains(r#""format":"trivy""#), "{asked}");

    against(&api, &arguments).arg("-").input(report).run();
    assert!(api.request().contains(report));
}

#[test]
fn an_unreachable_server_is_named_with_the_next_step() {
    let run = Program::new(&["status", "--server", "http://127.0.0.1:1"]).run();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("cannot reach http://127.0.0.1:1/"),
        "{run:?}"
    );
    assert!(run.stderr.contains("sekisho serve"), "{run:?}");
}

#[test]
fn a_server_named_with_the_wrong_scheme_or_none_is_told_so() {
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = plain.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in plain.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let server = format!("https://{address}");
    let run = Program::new(&["status", "--server", &server]).run();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("no TLS is spoken there"), "{run:?}");
    assert!(run.stderr.contains("write http://"), "{run:?}");
    let run = Program::new(&["status", "--server", &address.to_string()]).run();
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("write http:// or https://"), "{run:?}");
}

#[test]
fn a_server_that_is_no_sekisho_is_distinguished() {
    let api = Api::answering(404, "<html>");
    let run = against(&api, &["status"]).run();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("is no Sekisho"), "{run:?}");
}

#[test]
fn a_missing_token_has_a_next_step() {
    let api = Api::answering(401, &refusal("unauthenticated", None));
    let run = against(&api, &["token", "list"]).run();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("SEKISHO_TOKEN"), "{run:?}");
}

#[test]
fn the_first_token_goes_to_its_own_server_and_to_no_other() {
    let own = Api::answering(401, &refusal("unauthenticated", None));
    let other = Api::answering(401, &refusal("unauthenticated", None));
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    let address = own.url.trim_start_matches("http://");
    let text = format!("data_dir = \"data\"\n[admin]\naddress = \"{address}\"\n");
    std::fs::write(&file, text).unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/admin.token"), "sks_first\n").unwrap();
    let bearer = "authorization: bearer sks_first\r\n";

    Program::new(&["token", "list"]).config(&file).run();
    assert!(own.request().to_lowercase().contains(bearer));
    Program::new(&["token", "list", "--server", &own.url])
        .config(&file)
        .run();
    assert!(own.request().to_lowercase().contains(bearer));
    Program::new(&["token", "list", "--server", &other.url])
        .config(&file)
        .run();
    assert!(!other.request().to_lowercase().contains("authorization"));
}

#[test]
fn a_refused_token_is_named_by_where_it_came_from() {
    let api = Api::answering(401, &refusal("unauthenticated", None));
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    let address = api.url.trim_start_matches("http://");
    let text = format!("data_dir = \"data\"\n[admin]\naddress = \"{address}\"\n");
    std::fs::write(&file, text).unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let first = folder.path().join("data/admin.token");
    std::fs::write(&first, "sks_first\n").unwrap();
    let list = || Program::new(&["token", "list"]).config(&file);
    let first = first.to_str().unwrap();
    for (program, from, next) in [
        (list(), first, "token create --config FILE"),
        (list().arg("--token").arg("sks_a"), "--token", "by --token"),
        (
            list().env("SEKISHO_TOKEN", "sks_b"),
            "SEKISHO_TOKEN",
            "set it to another",
        ),
    ] {
        let run = program.run();
        assert_eq!(run.code, 1, "{run:?}");
        let told = format!("sekisho: the token from {from}: no");
        assert!(run.stderr.starts_with(&told), "{from}: {run:?}");
        assert!(run.stderr.contains(next), "{next}: {run:?}");
    }
}

#[test]
fn tokens_are_revoked_with_their_evidence() {
    let body = r#"{"name":"ci","withdrawn_scans":3,"withdrawn_promotions":0}"#;
    let api = Api::answering(200, body);
    let run = against(&api, &["token", "revoke", "ci", "--evidence"]).run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout.contains("withdrawn: 3 scans, 0 promotions"),
        "{run:?}"
    );
    assert!(
        api.request()
            .starts_with("DELETE /api/v1/tokens/ci?evidence=true ")
    );
}

#[test]
fn a_token_revoked_without_its_evidence_says_that_it_counts() {
    for (before, told) in [
        (
            "",
            "token ci is revoked; what it handed in and promoted still counts",
        ),
        (
            r#","revoked_before":"2026-06-01T00:00:00.5Z""#,
            "token ci was revoked already, at 2026-06-01T00:00:00Z; what it handed in",
        ),
    ] {
        let body =
            format!(r#"{{"name":"ci","withdrawn_scans":0,"withdrawn_promotions":0{before}}}"#);
        let api = Api::answering(200, &body);
        let run = against(&api, &["token", "revoke", "ci"]).run();
        assert_eq!(run.code, 0, "{run:?}");
        assert!(run.stdout.starts_with(told), "{told}: {run:?}");
        assert!(run.stdout.contains("token revoke ci --evidence"), "{run:?}");
        assert!(!run.stdout.contains("withdrawn:"), "{run:?}");
    }
}

#[test]
fn all_that_is_withdrawn_with_a_token_is_told_and_what_was_made_with_it() {
    let body = r#"{"name":"ci","withdrawn_scans":0,"withdrawn_promotions":1,"withdrawn_modes":2,
        "withdrawn_break_glass":3,"withdrawn_reinstatements":4,"withdrawn_unbound_scans":5,
        "tokens_made":["spare","other"]}"#;
    let api = Api::answering(200, body);
    let run = against(&api, &["token", "revoke", "ci", "--evidence"]).run();
    assert_eq!(run.code, 0, "{run:?}");
    for told in [
        "0 scans, 1 promotion",
        "2 modes",
        "3 break-glass grants",
        "4 reinstatements",
        "5 pre-push scans",
        "hold still: spare, other; revoke",
    ] {
        assert!(run.stdout.contains(told), "{told}: {run:?}");
    }
}

#[test]
fn denials_come_oldest_first_with_those_that_a_mode_let_pass() {
    let decision = |id: &str, time: &str| {
        format!(
            r#"{{"id":"{id}","time":"{time}","count":1,"door":"registry","environment":"production",
            "principal":"anonymous","client":null,"image":"nginx:1","upstream":"docker.io",
            "digest":null,"verdict":"denied","reasons":["not-scanned"],"message":"m","mode":"enforce",
            "exposure":{{"value":"external","source":"listener"}},"policy_revision":"ff",
            "evidence":[],"evidence_age_s":null,"ledger_age_s":null,"duration_us":1}}"#
        )
    };
    let (newer, older) = ("b".repeat(32), "a".repeat(32));
    let body = format!(
        r#"{{"decisions":[{},{}]}}"#,
        decision(&newer, "2026-06-01T00:00:02Z"),
        decision(&older, "2026-06-01T00:00:01Z"),
    );
    let api = Api::answering(200, &body);
    let run = against(&api, &["denials", "--since", "2h"]).run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.find(&older) < run.stdout.find(&newer), "{run:?}");
    assert!(api.request().contains("verdict=denied"));
    assert!(api.request().contains("verdict=would-deny"));
}

#[test]
fn exceptions_are_listed_with_what_ends() {
    let body = r#"{"exceptions":[{"id":"a.toml#1","vulnerabilities":["CVE-1"],"accept":[],
        "images":["docker.io/**"],"packages":[],"reason":"r","link":"https://a.example/1",
        "owner":"web\u001b[2J","expires":"2026-01-01T00:00:00Z","state":"expired","used":null}]}"#;
    let api = Api::answering(200, body);
    let run = against(&api, &["exceptions", "list"]).run();
    assert_eq!(run.code, 0, "{run:?}");
    for part in [
        "a.toml#1  CVE-1",
        "expired",
        "warning: a.toml#1 of web?[2J has ended",
    ] {
        assert!(run.stdout.contains(part), "{part}\n{run:?}");
    }
    assert!(api.request().starts_with("GET /api/v1/exceptions "));
    let run = against(&api, &["exceptions", "list", "--output", "json"]).run();
    assert_eq!(run.stdout, format!("{body}\n"));
}

#[test]
fn acts_are_a_table_for_people_and_csv_for_spreadsheets() {
    let list = r#"{"acts":[{"id":"act:7","time":"2026-07-01T12:00:00Z","act":"revoke",
        "principal":"kai","client":"10.0.0.9","image":"registry.example/app@sha256:00",
        "subject":"revocation:1","reason":"=leaks, \"all\" keys\u001b[2J"}],"next":"7"}"#;
    let api = Api::answering(200, list);
    let run = against(&api, &["acts", "--act", "revoke", "--limit", "1"]).run();
    assert_eq!(run.code, 0, "{run:?}");
    for part in [
        "2026-07-01T12:00:00Z",
        "revoke",
        "kai",
        "10.0.0.9",
        "keys?[2J",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run:?}");
    }
    assert!(run.stderr.contains("--page 7"), "{run:?}");
    let asked = api.request();
    assert!(asked.starts_with("GET /api/v1/acts?"), "{asked}");
    assert!(
        asked.contains("act=revoke") && asked.contains("limit=1"),
        "{asked}"
    );

    let api = Api::answering(200, list);
    let run = against(&api, &["acts", "--limit", "1", "--output", "csv"]).run();
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("time,id,act,principal"), "{run:?}");
    assert!(
        lines[1].contains(r#","'=leaks, ""all"" keys [2J","#),
        "{run:?}"
    );
    for command in ["acts", "decisions", "images"] {
        let none = against(&api, &[command, "--limit", "0"]).run();
        assert_eq!(none.code, 2, "{none:?}");
        assert!(none.stderr.contains("1 at least"), "{none:?}");
    }
    let wrong = against(&api, &["acts", "--act", "dance"]).run();
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(wrong.stderr.contains("break-glass"), "{wrong:?}");
}

//! What clap does not do by itself.

use std::path::Path;

use super::program::{Program, scratch};

#[test]
fn mistakes_exit_2_and_name_the_input() {
    for (arguments, part) in [
        (&["promote"][..], "--to"),
        (&["fly"], "fly"),
        (
            &["promote", "https://a/b", "--to", "production"],
            "without a scheme",
        ),
        (
            &["promote", "a", "--to", "Production"],
            "begins with a letter",
        ),
        (&["denials", "--since", "yesterday"], "yesterday"),
        (
            &["token", "create", "--name", "n", "--role", "king"],
            "possible values: puller",
        ),
        (
            &["token", "create", "--role", "viewer", "--name", "a b"],
            "'a b' for '--name <NAME>': a token's name is",
        ),
        (
            &[
                "node-config",
                "crio",
                "--gateway",
                "https://g:1",
                "--output",
                "json",
            ],
            "./json",
        ),
        (&["status", "--server", "file:///x"], "is no web address"),
        (&["status", "--output", "yaml"], "yaml"),
        (&["status", "-o", "yaml"], "yaml"),
        (&["images", "team/**"], "matches no repository"),
        (&["denials", "--image", "team/**"], "matches no repository"),
        (&["decisions", "--image", "team/*"], "matches no repository"),
        (&["acts", "--image", "team/**"], "matches no repository"),
        (
            &["promote", "a", "--to", "production", "--link", "nope"],
            "is no web address",
        ),
        (
            &["break-glass", "a", "--hours", "2h"],
            "'2h' for '--hours <N>': write a whole number of hours, from 1 to 24",
        ),
        (&["break-glass", "a", "--hours", "48"], "from 1 to 24"),
        (
            &["mode", "production", "audit", "--hours", "200"],
            "from 1 to 168",
        ),
        (
            &["mode", "set", "production", "audit"],
            "unexpected argument 'audit' found\n\n  tip: it is one word too many behind <ENV>, \
             <audit|warn|enforce>\n\nUsage: sekisho mode ",
        ),
        (&["break-glass", "a", "production"], "behind <REF>"),
        (&["mode", "list", "more"], "unexpected argument 'more'"),
        (
            &["scan", "submit", "--scanned-at", "yesterday"],
            "'yesterday' for '--scanned-at <TIME>': write date, time",
        ),
        (
            &["explain", "TEAM/App:1.4"],
            "a repository name is lower-case",
        ),
        (&["check-config", "--log", "sekisho=loud"], "sekisho=loud"),
        (
            &["check-config", "--log", "warning"],
            "\"warning\" is no level of the log: write trace, debug, info, warn, error or off",
        ),
    ] {
        let run = Program::new(arguments).run();
        assert_eq!(run.code, 2, "{arguments:?} {run:?}");
        assert!(run.stderr.contains(part), "{arguments:?} {run:?}");
    }
}

#[test]
fn help_and_version_are_no_failures() {
    let run = Program::new(&["--help"]).run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("Exit codes: 0 done"), "{run:?}");
    let run = Program::new(&["--version"]).run();
    assert!(run.stdout.starts_with("sekisho 0."), "{run:?}");
}

#[test]
fn help_of_help_is_the_help() {
    for (asked, same) in [
        (&["help", "--help"][..], &["help"][..]),
        (&["help", "token", "-h"], &["help", "token"]),
        (&["token", "help", "--help"], &["token", "help"]),
    ] {
        let run = Program::new(asked).run();
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(run.stdout, Program::new(same).run().stdout, "{asked:?}");
    }
}

#[test]
fn a_usage_line_demands_nothing_that_a_variable_said() {
    for arguments in [&["explain"][..], &["mode", "production"], &["fly"]] {
        let program = Program::new(arguments)
            .env("SEKISHO_CONFIG", "sekisho.toml")
            .env("SEKISHO_SERVER", "http://127.0.0.1:1")
            .env("SEKISHO_TOKEN", "sks_a");
        let run = program.run();
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("Usage: sekisho"), "{run:?}");
        assert_eq!(run.stderr, Program::new(arguments).run().stderr);
    }
    // What is wrong in a variable is told all the same.
    let wrong = Program::new(&["status"]).env("SEKISHO_SERVER", "nowhere");
    assert!(wrong.run().stderr.contains("--server <URL>"));
}

#[test]
fn secrets_of_the_environment_are_not_in_the_help() {
    let run = Program::new(&["status", "--help"])
        .env("SEKISHO_TOKEN", "sks_hidden")
        .run();
    assert!(!run.stdout.contains("sks_hidden"), "{run:?}");
}

#[test]
fn a_password_in_a_url_is_refused_and_not_shown() {
    let url = "https://robot:hunter2@sekisho.example";
    for program in [
        Program::new(&["status", "--server", url]),
        Program::new(&["status", "--server", "https://robot:hunter2@"]),
        Program::new(&["status"]).env("SEKISHO_SERVER", url),
        Program::new(&["explain", url]),
        Program::new(&["node-config", "crio", "--registry", "a", "--gateway", url]),
    ] {
        let run = program.run();
        assert_eq!(run.code, 2, "{run:?}");
        assert!(!run.stderr.contains("hunter2"), "{run:?}");
    }
    let help = Program::new(&["status", "--help"]).env("SEKISHO_SERVER", url);
    let help = help.run();
    assert!(!help.stdout.contains("hunter2"), "{help:?}");
}

/// Each would go on for ever, or until there is no memory.
#[test]
fn files_without_an_end_are_refused() {
    let endless = Path::new("/dev/zero");
    for (arguments, code) in [
        (&["check-config"][..], 64),
        (&["exceptions", "check"], 64),
        (&["serve"], 64),
    ] {
        let run = Program::new(arguments).config(endless).run();
        assert_eq!(run.code, code, "{arguments:?} {run:?}");
        assert!(run.stderr.contains("is no regular file"), "{run:?}");
    }
    for arguments in [
        &["replay", "--policy", "/dev/zero"][..],
        &["verify", "/dev/zero"],
        &[
            "status",
            "--server",
            "https://127.0.0.1:9",
            "--ca",
            "/dev/zero",
        ],
        &["ledger", "verify", "/dev/zero"],
        &[
            "doctor",
            "node",
            "--files-only",
            "--containerd-config",
            "/dev/zero",
        ],
    ] {
        let run = Program::new(arguments).run();
        assert_ne!(run.code, 0, "{arguments:?} {run:?}");
    }
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    for text in [
        "[[upstreams]]\nname = 'a.corp'\nca = '/dev/zero'",
        "[[upstreams]]\nname = 'a.corp'\ncredentials = { docker_config = '/dev/zero' }",
        "[[upstreams]]\nname = 'a.corp'\n\
         credentials = { username = 'u', password_file = '/dev/zero' }",
        "[[listeners]]\ntls = { certificate = '/dev/zero', key = '/dev/zero' }",
        "[webhook]\nclient_ca = '/dev/zero'",
    ] {
        std::fs::write(&file, text).unwrap();
        let run = Program::new(&["check-config"]).config(&file).run();
        assert_eq!(run.code, 64, "{text} {run:?}");
        assert!(run.stderr.contains("is no regular file"), "{text} {run:?}");
    }
}

#[test]
fn shells_complete_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let run = Program::new(&["completion", shell]).run();
        assert_eq!(run.code, 0, "{run:?}");
        assert!(run.stdout.contains("check-config"), "{shell}");
    }
}

#[test]
fn closed_lists_of_words_are_completed() {
    let script = Program::new(&["completion", "bash"]).run().stdout;
    for (option, word, times) in [
        ("reason", "too-severe", 2),
        ("verdict", "would-deny", 1),
        ("role", "on-call", 1),
        ("act", "token-create", 1),
    ] {
        let begin = format!("--{option})");
        let offers = script.split(&begin).skip(1).filter(|rest| {
            let line = rest.trim_start().lines().next().unwrap_or_default();
            line.contains("compgen -W") && line.contains(word)
        });
        assert_eq!(offers.count(), times, "{option}");
    }
}

#[test]
fn a_bad_configuration_ends_every_command_with_64() {
    for arguments in [&["serve"][..], &["status"], &["ledger", "backup", "x"]] {
        let missing = std::path::Path::new("/nonexistent/sekisho.toml");
        let run = Program::new(arguments).config(missing).run();
        assert_eq!(run.code, 64, "{arguments:?} {run:?}");
        assert!(run.stderr.contains("/nonexistent/sekisho.toml"), "{run:?}");
    }
}

#[test]
fn a_configuration_that_would_not_be_read_is_refused() {
    for arguments in [
        &["demo", "--once", "--config", "sekisho.toml"][..],
        &["--config", "sekisho.toml", "demo", "--once"],
        &[
            "node",
            "agent",
            "--config",
            "sekisho.toml",
            "--gateway",
            "https://gateway.example",
            "--environment",
            "production",
            "--key",
            "nodes.pub",
        ],
        &["doctor", "node", "--config", "sekisho.toml"],
        &["completion", "bash", "--config", "sekisho.toml"],
        &["version", "--config", "sekisho.toml"],
    ] {
        let run = Program::new(arguments).run();
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
        assert!(
            run.stderr.contains("leave --config out"),
            "{arguments:?}: {run:?}"
        );
    }
    // In the environment it is for the other commands.
    let version = Program::new(&["version"]).env("SEKISHO_CONFIG", "sekisho.toml");
    assert_eq!(version.run().code, 0);
}

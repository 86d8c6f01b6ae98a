//! What clap does not do by itself.

use super::program::Program;

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
            "unknown role",
        ),
        (&["status", "--server", "file:///x"], "is no web address"),
        (&["status", "--output", "yaml"], "yaml"),
        (&["check-config", "--log", "sekisho=loud"], "sekisho=loud"),
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
fn secrets_of_the_environment_are_not_in_the_help() {
    let run = Program::new(&["status", "--help"])
        .env("SEKISHO_TOKEN", "sks_hidden")
        .run();
    assert!(!run.stdout.contains("sks_hidden"), "{run:?}");
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
fn a_bad_configuration_ends_every_command_with_64() {
    for arguments in [&["serve"][..], &["status"], &["ledger", "backup", "x"]] {
        let missing = std::path::Path::new("/nonexistent/sekisho.toml");
        let run = Program::new(arguments).config(missing).run();
        assert_eq!(run.code, 64, "{arguments:?} {run:?}");
        assert!(run.stderr.contains("/nonexistent/sekisho.toml"), "{run:?}");
    }
}

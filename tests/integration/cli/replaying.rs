//! What `replay` says of the policy that it is to try.

use std::fs;
use std::path::Path;

use super::program::{Api, Program, Run, scratch};

const NOTHING_CHANGES: &str = r#"{"judged":1,"unknown":0,"homeless":0,"cut":false,"changes":[]}"#;

fn replay(api: &Api, file: &Path) -> Run {
    Program::new(&["replay", "--policy", file.to_str().unwrap()])
        .env("SEKISHO_SERVER", &api.url)
        .env("SEKISHO_TOKEN", "sks_token")
        .run()
}

#[test]
fn what_check_config_refuses_of_a_policy_is_refused_by_the_name_of_its_file() {
    let folder = scratch();
    let file = folder.path().join("stricter.toml");
    let api = Api::answering(200, NOTHING_CHANGES);
    for (text, told) in [
        (
            "[enviroments.production]\n",
            ":1:2: enviroments: is unknown",
        ),
        ("exceptions = \"x\"\n", ":1:1: exceptions: is unknown"),
        (
            "[environments.production]\nmode = \"mild\"\n",
            ":2:8: environments.production.mode: ",
        ),
        (
            "[[upstreams]]\nname = \"registry.example\"\nvouch = 1\n",
            ":3:1: upstreams[0].vouch: is unknown",
        ),
        ("[environments.production\n", ":1:"),
    ] {
        fs::write(&file, text).unwrap();
        let run = replay(&api, &file);
        assert_eq!(run.code, 64, "{text} {run:?}");
        let told = format!("{}{told}", file.display());
        assert!(run.stderr.contains(&told), "{told}: {run:?}");
        let checked = Program::new(&["check-config"]).config(&file).run();
        assert_eq!(checked.code, 64, "{text} {checked:?}");
        for line in run.stderr.lines() {
            assert!(checked.stderr.contains(line), "{line}: {checked:?}");
        }
    }
    assert_eq!(api.pending(), 0, "nothing of it is tried");
}

#[test]
fn what_else_a_configuration_file_holds_may_stand_in_a_policy() {
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    let whole = "data_dir = \"x\"\n[environments.production]\n[[listeners]]\n\
                 address = \"127.0.0.1:0\"\nenvironment = \"production\"\n[cache]\n\
                 max_size = \"1 GiB\"\n[admin]\n[nodes]\n[limits]\n";
    fs::write(&file, whole).unwrap();
    let api = Api::answering(200, NOTHING_CHANGES);
    let run = replay(&api, &file);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("nothing would change"), "{run:?}");
}

#[test]
fn a_policy_that_judged_nothing_is_no_all_clear() {
    let folder = scratch();
    let file = folder.path().join("other.toml");
    fs::write(&file, "[environments.elsewhere]\n").unwrap();
    for (answer, told) in [
        (
            r#"{"judged":0,"unknown":0,"homeless":3,"cut":false,"changes":[]}"#,
            "give the policy the environments that are in use",
        ),
        (
            r#"{"judged":0,"unknown":0,"homeless":0,"cut":false,"changes":[]}"#,
            "look further back by --since",
        ),
    ] {
        let run = replay(&Api::answering(200, answer), &file);
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stdout.contains("0 images judged\n"), "{run:?}");
        assert!(!run.stdout.contains("nothing would change"), "{run:?}");
        assert!(run.stderr.contains(told), "{run:?}");
    }
}

#[test]
fn a_folder_of_exceptions_that_is_missing_is_told() {
    let folder = scratch();
    let file = folder.path().join("stricter.toml");
    fs::write(
        &file,
        "exceptions_dir = \"nodir\"\n[environments.production]\n",
    )
    .unwrap();
    let run = replay(&Api::answering(200, NOTHING_CHANGES), &file);
    assert_eq!(run.code, 0, "{run:?}");
    let told = "nodir: is not there, and reads as empty";
    assert!(run.stderr.contains(told), "{run:?}");
}

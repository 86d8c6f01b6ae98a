//! What scripts read, of the commands that ask no server.

use std::fs;

use serde_json::Value;

use super::program::{Program, Run, scratch};

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

#[test]
fn the_files_of_exceptions_and_advisories_are_checked_as_json() {
    let folder = scratch();
    fs::create_dir(folder.path().join("exceptions")).unwrap();
    let config = folder.path().join("sekisho.toml");
    fs::write(&config, "exceptions_dir = \"exceptions\"\n").unwrap();
    for kind in ["exceptions", "advisories"] {
        let check = || {
            let program = Program::new(&[kind, "check", "--output", "json"]);
            program.config(&config).run()
        };
        let good = check();
        assert_eq!(good.code, 0, "{good:?}");
        assert_eq!(json(&good)["ok"], true);
        assert_eq!(json(&good)["exceptions"], 0);
        let broken = folder.path().join("exceptions/team.toml");
        fs::write(&broken, "[[exception]]\nlink = 'no'\n").unwrap();
        let bad = check();
        assert_eq!(bad.code, 64, "{bad:?}");
        assert_eq!(json(&bad)["ok"], false);
        assert!(
            !json(&bad)["problems"].as_array().unwrap().is_empty(),
            "{bad:?}"
        );
        fs::remove_file(&broken).unwrap();
    }
}

#[test]
fn a_good_configuration_is_told_in_json_as_in_text() {
    let run = Program::new(&["check-config", "--output", "json"]).run();
    assert_eq!(run.code, 0, "{run:?}");
    let told = json(&run);
    for key in ["listeners", "upstreams", "environments"] {
        assert_eq!(told[key], 1, "{key}: {told}");
    }
    assert_eq!(told["policy_revision"].as_str().unwrap().len(), 16);
}

#[test]
fn a_ledger_is_copied_as_json() {
    let folder = scratch();
    let config = folder.path().join("sekisho.toml");
    fs::write(&config, "data_dir = \"data\"\n").unwrap();
    let create = ["token", "create", "--role", "viewer", "--name", "v"];
    assert_eq!(Program::new(&create).config(&config).run().code, 0);
    let url = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    let (from, to) = (url("data/ledger.db"), url("new.db"));
    let copy = [
        "ledger", "copy", "--output", "json", "--from", &from, "--to", &to,
    ];
    let run = Program::new(&copy).run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(json(&run)["rows"].as_u64().unwrap() > 0, "{run:?}");
}

#[test]
fn every_ledger_that_is_served_is_a_feature() {
    let run = Program::new(&["version", "--output", "json"]).run();
    let told = json(&run);
    let features: Vec<&str> = told["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    assert!(
        features.contains(&"ledger-sqlite") && features.contains(&"ledger-postgres"),
        "{told}"
    );
}

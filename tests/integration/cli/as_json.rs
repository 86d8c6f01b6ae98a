//! What scripts read, of the commands that ask no server.

use serde_json::Value;

use super::program::{Program, Run};

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
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

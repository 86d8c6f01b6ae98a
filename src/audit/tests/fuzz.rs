//! Logs that were written by somebody else, or over.

use std::fs;

use super::*;
use crate::tests::{Fuzz, folded};

const OLDER: &[u8] = include_bytes!("../../../tests/fixtures/releases/0.1.0/audit.jsonl");

/// A log of a few records, each with its line in the chain, and its end.
fn chained() -> (Vec<u8>, ChainEnd) {
    let (_folder, path) = place();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let end = runtime.unwrap().block_on(async {
        let audit = Audit::open(config(&path)).unwrap();
        for number in 0..6 {
            let record = json!({"record": "act", "id": format!("act:{number}"), "time": "2026-11-28T00:11:38Z",
                "act": "promote", "principal": "ci", "detail": "a \"b\" \\ c"});
            audit.write(&[record]).await.unwrap();
        }
        audit.end().await
    });
    (fs::read(&path).unwrap(), end)
}

/// The lines of the log of that name, as they are read; others have a chain of their own, and
/// what nobody can read counts as broken off.
fn of_log<'a>(text: &'a [u8], name: &str) -> Vec<&'a [u8]> {
    let is_of =
        |line: &&[u8]| ChainLink::of(line).is_ok_and(|it| it.is_some_and(|it| it.log == name));
    text.split(|byte| *byte == b'\n').filter(is_of).collect()
}

#[test]
fn fuzz_logs() {
    let (chain, end) = chained();
    let first: Value =
        serde_json::from_slice(chain.split(|it| *it == b'\n').next().unwrap()).unwrap();
    let name = first["chain"]["log"].as_str().unwrap();
    let lines = of_log(&chain, name);
    assert_eq!(lines.len(), 6);
    let known = KnownEnd {
        end,
        place: None,
        may_be_removed: false,
        keeps_all: false,
    };
    let (_folder, path) = place();
    let fuzz = Fuzz::new("logs", &[&chain, &OLDER[..OLDER.len().min(4000)]]);
    fuzz.free_bytes(1 << 20).run(|text| {
        fs::write(&path, text).unwrap();
        let mut acts = 0;
        let read = {
            let ends = vec![known.end.clone()];
            let known = KnownLogs {
                ends,
                are_all: true,
            };
            let count = |_: &_| {
                acts += 1;
                true
            };
            read_sound_acts(std::slice::from_ref(&path), &known, count)
        };
        let mark = newest_mark(&path).map(|mark| mark.is_some());
        let found = check_log(&path, std::slice::from_ref(&known), |_, _| {}).unwrap();
        let kept = of_log(text, name);
        if found.faults.is_empty() && found.unchained == 0 {
            // What passes has the log's own lines up to its end, in a row; the first may have
            // been put aside.
            let is_end = !kept.is_empty() && lines.ends_with(&kept);
            assert!(is_end, "{}", text.escape_ascii());
        }
        let told = found.faults.first().map(|fault| folded(&fault.to_string()));
        let torn = !found.torn.is_empty();
        format!("{told:?} {torn} {} {mark:?} {}", read.is_ok(), acts.min(3))
    });
}

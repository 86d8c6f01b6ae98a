//! Logs that were written by somebody else, or over.

use std::fs;

use super::*;
use crate::tests::{Fuzz, folded};

const OLDER: &[u8] = include_bytes!("../../../tests/fixtures/releases/0.1.0/audit.jsonl");

/// A log of a few records, each with its line in the chain.
fn chained() -> Vec<u8> {
    let (_folder, path) = place();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let audit = Audit::open(config(&path)).unwrap();
        for number in 0..6 {
            let record = json!({"record": "act", "id": format!("act:{number}"), "time": "2026-11-28T00:11:38Z",
                "act": "promote", "principal": "ci", "detail": "a \"b\" \\ c"});
            audit.write(&[record]).await.unwrap();
        }
    });
    fs::read(&path).unwrap()
}

#[test]
fn fuzz_logs() {
    let chain = chained();
    let lines: Vec<&[u8]> = chain.split(|byte| *byte == b'\n').collect();
    let (_folder, path) = place();
    let fuzz = Fuzz::new("logs", &[&chain, &OLDER[..OLDER.len().min(4000)]]);
    fuzz.free_bytes(1 << 20).run(|text| {
        fs::write(&path, text).unwrap();
        let mut acts = 0;
        let read = read_acts(std::slice::from_ref(&path), |_| acts += 1);
        let mark = newest_mark(&path).map(|mark| mark.is_some());
        let found = check(&path);
        let whole = found.faults.is_empty() && found.torn.is_empty() && found.unchained == 0;
        if whole {
            // What passes for whole has lines of the log, in a row, and nothing else.
            let kept: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
            let kept = kept.strip_suffix(&[b"".as_slice()]).unwrap_or(&kept);
            assert!(lines.windows(kept.len().max(1)).any(|some| some == kept) || kept.is_empty());
        }
        let told = found.faults.first().map(|fault| folded(&fault.to_string()));
        let torn = !found.torn.is_empty();
        format!("{told:?} {torn} {} {mark:?} {}", read.is_ok(), acts.min(3))
    });
}

//! Which acts of a log are believed.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::sound_acts::{ActDoubt, KnownLogs, SoundActs, read_sound_acts};
use super::*;

fn act(number: u32, kind: &str) -> String {
    let time = "2026-07-01T12:00:00Z";
    json!({"record": "act", "id": format!("act:{number}"), "time": time, "act": kind,
        "principal": "p", "ledger": {"id": "a", "change": number}})
    .to_string()
}

/// A log of its own name, tied whole, and its ends after each line.
fn tied(log: &str, records: impl IntoIterator<Item = String>) -> (Vec<String>, Vec<ChainEnd>) {
    let mut end = ChainEnd {
        log: log.to_owned(),
        line: 0,
        hash: None,
    };
    let tie = |record: String| (end.tie(&record).unwrap(), end.clone());
    records.into_iter().map(tie).unzip()
}

fn starts(count: u32) -> impl Iterator<Item = String> {
    (1..=count).map(|number| act(number, "start"))
}

fn read(files: &[&[String]], known: &[ChainEnd], are_all: bool) -> SoundActs {
    let folder = tempfile::tempdir().unwrap();
    let write = |(at, lines): (usize, &&[String])| -> PathBuf {
        let path = folder.path().join(at.to_string());
        fs::write(&path, lines.join("\n")).unwrap();
        path
    };
    let files: Vec<PathBuf> = files.iter().enumerate().map(write).collect();
    let ends = known.to_vec();
    read_sound_acts(&files, &KnownLogs { ends, are_all }, |_| true).unwrap()
}

fn numbers(found: &SoundActs) -> Vec<i64> {
    found.acts.iter().filter_map(|it| it.act.number()).collect()
}

fn doubts(found: &SoundActs) -> Vec<(u64, ActDoubt)> {
    found
        .doubtful
        .iter()
        .map(|it| (it.at.line, it.why))
        .collect()
}

#[test]
fn all_acts_of_a_sound_log_are_believed_in_any_order_of_its_files() {
    let (lines, ends) = tied("l", starts(6));
    for known in [&ends[..0], &ends[2..3], &ends[5..], &ends[..]] {
        let found = read(&[&lines[4..], &lines[..2], &lines[2..4]], known, false);
        assert_eq!(
            (numbers(&found), doubts(&found)),
            ((1..=6).collect(), vec![])
        );
        assert_eq!(found.read["l"], 6);
    }
    // A file that is named twice says the same once more.
    let found = read(&[&lines, &lines], &ends[3..4], true);
    assert_eq!(
        (numbers(&found), doubts(&found)),
        ((1..=6).collect(), vec![])
    );
}

#[test]
fn a_line_that_a_crash_tore_casts_no_doubt() {
    let (mut lines, ends) = tied("l", starts(3));
    lines.insert(2, lines[2][..40].to_owned());
    lines.push("{\"record\":\"a".to_owned());
    let found = read(&[&lines], &ends[1..2], true);
    assert_eq!((numbers(&found), doubts(&found)), (vec![1, 2, 3], vec![]));
}

#[test]
fn a_line_without_a_place_in_the_chain_is_doubted_behind_it_or_where_a_chain_is_known() {
    let (mut lines, ends) = tied("l", starts(2));
    lines.push(act(3, "mode"));
    let found = read(&[&lines], &[], false);
    assert_eq!(numbers(&found), [1, 2]);
    assert_eq!(doubts(&found), [(3, ActDoubt::Unchained)]);
    lines.rotate_right(1);
    assert_eq!(numbers(&read(&[&lines], &[], false)), [1, 2, 3]);
    let found = read(&[&lines], &ends, false);
    assert_eq!(doubts(&found), [(1, ActDoubt::Unchained)]);
}

#[test]
fn a_changed_line_and_what_is_put_in_are_doubted() {
    let (mut lines, ends) = tied("l", starts(5));
    lines[2] = lines[2].replace("\"start\"", "\"mode\"");
    let found = read(&[&lines], &ends[4..], false);
    assert_eq!(numbers(&found), [4, 5]);
    // What comes before is tied to the changed line alone.
    let untied = |line| (line, ActDoubt::Untied);
    assert_eq!(doubts(&found), [1, 2, 3].map(untied));
    let found = read(&[&lines], &ends[1..2], false);
    assert_eq!(numbers(&found), [1, 2]);

    let (mut lines, ends) = tied("l", starts(5));
    let (forged, _) = tied("l", [act(8, "mode"), act(9, "mode")]);
    lines.extend(forged);
    let found = read(&[&lines], &ends[4..], false);
    assert_eq!(numbers(&found), [1, 2, 3, 4, 5]);
    assert_eq!(doubts(&found), [6, 7].map(untied));
}

#[test]
fn a_log_that_was_written_anew_and_one_of_a_name_that_nobody_knows_are_doubted() {
    let (_, ends) = tied("l", starts(3));
    let (forged, _) = tied("l", (1..=4).map(|it| act(it, "mode")));
    let found = read(&[&forged], &ends[2..], false);
    assert_eq!((numbers(&found), doubts(&found).len()), (vec![], 4));
    assert_eq!(found.read["l"], 0);
    let (lines, _) = tied("l", starts(3));
    let (other, other_ends) = tied("m", [act(4, "mode")]);
    let found = read(&[&lines, &other], &ends[2..], true);
    assert_eq!(doubts(&found), [(1, ActDoubt::UnknownLog)]);
    // A backup does not know the logs of replicas that came later.
    let found = read(&[&lines, &other], &ends[2..], false);
    assert_eq!(numbers(&found), [1, 2, 3, 4]);
    assert_eq!(found.new_ends, other_ends);
}

#[test]
fn two_different_acts_under_one_number_are_doubted_both() {
    let (lines, _) = tied("l", [act(1, "start"), act(2, "revoke"), act(2, "start")]);
    let found = read(&[&lines], &[], false);
    assert_eq!(numbers(&found), [1]);
    let contested = |line| (line, ActDoubt::Contested);
    assert_eq!(doubts(&found), [2, 3].map(contested));
    let told = found.doubtful[0].to_string();
    assert!(
        told.contains("/0:2: act:2 (revoke): two different acts"),
        "{told}"
    );
}

//! What is kept over the agent's own end, and what is never taken.

use std::fs;

use jiff::SignedDuration;
use tempfile::TempDir;

use super::kit::{ENVIRONMENT, key, now, snapshot};
use crate::metrics::AgentMetrics;
use crate::node_agent::snapshot_keeper::SnapshotKeeper;
use crate::node_agent::state_folder::StateFolder;
use crate::node_snapshot::{AgentMode, SignedSnapshot, SnapshotError, SnapshotTerms};

fn keeper(folder: &TempDir) -> SnapshotKeeper {
    opened(folder, ENVIRONMENT, 1)
}

fn opened(folder: &TempDir, environment: &str, seed: u8) -> SnapshotKeeper {
    SnapshotKeeper::open(
        environment.to_owned(),
        vec![key(seed).public_key()],
        StateFolder::new(folder.path()),
        AgentMetrics::new(),
    )
}

fn sequence(keeper: &SnapshotKeeper) -> Option<u64> {
    keeper.held().map(|held| held.snapshot().terms().sequence)
}

fn numbered(sequence: u64) -> SignedSnapshot {
    snapshot(sequence, AgentMode::Enforce)
}

#[test]
fn holds_the_last_snapshot_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = keeper(&folder);
    assert_eq!(sequence(&first), None);
    for number in [7, 9] {
        first.take(&numbered(number).to_bytes(), now()).unwrap();
        assert_eq!(sequence(&keeper(&folder)), Some(number));
    }
    assert_eq!(keeper(&folder).held(), first.held());
}

#[test]
fn a_delta_leads_to_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let first = keeper(&folder);
    let (old, new) = (numbered(7), numbered(8));
    let delta = new.delta_from(7, old.snapshot()).to_bytes();
    assert!(first.take_delta(&delta, now()).is_err());
    first.take(&old.to_bytes(), now()).unwrap();
    first.take_delta(&delta, now()).unwrap();
    assert_eq!(sequence(&keeper(&folder)), Some(8));
}

#[test]
fn what_is_forged_older_or_cut_off_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = keeper(&folder);
    let held = numbered(7).to_bytes();
    first.take(&held, now()).unwrap();
    let older = first.take(&numbered(6).to_bytes(), now());
    let rollback = SnapshotError::Rollback {
        held: 7,
        offered: 6,
    };
    assert_eq!(older, Err(rollback));
    let newer = numbered(8).to_bytes();
    let mut forged = newer.clone();
    *forged.last_mut().unwrap() ^= 1;
    for bad in [&forged[..], &newer[..newer.len() - 1], b""] {
        assert_eq!(first.take(bad, now()), Err(SnapshotError::Signature));
    }
    assert_eq!(sequence(&first), Some(7));
    assert_eq!(fs::read(folder.path().join("snapshot")).unwrap(), held);
}

#[test]
fn what_was_changed_on_the_disk_is_as_if_there_were_none() {
    let folder = tempfile::tempdir().unwrap();
    keeper(&folder)
        .take(&numbered(7).to_bytes(), now())
        .unwrap();
    let file = folder.path().join("snapshot");
    let good = fs::read(&file).unwrap();
    for bad in [&good[..good.len() / 2], b"", &numbered(6).to_bytes()] {
        fs::write(&file, bad).unwrap();
        assert_eq!(sequence(&keeper(&folder)), None);
    }
    fs::write(&file, &good).unwrap();
    assert_eq!(sequence(&keeper(&folder)), Some(7));
    assert_eq!(sequence(&opened(&folder, "staging", 1)), None);
    assert_eq!(sequence(&opened(&folder, ENVIRONMENT, 2)), None);
}

#[test]
fn a_disk_that_cannot_be_written_keeps_no_snapshot_from_being_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = AgentMetrics::new();
    let blocked = folder.path().join("a file");
    fs::write(&blocked, "").unwrap();
    let keeper = SnapshotKeeper::open(
        ENVIRONMENT.to_owned(),
        vec![key(1).public_key()],
        StateFolder::new(&blocked),
        metrics.clone(),
    );
    keeper.take(&numbered(7).to_bytes(), now()).unwrap();
    assert_eq!(sequence(&keeper), Some(7));
    assert_eq!(metrics.snapshot_unkept.get(), 1);
}

#[test]
fn nothing_is_left_beside_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper(&folder);
    for number in 1..5 {
        keeper.take(&numbered(number).to_bytes(), now()).unwrap();
    }
    let names = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["sequence", "snapshot"]);
}

#[test]
fn what_only_was_issued_anew_is_written_again_after_some_time() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper(&folder);
    let issued = |minutes| {
        let at = now() + SignedDuration::from_mins(minutes);
        let terms = SnapshotTerms {
            issued_at: at,
            ..numbered(7).snapshot().terms().clone()
        };
        let snapshot = numbered(7).snapshot().with_terms(terms);
        let signed = SignedSnapshot::sign(snapshot, &key(1));
        keeper.take(&signed.to_bytes(), at).unwrap();
        assert_eq!(keeper.held().unwrap().as_ref(), &signed);
        let on_disk = fs::read(folder.path().join("snapshot")).unwrap();
        on_disk == signed.to_bytes()
    };
    let written = [0, 1, 9, 10, 12].map(issued);
    assert_eq!(written, [true, false, false, true, false]);
}

#[test]
fn what_a_number_says_otherwise_is_written_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper(&folder);
    for mode in [AgentMode::Audit, AgentMode::Enforce] {
        let signed = snapshot(7, mode);
        keeper.take(&signed.to_bytes(), now()).unwrap();
        assert_eq!(keeper.mark().as_deref(), Some(&signed.snapshot().mark()));
        let on_disk = fs::read(folder.path().join("snapshot")).unwrap();
        assert_eq!(on_disk, signed.to_bytes());
    }
}

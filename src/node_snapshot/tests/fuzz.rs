//! Whatever stands in for a gateway, and whatever lies on a node's disk.

use super::*;
use crate::tests::{Fuzz, folded};

fn outcome<T>(read: &Result<T, SnapshotError>) -> String {
    match read {
        Ok(_) => "taken".to_owned(),
        Err(error) => folded(&error.to_string()),
    }
}

#[test]
fn fuzz_snapshots() {
    let seeds = [snapshot(7, 0..9), snapshot(8, 0..0)].map(|it| it.to_bytes());
    let words = &["[4294967295,4294967295]", "[0,0]", "strict", "evict"];
    Fuzz::new("snapshots", &seeds).words(words).run(|bytes| {
        let read = NodeSnapshot::from_bytes(bytes);
        if let Ok(snapshot) = &read {
            let again = NodeSnapshot::from_bytes(&snapshot.to_bytes());
            assert_eq!(again.as_ref(), Ok(snapshot));
            // What it denies has a reason.
            let denied = snapshot.denied.iter();
            assert!(denied.clone().all(|it| snapshot.denied(&it.0).is_some()));
        }
        outcome(&read)
    });
}

#[test]
fn fuzz_signed_snapshots() {
    let (made, keys) = (signed(7, 0..9), [key(1).public_key()]);
    let seeds = [made.to_bytes(), signed(8, 0..3).to_bytes()];
    Fuzz::new("signed snapshots", &seeds).run(|bytes| {
        let read = SignedSnapshot::from_bytes(bytes, &keys);
        // Only what was signed is taken, to the byte.
        assert!(read.is_err() || seeds.iter().any(|seed| seed == bytes));
        outcome(&read)
    });
}

#[test]
fn fuzz_deltas() {
    let (old, new, keys) = (signed(7, 0..9), signed(9, 3..12), [key(1).public_key()]);
    let delta = |to: &SignedSnapshot| to.delta_from(7, old.snapshot()).to_bytes();
    let seeds = [delta(&new), delta(&signed(8, 0..0))];
    let targets = [new.clone(), signed(8, 0..0)];
    let words = &["[4294967295,4294967295]", "[0,0]", "revoked"];
    let fuzz = Fuzz::new("deltas", &seeds).words(words);
    fuzz.run(|bytes| {
        let read = SnapshotDelta::from_bytes(bytes);
        let Ok(delta) = &read else {
            return outcome(&read);
        };
        assert_eq!(
            SnapshotDelta::from_bytes(&delta.to_bytes()).as_ref(),
            Ok(delta)
        );
        // It leads to what was signed, or nowhere; unsigned, to what can be written and read.
        let applied = old.apply(delta, &keys);
        assert!(applied.as_ref().is_err() || targets.iter().any(|it| applied.as_ref() == Ok(it)));
        if let Ok((unsigned, _)) = delta.apply(old.snapshot()) {
            let _ = NodeSnapshot::from_bytes(&unsigned.to_bytes());
            let _ = unsigned.mark();
        }
        outcome(&applied)
    });
}

#[test]
fn fuzz_snapshot_keys() {
    let private = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    let public = key(1).public_key().to_pem();
    let words = &[
        "-----BEGIN PUBLIC KEY-----",
        "-----END PRIVATE KEY-----",
        "==",
    ];
    let fuzz = Fuzz::new("snapshot keys", &[private, &public]);
    fuzz.words(words).run(|text| {
        let Ok(text) = std::str::from_utf8(text) else {
            return "no text".to_owned();
        };
        let found = SnapshotPublicKey::all_from_pem(text);
        for key in found.iter().flatten() {
            assert_eq!(
                SnapshotPublicKey::all_from_pem(&key.to_pem()),
                Ok(vec![*key])
            );
        }
        let signs = SnapshotKey::from_pem(text).map(|key| {
            let made = SignedSnapshot::sign(snapshot(7, 0..1), &key);
            let read = SignedSnapshot::from_bytes(&made.to_bytes(), &[key.public_key()]);
            assert_eq!(read, Ok(made));
        });
        format!(
            "{} {:?}",
            signs.is_ok(),
            found.map(|keys| keys.len().min(3))
        )
    });
}

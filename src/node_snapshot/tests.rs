mod fuzz;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::oci::Digest;

fn key(seed: u8) -> SnapshotKey {
    SnapshotKey::from_seed(&[seed; 32]).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

fn terms(sequence: u64) -> SnapshotTerms {
    SnapshotTerms {
        environment: "production".to_owned(),
        sequence,
        issued_at: now(),
        valid_until: now() + SignedDuration::from_hours(24),
        max_silence_seconds: 600,
        mode: AgentMode::Enforce,
        on_revoked: OnRevoked::Report,
    }
}

fn digest(number: u32) -> Digest {
    let text = number.to_be_bytes();
    match number % 7 {
        0 => Digest::sha512(&text),
        _ => Digest::sha256(&text),
    }
}

fn reason(number: u32) -> &'static str {
    ["revoked", "blocked-by-advisory", "malware"][number as usize % 3]
}

fn snapshot(sequence: u64, denied: impl Iterator<Item = u32>) -> NodeSnapshot {
    let denied = denied.map(|number| (digest(number), reason(number)));
    let permitted = (1_000..1_010 + u32::try_from(sequence).unwrap()).map(digest);
    NodeSnapshot::new(terms(sequence), denied, permitted)
}

fn signed(sequence: u64, denied: impl Iterator<Item = u32>) -> SignedSnapshot {
    SignedSnapshot::sign(snapshot(sequence, denied), &key(1))
}

#[test]
fn a_key_in_place_of_the_other_is_told() {
    let public = key(1).public_key().to_pem();
    let private = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    let for_gateway = SnapshotKey::from_pem(&public).unwrap_err();
    assert_eq!(for_gateway, SnapshotKeyError::PublicForPrivate);
    let for_agents = SnapshotPublicKey::all_from_pem(private).unwrap_err();
    assert_eq!(for_agents, SnapshotKeyError::PrivateForPublic);
    let neither = SnapshotPublicKey::all_from_pem("-----BEGIN CERTIFICATE-----").unwrap_err();
    assert_eq!(neither, SnapshotKeyError::Public);
}

#[test]
fn names_what_is_denied_and_why() {
    let snapshot = snapshot(7, 0..100);
    for number in 0..100 {
        assert_eq!(snapshot.denied(&digest(number)), Some(reason(number)));
    }
    assert_eq!(snapshot.denied(&digest(100)), None);
    assert_eq!(snapshot.denied(canary()), Some(CANARY_REASON));
    assert!(snapshot.permits(&digest(1_000)) && !snapshot.permits(&digest(0)));
}

#[test]
fn what_is_denied_is_not_permitted_and_the_first_reason_counts() {
    let denied = [(digest(1), "revoked"), (digest(1), "malware")];
    let snapshot = NodeSnapshot::new(terms(1), denied, [digest(1), digest(2)]);
    assert_eq!(snapshot.denied(&digest(1)), Some("revoked"));
    assert!(!snapshot.permits(&digest(1)) && snapshot.permits(&digest(2)));
    assert_eq!(
        (snapshot.denied_count(), snapshot.permitted_count()),
        (2, 1)
    );
}

#[test]
fn reads_the_bytes_that_it_wrote() {
    let made = signed(7, 0..100);
    let read = SignedSnapshot::from_bytes(
        &made.to_bytes(),
        &[key(2).public_key(), key(1).public_key()],
    );
    assert_eq!(read, Ok(made));
}

#[test]
fn refuses_what_is_forged_or_cut_off_at_any_byte() {
    let keys = [key(1).public_key()];
    let bytes = signed(7, 0..20).to_bytes();
    for at in 0..bytes.len() {
        let cut = SignedSnapshot::from_bytes(&bytes[..at], &keys);
        assert_eq!(cut, Err(SnapshotError::Signature), "cut at {at}");
        let mut forged = bytes.clone();
        forged[at] ^= 1;
        let forged = SignedSnapshot::from_bytes(&forged, &keys);
        assert_eq!(forged, Err(SnapshotError::Signature), "changed at {at}");
    }
    let of_another = SignedSnapshot::from_bytes(&bytes, &[key(2).public_key()]);
    assert_eq!(of_another, Err(SnapshotError::Signature));
    assert_eq!(
        SignedSnapshot::from_bytes(&bytes, &[]),
        Err(SnapshotError::Signature)
    );
}

#[test]
fn reads_no_other_form_of_the_same_even_if_signed() {
    let bytes = snapshot(7, 0..20).to_bytes();
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    for at in line..bytes.len() {
        assert!(
            NodeSnapshot::from_bytes(&bytes[..at]).is_err(),
            "cut at {at}"
        );
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(NodeSnapshot::from_bytes(&longer).is_err());
    let mut swapped = bytes.clone();
    let (first, second) = (line + 1, line + 34);
    let entry = bytes[first..second].to_vec();
    swapped.copy_within(second..second + 33, first);
    swapped[second..second + 33].copy_from_slice(&entry);
    assert!(NodeSnapshot::from_bytes(&swapped).is_err());
    let mut no_reason = bytes;
    no_reason[second - 1] = 200;
    assert!(NodeSnapshot::from_bytes(&no_reason).is_err());
}

#[test]
fn reserves_nothing_for_digests_that_are_not_there() {
    let bytes = snapshot(7, 0..0).to_bytes();
    let text = String::from_utf8_lossy(&bytes)
        .replace("\"denied\":[1,0]", "\"denied\":[4294967295,4294967295]");
    assert!(NodeSnapshot::from_bytes(text.as_bytes()).is_err());
}

#[test]
fn a_delta_leads_to_the_very_same_snapshot() {
    let keys = [key(1).public_key()];
    let steps = [
        (signed(7, 0..100), signed(8, 1..101)),
        (signed(7, 0..100), signed(9, 0..0)),
        (signed(7, 0..0), signed(9, 0..100)),
        (signed(7, 0..100), signed(9, (0..300).step_by(3))),
        (signed(7, 0..9), signed(7, 0..9)),
    ];
    for (old, new) in steps {
        let delta = new.delta_from(old.snapshot().terms().sequence, old.snapshot());
        let delta = SnapshotDelta::from_bytes(&delta.to_bytes()).unwrap();
        let sequences = [&old, &new].map(|it| it.snapshot().terms().sequence);
        assert_eq!([delta.from(), delta.to()], sequences);
        let applied = old.apply(&delta, &keys).unwrap();
        assert_eq!(applied, new);
        assert_eq!(applied.to_bytes(), new.to_bytes());
    }
}

#[test]
fn a_digest_denied_for_another_reason_is_told() {
    let made = |sequence, reason| {
        let snapshot = NodeSnapshot::new(terms(sequence), [(digest(1), reason)], []);
        SignedSnapshot::sign(snapshot, &key(1))
    };
    let (old, new) = (made(1, "malware"), made(2, "revoked"));
    let delta = new.delta_from(old.snapshot().terms().sequence, old.snapshot());
    assert_eq!(old.apply(&delta, &[key(1).public_key()]), Ok(new));
}

#[test]
fn a_delta_that_is_forged_or_begins_elsewhere_changes_nothing() {
    let keys = [key(1).public_key()];
    let (old, new, other) = (signed(7, 0..20), signed(9, 5..30), signed(8, 0..20));
    let delta = new.delta_from(old.snapshot().terms().sequence, old.snapshot());
    let elsewhere = other.apply(&delta, &keys);
    assert_eq!(
        elsewhere,
        Err(SnapshotError::OtherBeginning { held: 8, from: 7 })
    );
    assert_eq!(
        old.apply(&delta, &[key(2).public_key()]),
        Err(SnapshotError::Signature)
    );
    let bytes = delta.to_bytes();
    for at in 0..bytes.len() {
        assert!(
            SnapshotDelta::from_bytes(&bytes[..at]).is_err(),
            "cut at {at}"
        );
        let mut forged = bytes.clone();
        forged[at] ^= 1;
        let applied = SnapshotDelta::from_bytes(&forged).and_then(|it| old.apply(&it, &keys));
        assert!(
            applied.is_err() || applied == Ok(new.clone()),
            "changed at {at}"
        );
    }
}

#[test]
fn follows_only_what_is_older_valid_and_of_the_same_environment() {
    let held = signed(7, 0..20);
    let follows = |it: &SignedSnapshot, now| it.may_follow(Some(&held), "production", now);
    assert_eq!(follows(&signed(8, 0..0), now()), Ok(()));
    assert_eq!(follows(&held, now()), Ok(()));
    let rollback = SnapshotError::Rollback {
        held: 7,
        offered: 6,
    };
    assert_eq!(follows(&signed(6, 0..0), now()), Err(rollback));
    let valid_until = held.snapshot().terms().valid_until;
    let expired = follows(&held, valid_until);
    assert_eq!(expired, Err(SnapshotError::Expired(valid_until)));
    let earlier = now() - SignedDuration::from_secs(1);
    let replayed = held.snapshot().with_terms(SnapshotTerms {
        issued_at: earlier,
        ..terms(7)
    });
    let replayed = SignedSnapshot::sign(replayed, &key(1));
    let signed_earlier = SnapshotError::SignedEarlier { offered: earlier };
    assert_eq!(follows(&replayed, now()), Err(signed_earlier));
    let elsewhere = held.may_follow(None, "staging", now());
    let other = SnapshotError::OtherEnvironment("production".to_owned());
    assert_eq!(elsewhere, Err(other));
}

#[test]
fn a_mark_tells_what_is_said_and_not_when() {
    let old = snapshot(7, 0..20);
    let later = SnapshotTerms {
        issued_at: now() + SignedDuration::from_mins(1),
        ..terms(8)
    };
    assert_eq!(old.with_terms(later).mark(), old.mark());
    let stricter = SnapshotTerms {
        mode: AgentMode::Strict,
        ..terms(7)
    };
    assert_ne!(old.with_terms(stricter).mark(), old.mark());
    assert_ne!(old.mark(), snapshot(7, 0..21).mark());
}

#[test]
fn a_hundred_thousand_digests_take_a_few_megabytes_and_a_revocation_a_kilobyte() {
    let digests = |from| (from..100_000).map(|it| Digest::sha256(&u32::to_be_bytes(it)));
    let made = |sequence, from| {
        let denied = digests(from).map(|it| (it, "revoked"));
        SignedSnapshot::sign(NodeSnapshot::new(terms(sequence), denied, []), &key(1))
    };
    let (old, new) = (made(7, 1), made(8, 0));
    assert!(new.to_bytes().len() < 3_400_000);
    assert!(
        new.delta_from(old.snapshot().terms().sequence, old.snapshot())
            .to_bytes()
            .len()
            < 1024
    );
}

#[test]
fn reads_the_keys_that_openssl_writes() {
    let private = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    let public = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";
    let key = SnapshotKey::from_pem(private).unwrap().public_key();
    assert_eq!(SnapshotPublicKey::all_from_pem(public), Ok(vec![key]));
    assert_eq!(key.to_pem(), public);
    let twice = format!("{public}{public}\n");
    assert_eq!(SnapshotPublicKey::all_from_pem(&twice), Ok(vec![key, key]));
    for bad in ["", private, &public[..60], &public.replace("MCow", "MCox")] {
        assert!(SnapshotPublicKey::all_from_pem(bad).is_err(), "{bad}");
    }
    for bad in ["", public, &private.replace("K2Vw", "K2Vu")] {
        assert!(SnapshotKey::from_pem(bad).is_err(), "{bad}");
    }
}

//! From files and back, whole or not at all.

use super::clients::{DAY, accepts, begin, create, names};
use crate::tls::authority::{Authority, AuthorityError, Files, Lifetimes};

/// One whose next CA is in the bundle, and one after the change.
fn announced_and_changed() -> (Authority, Authority) {
    let (terms, wanted) = (Lifetimes::default(), names(&["gate.example"]));
    let day = |days: i32| begin() + DAY * days;
    let rotated = |authority: &Authority, days| {
        let rotated = authority.rotated(&wanted, &terms, day(days)).unwrap();
        rotated.unwrap()
    };
    let announced = rotated(&create(&terms), 1230);
    let changed = rotated(&announced, 1230 + 190);
    (announced, changed)
}

#[test]
fn an_authority_is_read_as_it_was_written() {
    let (announced, changed) = announced_and_changed();
    for (authority, days) in [
        (create(&Lifetimes::default()), 1),
        (announced, 1231),
        (changed, 1421),
    ] {
        let files = authority.to_files();
        let read = Authority::from_files(&files).unwrap().unwrap();
        assert_eq!(read.to_files(), files);
        assert_eq!(read.bundle(), authority.bundle());
        let now = begin() + DAY * days;
        assert!(accepts(&read.bundle(), &read, "gate.example", now));
        let due = |it: &Authority| it.due(&names(&["gate.example"]), &Lifetimes::default(), now);
        assert_eq!(due(&read), due(&authority));
    }
}

#[test]
fn files_are_named_as_a_secret_of_tls_names_them() {
    let (announced, changed) = announced_and_changed();
    let keys = |authority: &Authority| authority.to_files().into_keys().collect::<Vec<_>>();
    assert_eq!(keys(&changed), ["ca.crt", "ca.key", "tls.crt", "tls.key"]);
    assert_eq!(
        keys(&announced),
        [
            "ca-next.crt",
            "ca-next.key",
            "ca.crt",
            "ca.key",
            "tls.crt",
            "tls.key"
        ]
    );
}

#[test]
fn no_file_at_all_is_no_authority_yet() {
    assert!(Authority::from_files(&Files::new()).unwrap().is_none());
}

#[test]
fn whatever_is_not_whole_is_an_error_that_names_the_file() {
    let (announced, _) = announced_and_changed();
    let whole = announced.to_files();
    for name in whole.keys() {
        let refused = |contents: Option<&[u8]>| {
            let mut files = whole.clone();
            match contents {
                Some(contents) => files.insert(name.clone(), contents.to_vec()),
                None => files.remove(name),
            };
            Authority::from_files(&files).unwrap_err().to_string()
        };
        let half = &whole[name][..whole[name].len() / 3];
        for contents in [None, Some(&b""[..]), Some(b"\xff\x00"), Some(half)] {
            let error = refused(contents);
            assert!(error.starts_with(name.as_str()), "{name}: {error}");
            assert!(error.contains("from one backup"), "{error}");
        }
    }
}

#[test]
fn parts_of_different_authorities_are_never_mixed() {
    let (announced, _) = announced_and_changed();
    let (ours, others) = (announced.to_files(), announced_and_changed().0.to_files());
    let mixed = |names: &[&str]| {
        let mut files = ours.clone();
        for name in names {
            files.insert((*name).to_owned(), others[*name].clone());
        }
        Authority::from_files(&files).unwrap_err()
    };
    let pair = |certificate, key| AuthorityError::Pair { certificate, key };
    assert_eq!(mixed(&["ca.key"]), pair("ca.crt", "ca.key"));
    assert_eq!(mixed(&["tls.crt"]), pair("tls.crt", "tls.key"));
    assert_eq!(mixed(&["tls.crt", "tls.key"]), AuthorityError::Unsigned);
    let next = ["ca-next.crt", "ca-next.key"];
    assert_eq!(mixed(&next), AuthorityError::NextOutside);
    let mut files = ours.clone();
    files.insert("ca.crt".to_owned(), ours["tls.crt"].clone());
    let no_ca = AuthorityError::Pair {
        certificate: "ca.crt",
        key: "ca.key",
    };
    let found = Authority::from_files(&files).unwrap_err();
    assert!(found == AuthorityError::NoAuthority("ca.crt") || found == no_ca);
    files = ours.clone();
    files.insert("notes.txt".to_owned(), Vec::new());
    let unknown = AuthorityError::Unknown("notes.txt".to_owned());
    assert_eq!(Authority::from_files(&files).unwrap_err(), unknown);
}

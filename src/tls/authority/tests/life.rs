//! What changes when, and whom it hurts.

use super::clients::{DAY, accepts, begin, create, names};
use crate::tls::authority::{Authority, CertificateNames, Lifetimes, RotationStep};
use jiff::{SignedDuration, Timestamp};
use x509_parser::prelude::{FromDer, X509Certificate};

const GATE: &str = "gate.example";

fn gate() -> CertificateNames {
    names(&[GATE])
}

fn after(days: i64) -> Timestamp {
    begin() + DAY * i32::try_from(days).unwrap()
}

fn rotated(authority: &Authority, now: Timestamp) -> Option<Authority> {
    authority
        .rotated(&gate(), &Lifetimes::default(), now)
        .unwrap()
}

fn count(authority: &Authority) -> usize {
    authority.bundle().matches("BEGIN CERTIFICATE").count()
}

#[test]
fn a_new_leaf_is_accepted_under_its_names_and_no_other() {
    let terms = Lifetimes::default();
    let all = names(&["Gate.example", "10.0.0.7", "[fd00::7]", "localhost"]);
    let authority = Authority::create(&all, &terms, begin()).unwrap();
    let bundle = authority.bundle();
    for name in [GATE, "10.0.0.7", "fd00::7", "localhost"] {
        assert!(accepts(&bundle, &authority, name, begin()), "{name}");
    }
    assert!(!accepts(&bundle, &authority, "other.example", begin()));
    let behind = begin() - SignedDuration::from_mins(50);
    assert!(accepts(&bundle, &authority, GATE, behind));
    assert!(!accepts(&bundle, &authority, GATE, after(91)));
    let stranger = Authority::create(&all, &terms, begin()).unwrap();
    assert!(!accepts(&stranger.bundle(), &authority, GATE, begin()));
}

#[test]
fn the_ca_signs_servers_and_nothing_else() {
    let authority = create(&Lifetimes::default());
    let der = |pem: &str| {
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
        pem.contents
    };
    let (ca, leaf) = (der(&authority.bundle()), der(&authority.certificate()));
    let (_, ca) = X509Certificate::from_der(&ca).unwrap();
    let limits = ca.basic_constraints().unwrap().unwrap().value;
    assert_eq!((limits.ca, limits.path_len_constraint), (true, Some(0)));
    let usage = ca.key_usage().unwrap().unwrap().value;
    assert!(usage.key_cert_sign() && !usage.digital_signature());
    let (_, leaf) = X509Certificate::from_der(&leaf).unwrap();
    assert!(!leaf.is_ca());
    let usage = leaf.key_usage().unwrap().unwrap().value;
    assert!(usage.digital_signature() && !usage.key_cert_sign());
    let purposes = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(purposes.server_auth && !purposes.client_auth);
    assert_ne!(ca.raw_serial(), leaf.raw_serial());
    assert!((8..=20).contains(&leaf.raw_serial().len()));
}

#[test]
fn a_leaf_is_renewed_at_two_thirds_of_its_life() {
    let authority = create(&Lifetimes::default());
    assert!(rotated(&authority, after(59)).is_none());
    let due = authority.due(&gate(), &Lifetimes::default(), after(61));
    assert_eq!(due, Some(RotationStep::Renew));
    let renewed = rotated(&authority, after(61)).unwrap();
    assert_eq!(renewed.bundle(), authority.bundle());
    assert_ne!(renewed.certificate(), authority.certificate());
    assert_eq!(renewed.not_after(), after(61 + 90));
    assert!(accepts(&authority.bundle(), &renewed, GATE, after(100)));
}

#[test]
fn new_names_are_certified_at_once_and_old_ones_stay_until_the_next_renewal() {
    let (terms, both) = (Lifetimes::default(), names(&[GATE, "new.example"]));
    let authority = create(&terms);
    let renewed = authority.rotated(&both, &terms, begin()).unwrap().unwrap();
    assert!(accepts(
        &authority.bundle(),
        &renewed,
        "new.example",
        begin()
    ));
    for wanted in [&both, &gate(), &names(&["new.example"])] {
        let again = renewed.rotated(wanted, &terms, after(1)).unwrap();
        assert!(again.is_none(), "replicas that want {wanted} do not fight");
    }
    let later = renewed.rotated(&gate(), &terms, after(61)).unwrap();
    assert_eq!(*later.unwrap().names(), gate());
}

#[test]
fn a_client_that_reads_the_bundle_twice_a_year_never_fails_in_twelve_years() {
    let mut authority = create(&Lifetimes::default());
    let (mut seen, mut read) = (vec![authority.bundle()], authority.bundle());
    for day in 0..12 * 365 {
        if let Some(next) = rotated(&authority, after(day)) {
            authority = next;
        }
        if day % 175 == 0 {
            read = authority.bundle();
        }
        assert!(accepts(&read, &authority, GATE, after(day)), "day {day}");
        assert!(authority.serves(&gate(), after(day)));
        if seen.last() != Some(&authority.bundle()) {
            seen.push(authority.bundle());
        }
    }
    let sizes: Vec<usize> = seen
        .iter()
        .map(|it| it.matches("BEGIN CERTIFICATE").count())
        .collect();
    // Announced, changed in order only, retired; three times.
    assert_eq!(sizes, [1, 2, 2, 1, 2, 2, 1, 2, 2, 1]);
}

#[test]
fn a_leaf_of_just_before_the_change_is_trusted_until_it_ends() {
    let terms = Lifetimes::default();
    let announced = rotated(&create(&terms), after(1220)).unwrap();
    let change = announced.changes_at(&terms, after(1220)).unwrap();
    assert_eq!(change, after(1220 + 180));
    let (more, before) = (names(&[GATE, "more.example"]), change - DAY);
    let last = announced.rotated(&more, &terms, before).unwrap().unwrap();
    let changed = rotated(&last, change).unwrap();
    assert_eq!((count(&announced), count(&changed)), (2, 2));
    assert!(
        announced.bundle() != changed.bundle(),
        "the new one comes first"
    );
    let end = last.not_after() - SignedDuration::from_secs(1);
    let at_end = rotated(&changed, end).unwrap();
    assert!(accepts(&at_end.bundle(), &last, GATE, end));
    let after_it = rotated(&at_end, end + DAY * 2).unwrap();
    assert_eq!(count(&after_it), 1);
}

#[test]
fn after_years_without_a_look_it_begins_anew_and_serves() {
    let authority = create(&Lifetimes::default());
    for days in [4 * 365, 5 * 365 - 2, 5 * 365 + 1, 20 * 365] {
        let late = rotated(&authority, after(days)).unwrap();
        assert!(accepts(&late.bundle(), &late, GATE, after(days)), "{days}");
        assert!(rotated(&late, after(days)).is_none(), "{days}: at rest");
    }
}

#[test]
fn near_its_end_the_ca_changes_while_the_old_one_is_still_valid() {
    let terms = Lifetimes::default();
    let late = rotated(&create(&terms), after(5 * 365 - 10)).unwrap();
    let change = late.changes_at(&terms, after(5 * 365 - 10)).unwrap();
    assert_eq!(change, after(5 * 365 - 5));
    let changed = rotated(&late, change).unwrap();
    assert!(accepts(&late.bundle(), &changed, GATE, change));
    assert!(changed.not_after() > after(5 * 365 + 30));
}

#[test]
fn a_clock_that_ran_ahead_and_came_back_is_survived() {
    let authority = create(&Lifetimes::default());
    let ahead = rotated(&authority, after(15 * 365)).unwrap();
    assert!(!accepts(&ahead.bundle(), &ahead, GATE, after(1)));
    let back = rotated(&ahead, after(1)).unwrap();
    assert!(accepts(&back.bundle(), &back, GATE, after(1)));
    assert!(rotated(&back, after(1)).is_none());
}

#[test]
fn what_is_no_name_is_refused() {
    for bad in [
        "",
        "a b",
        "gate.example:5443",
        "https://gate",
        "-a",
        "1.2.3",
        "a..b",
        "*.x",
    ] {
        assert!(CertificateNames::default().add(bad).is_err(), "{bad:?}");
    }
    assert_eq!(
        names(&["B.example", "a_1", "::1", "10.0.0.1"]).to_string(),
        "a_1, b.example, 10.0.0.1, ::1"
    );
}

//! Which names the certificate bears.

use crate::app::authority::names::{add_machine, add_service, configured};
use crate::app::config::Config;

fn configured_by(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sekisho.toml");
    std::fs::write(&file, format!("data_dir = 'data'\n{text}")).unwrap();
    let now = "2026-03-01T00:00:00Z".parse().unwrap();
    let config = Config::load(Some(&file), |_| None, now).unwrap();
    configured(&config).unwrap().to_string()
}

#[test]
fn it_bears_addresses_that_show_it_and_the_public_name() {
    let text = "[[listeners]]\naddress = '192.0.2.7:5080'\ntls = 'auto'\n\
                [[listeners]]\naddress = '0.0.0.0:5090'\ntls = 'auto'\n\
                [admin]\naddress = '[2001:db8::7]:5081'\ntls = 'auto'\n\
                public_url = 'https://Sekisho.example:8443'";
    assert_eq!(
        configured_by(text),
        "localhost, sekisho.example, 127.0.0.1, 192.0.2.7, ::1, 2001:db8::7"
    );
    let plain = "[[listeners]]\naddress = '192.0.2.7:5080'\ninsecure = true";
    assert_eq!(configured_by(plain), "localhost, 127.0.0.1, ::1");
}

#[test]
fn all_addresses_of_a_machine_are_no_name() {
    let text = "[[listeners]]\ntls = 'auto'\n[admin]\naddress = '[::]:5081'\ntls = 'auto'";
    assert_eq!(configured_by(text), "localhost, 127.0.0.1, ::1");
}

#[test]
fn the_service_and_the_machine_are_added() {
    let mut names = crate::tls::authority::CertificateNames::default();
    add_service(&mut names, "gates").unwrap();
    let expected = "sekisho, sekisho.gates, sekisho.gates.svc, sekisho.gates.svc.cluster.local";
    assert_eq!(names.to_string(), expected);
    let before = names.clone();
    add_machine(&mut names);
    assert!(names.cover(&before));
}

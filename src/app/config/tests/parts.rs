//! What is read of a configuration that cannot be used as a whole.

use super::{home, now, written};
use crate::app::config::{AdminAccess, Config, ledger_location};

fn access(text: &str) -> Result<AdminAccess, String> {
    let (_folder, file) = written(text);
    AdminAccess::load(Some(&file), home).map_err(|problems| problems.to_string())
}

fn url(text: &str) -> String {
    access(text).unwrap().url.to_string()
}

#[test]
fn the_address_is_found_whatever_else_is_broken() {
    let none = AdminAccess::load(None, |_| None).unwrap();
    assert_eq!(none.url.as_str(), "http://127.0.0.1:5081/");
    assert_eq!(none.token_file(), None);
    for broken in [
        "",
        "speed = 1\n",
        "exceptions_dir = 5\n",
        "data_dir = 5\n",
        "[cache\n",
        "x = \"\n",
        "[environments]\n",
    ] {
        let text = format!("{broken}[admin]\naddress = '127.0.0.1:7000'\ncolour = 'red'\n");
        assert_eq!(url(&text), "http://127.0.0.1:7000/", "{broken}");
    }
}

#[test]
fn the_address_is_asked_as_it_is_served() {
    let any = "[admin]\naddress = '0.0.0.0:7000'\n";
    assert_eq!(url(any), "http://127.0.0.1:7000/");
    let six = "[admin]\naddress = '[::]:7000'\n";
    assert_eq!(url(six), "http://[::1]:7000/");
    let own = format!("{any}public_url = 'https://s.example'\ntls = 'auto'\n");
    assert_eq!(url(&own), "https://127.0.0.1:7000/");
    let access = access(&own).unwrap();
    assert!(access.is_auto && access.is_at(&"https://s.example".parse().unwrap()));
    let files = "tls = { certificate = 'gone', key = 'gone' }\n";
    let files = format!("{any}public_url = 'https://s.example'\n{files}");
    assert_eq!(url(&files), "https://s.example/");
}

/// The token is for whoever serves that configuration, and for nobody else.
#[test]
fn no_other_server_is_its_own() {
    let plain = access("[admin]\npublic_url = 'http://s.example'\n").unwrap();
    for other in [
        "http://s.example",
        "http://127.0.0.1:5082",
        "https://127.0.0.1:5081",
    ] {
        assert!(!plain.is_at(&other.parse().unwrap()), "{other}");
    }
    assert!(plain.is_at(&"http://127.0.0.1:5081/x".parse().unwrap()));
}

#[test]
fn what_is_wrong_at_the_address_itself_is_told() {
    for text in [
        "[admin]\naddress = 'here'\n",
        "admin = 5\n",
        "[admin]\naddress = 5\n",
    ] {
        let told = access(text).unwrap_err();
        assert!(told.contains("admin"), "{text}: {told}");
    }
}

#[test]
fn a_ledger_is_found_by_what_surely_says_where() {
    let path = |text: &str| {
        let (folder, file) = written(text);
        let found = ledger_location(Some(&file), home).map_err(|problems| problems.to_string());
        let found = found.map(|it| it.file().unwrap().clone());
        found.map(|it| it.strip_prefix(folder.path()).unwrap_or(&it).to_owned())
    };
    let is = |text: &str, expected: &str| assert_eq!(path(text).unwrap().to_str(), Some(expected));
    is("", "/home/someone/.local/share/sekisho/ledger.db");
    is("speed = 1\ndata_dir = 'data'\n", "data/ledger.db");
    is("x = \"\n[ledger]\nurl = 'sqlite://y.db'\n", "y.db");
    is("data_dir = 'data'\nx = \"\n", "data/ledger.db");
    for text in [
        "data_dir = \"gone\n",
        "data_dir = 5\n",
        "[ledger]\nurl = 5\n",
        "data_dir = 'data'\n[ledger\nurl = 'sqlite://y.db'\n",
    ] {
        assert!(path(text).is_err(), "{text}");
    }
}

#[test]
fn only_the_keys_that_are_needed_count() {
    let text = "speed = 1\n[[upstreams]]\nname = 'a.b'\nca = 'gone.pem'\n[cache]\nmax_size = 'x'\n";
    let (_folder, file) = written(text);
    let load = |keys: Option<&[&str]>| Config::load_parts(Some(&file), home, now(), keys);
    let config = load(Some(&["upstreams"])).unwrap();
    assert_eq!(config.upstreams[0].name.as_str(), "a.b");
    let told = load(Some(&["cache"])).unwrap_err();
    assert_eq!(told.problems.len(), 1);
    assert_eq!(load(None).unwrap_err().problems.len(), 2);
}

#[test]
fn a_ledger_on_a_server_is_shown_without_what_its_files_hold() {
    let (_folder, file) = written(
        "[ledger]\nurl = 'postgres://sekisho@db.corp,db-2.corp:5433/trust'\n\
         password_file = 'password'\n",
    );
    std::fs::write(file.with_file_name("password"), "hunter2\n").unwrap();
    let found = ledger_location(Some(&file), home).map_err(|problems| problems.to_string());
    let found = found.unwrap();
    let shown = "postgres://sekisho@db.corp:5432,db-2.corp:5433/trust";
    assert_eq!((found.file(), found.written()), (None, shown.to_owned()));
    assert!(!format!("{found:?}").contains("hunter2"));
}

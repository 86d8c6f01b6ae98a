//! What is wrong with `[ledger]` on a server.

use super::load;
use crate::app::config::Problem;

fn problems(text: &str) -> Vec<String> {
    let problems = load(text).expect_err(text).problems;
    let shown = |problem: &Problem| format!("{}: {}", problem.key, problem.text);
    problems.iter().map(shown).collect()
}

#[test]
fn what_is_wrong_with_a_server_is_named_with_its_key() {
    for (text, key, part) in [
        (
            "[ledger]\nurl = 'postgres://u:hunter2@db.corp/trust'",
            "ledger.url",
            "name that in password_file",
        ),
        (
            "[ledger]\nurl = 'postgres://u@db.corp/trust?connect_timeout=3'",
            "ledger.url",
            "which is unknown",
        ),
        (
            "[ledger]\nurl = 'mysql://u@db.corp/trust'",
            "ledger.url",
            "no PostgreSQL server",
        ),
        (
            "[ledger]\npassword_file = 'x'",
            "ledger.password_file",
            "is for a ledger on a server",
        ),
        (
            "[ledger]\nurl = 'postgres://u@db.corp/trust'\nkey = 'gone'",
            "ledger.key",
            "is one of two",
        ),
    ] {
        let told = problems(text);
        let named = |it: &String| it.starts_with(key) && it.contains(part);
        assert!(told.iter().any(named), "{text}: {told:#?}");
    }
}

/// A configuration is shown to many: what is wrong with a URL is said without it.
#[test]
fn a_password_in_the_url_of_the_ledger_is_not_repeated() {
    for url in [
        "postgres://u:hunter2@db.corp/trust",
        "postgres://u@db.corp/trust?password=hunter2",
        "postgres:/u:hunter2@db.corp/trust",
    ] {
        let told = problems(&format!("[ledger]\nurl = '{url}'")).join("\n");
        assert!(told.contains("ledger.url"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

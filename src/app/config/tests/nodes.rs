//! Agents on nodes: what is refused, and what is read.

use super::load;

/// What is written, the key that is named, and a part of what is said of it.
const PROBLEMS: &[(&str, &str, &str)] = &[
    (
        "[environments.production.nodes]\nmode = 'strict'",
        "nodes.signing_key",
        "is missing, and environments.production.nodes needs it",
    ),
    (
        "[nodes]\nsigning_key = 'tls.crt'",
        "nodes.signing_key",
        "no Ed25519 key",
    ),
    (
        "[nodes]\nsigning_key = 'absent.key'",
        "nodes.signing_key",
        "cannot read",
    ),
    (
        "[environments.production.nodes]\nmode = 'warn'",
        "environments.production.nodes.mode",
        "warn",
    ),
    (
        "[environments.production.nodes]\non_revoked = 'kill'",
        "environments.production.nodes.on_revoked",
        "kill",
    ),
    (
        "[environments.production.nodes]\nmax_silence = '0s'",
        "environments.production.nodes.max_silence",
        "is zero",
    ),
];

#[test]
fn refuses_what_agents_could_not_be_told() {
    for (text, key, said) in PROBLEMS {
        let found = load(text).unwrap_err().problems;
        let named = found
            .iter()
            .any(|it| it.key == *key && it.text.contains(said));
        assert!(named, "{text}\n{found:?}");
    }
}

#[test]
fn warns_of_a_key_that_signs_for_nobody() {
    let warned = |text: &str| {
        let warnings = load(text).expect(text).warnings;
        let mut all = warnings.iter().filter(|it| it.key == "nodes");
        all.any(|it| it.text.contains("write [environments.production.nodes]"))
    };
    let key = "[nodes]\nsigning_key = 'nodes.key'";
    assert!(warned(key));
    assert!(warned("[nodes]"));
    assert!(!warned(""));
    assert!(!warned(&format!("{key}\n[environments.production.nodes]")));
}

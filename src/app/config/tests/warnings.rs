//! What is allowed and worth a second look is warned of, by its key.

use super::load;

/// What is written, the key that is warned of, and a part of what is said.
const WARNINGS: &[(&str, &str, &str)] = &[
    (
        "[environments.production]\ntrusted_bases = ['quay.io/base/*']",
        "environments.production.trusted_bases",
        "matches nothing",
    ),
    (
        "[[listeners]]\naddress = '0.0.0.0:5080'\ninsecure = true",
        "listeners[0].auth",
        "whoever reaches",
    ),
    (
        "[[listeners]]\naddress = '0.0.0.0:5080'\ninsecure = true",
        "listeners[0].insecure",
        "without TLS",
    ),
    (
        "[[listeners]]\naddress = '0.0.0.0:5080'\ninsecure = true\nauth = 'token'",
        "listeners[0].auth",
        "in the clear",
    ),
    (
        "[admin]\naddress = '0.0.0.0:5081'\ninsecure = true",
        "admin.public_url",
        "is not set",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nurl = 'http://a.b'",
        "upstreams[0].url",
        "is not https",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nvouches = { environments = ['production'], for = ['scan'], until = 2026-05-31 }",
        "upstreams[0].vouches.until",
        "is past",
    ),
    (
        "[environments.production]\nceilings = { external = 'critical' }",
        "environments.production.ceilings",
        "external should",
    ),
    (
        "[[exposures]]\nrepositories = ['batch/**']\nexposure = 'internal'\nreason = 'x'",
        "exposures[0].repositories",
        "matches nothing",
    ),
    (
        "[environments.production]\nmax_report_age = '0d'",
        "environments.production.max_report_age",
        "every scan is older",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\ncredentials = { command = ['/absent/program'] }",
        "upstreams[0].credentials.command",
        "a program that is not on this machine",
    ),
];

#[test]
fn warns_of_what_is_worth_a_second_look() {
    for (text, key, said) in WARNINGS {
        let warnings = load(text).expect(text).warnings;
        let named = warnings
            .iter()
            .any(|warning| warning.key == *key && warning.text.contains(said));
        assert!(
            named,
            "{text}\nshould warn of {key}: {said}\nbut: {warnings:#?}"
        );
    }
}

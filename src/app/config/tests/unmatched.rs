//! What can do nothing where it stands: refused in exceptions and advisories, warned of
//! elsewhere.

use super::load;
use super::vulnerability_policy::{ADVISORY, CONFIG, EXCEPTION, load as load_files};

/// Of an exception: what is replaced, by what, the key, and a part of what is said.
const EXCEPTIONS: &[[&str; 4]] = &[
    ["/team/**", "/team/app:1.4", "images", "the tag 1.4"],
    ["/team/**", "/team/app@sha256:0", "images", "names a digest"],
    ["/team/**", "/team/", "images", "a / too many"],
    ["docker.io/team/**", "docker.io", "images", "docker.io/**"],
    ["docker.io/team/**", "team/app", "images", "no host"],
    ["docker.io/team/**", "CVE-2026-1", "images", "has no /"],
    ["/team/**", "/Team/**", "images", "'T'"],
    ["CVE-2023-45853", "zlib1g", "vulnerabilities", "packages"],
    [
        "CVE-2023-45853",
        "pkg:deb/a/b",
        "vulnerabilities",
        "packages",
    ],
    ["CVE-2023-45853", "CVE-2023-*", "vulnerabilities", "whole"],
    ["CVE-2023-45853", "end-of-life", "vulnerabilities", "accept"],
    ["zlib1g", "CVE-2023-45853", "packages", "vulnerabilities"],
    ["zlib1g", "zlib1g@1.2", "packages", "pkg:type/name@version"],
    ["minizip is not linked", "TODO", "reason", "a template"],
    [
        "minizip is not linked",
        "fixme: later",
        "reason",
        "a template",
    ],
    ["platform-team", "TBD", "owner", "a template"],
    ["issues/214", "issues/TODO", "link", "https://"],
];

const ADVISORIES: &[[&str; 4]] = &[
    ["CVE-2026-1234", "openssl", "vulnerabilities", "packages"],
    ["CVE-2026-1234", "SEC-1", "vulnerabilities", "own id"],
    [
        "vulnerabilities = ['CVE-2026-1234']",
        "packages = ['CVE-2026-1234']",
        "packages",
        "vulnerabilities",
    ],
    ["needs a local account", "…", "reason", "a template"],
];

#[test]
fn an_exception_or_advisory_that_can_do_nothing_is_refused() {
    let all = [
        ("exceptions/a.toml", "exception", EXCEPTION, EXCEPTIONS),
        ("advisories/a.toml", "advisory", ADVISORY, ADVISORIES),
    ];
    for (file, table, good, cases) in all {
        for [from, to, key, said] in cases {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from} is not there");
            let found = load_files(CONFIG, &[(file, &text)]);
            let found = found.expect_err(&text).to_string();
            let key = format!("{table}#1.{key}: ");
            assert!(
                found.contains(&key) && found.contains(said),
                "{to}: {found}"
            );
        }
    }
}

/// What is written, the key that is warned of, and a part of what is said.
const WARNINGS: &[[&str; 3]] = &[
    [
        "[[environments.production.rules]]\nrepositories = ['docker.io/**']\n\
         [[environments.production.rules]]\nrepositories = ['docker.io/library/*']\nmode = 'audit'",
        "environments.production.rules[1].repositories",
        "rules[0] matches all of it first",
    ],
    [
        "[[environments.production.rules]]\nrepositories = ['docker.io/library/nginx:1']",
        "environments.production.rules[0].repositories",
        "names the tag 1",
    ],
    [
        "[[upstreams]]\nname = 'docker.io'\n[[upstreams]]\nname = 'a.b'\n\
         [environments.production]\nupstreams = ['a.b']\n\
         [[environments.production.rules]]\nrepositories = ['docker.io/library/*']",
        "environments.production.rules[0].repositories",
        "leave docker.io out",
    ],
    [
        "[[exposures]]\nrepositories = ['**']\nexposure = 'external'\nreason = 'x'\n\
         [[exposures]]\nrepositories = ['docker.io/team/**']\nexposure = 'internal'\nreason = 'x'",
        "exposures[1].repositories",
        "exposures[0] matches all of it first",
    ],
    [
        "[[listeners]]\nrepositories = ['quay.io/**']",
        "listeners[0].repositories",
        "quay.io is the name of no upstream",
    ],
    [
        "[[listeners]]\nrepositories = ['docker.io/team/**/']",
        "listeners[0].repositories",
        "a / too many",
    ],
    [
        "[[listeners]]\nrepositories = ['docker.io/team/**']\n\
         [[upstreams]]\nname = 'docker.io'\nrepositories = ['docker.io/library/*']",
        "listeners[0].repositories",
        "serves nothing",
    ],
    [
        "[[listeners]]\nrepositories = ['docker.io/**']\n\
         [[upstreams]]\nname = 'docker.io'\n[[upstreams]]\nname = 'a.b'\n\
         [environments.production]\nupstreams = ['a.b']",
        "listeners[0].repositories",
        "serves nothing",
    ],
    [
        "[environments.production]\nplatforms = ['linux/amd46']",
        "environments.production.platforms",
        "linux/amd46 is no platform",
    ],
    [
        "[[clusters]]\nname = 'a'\ngateway = 'g.b'\nnodes = 'mirror'\n\
         namespaces = [{ match = ['*'] }, { match = ['legacy-*'], mode = 'warn' }]",
        "clusters[0].namespaces[1].match",
        "namespaces[0] matches all of it first",
    ],
];

#[test]
fn what_has_no_effect_elsewhere_is_warned_of() {
    for [text, key, said] in WARNINGS {
        let warnings = load(text).expect(text).warnings;
        let mut all = warnings.iter();
        let named = all.any(|it| it.key == *key && it.text.contains(said));
        assert!(
            named,
            "{text}\nshould warn of {key}: {said}\nbut: {warnings:#?}"
        );
    }
}

#[test]
fn what_may_have_an_effect_is_not_warned_of() {
    for text in [
        "[[environments.production.rules]]\nrepositories = ['docker.io/library/*']\n\
         [[environments.production.rules]]\nrepositories = ['docker.io/**']",
        "[[listeners]]\nrepositories = ['docker.io/library/*']\n\
         [[upstreams]]\nname = 'docker.io'\nrepositories = ['docker.io/library/n*']",
        "[environments.production]\nplatforms = ['linux/x86_64', 'linux/arm/v6']",
        "[[upstreams]]\nname = 'docker.io'\n[[upstreams]]\nname = 'localhost:5000'\npath = 'local'",
    ] {
        let warnings = load(text).expect(text).warnings;
        assert!(warnings.is_empty(), "{text}: {warnings:?}");
    }
}

#[test]
fn an_upstream_that_no_client_reads_as_a_registry_is_refused() {
    for name in ["corp", "corp:443"] {
        let refused = load(&format!("[[upstreams]]\nname = '{name}'\n"));
        let refused = refused.unwrap_err().to_string();
        for part in ["upstreams[0].name", "corp/team/app", "path = \"corp\""] {
            assert!(refused.contains(part), "{part}: {refused}");
        }
    }
}

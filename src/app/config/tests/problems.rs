//! Each problem is named with its key, and all of them at once.

use super::load;
use crate::app::config::Problem;

fn problems(text: &str) -> Vec<String> {
    let problems = load(text).expect_err(text).problems;
    let shown = |problem: &Problem| format!("{}: {}", problem.key, problem.text);
    problems.iter().map(shown).collect()
}

/// What is written, the key that is named, and a part of what is said of it.
const PROBLEMS: &[(&str, &str, &str)] = &[
    ("speed = 1", "speed", "is unknown"),
    ("exceptions_dir = ''", "exceptions_dir", "is empty"),
    (
        "[[images]]\nkind = 'Database'\npath = 'spec..image'",
        "images[0].path",
        "is no path",
    ),
    (
        "[[images]]\npath = 'spec.image'",
        "images[0].kind",
        "is missing",
    ),
    ("exceptions_dir = ['x']", "exceptions_dir", "is no text"),
    (
        "exception_horizon = '0s'",
        "exception_horizon",
        "is nothing",
    ),
    (
        "exception_horizon = '6 months'",
        "exception_horizon",
        "is no duration",
    ),
    ("[cache]\nnearby = 's3://x'", "cache.nearby", "is unknown"),
    (
        "[environments.production]\nmin_age = 'soon'",
        "environments.production.min_age",
        "is no duration",
    ),
    (
        "[environments.production]\ntrusted_bases = ['a[']",
        "environments.production.trusted_bases",
        "is no glob",
    ),
    (
        "[environments.production]\nrequire = ['signature']",
        "environments.production.require[0]",
        "is not known",
    ),
    (
        "[environments.production]\nmode = 'strict'",
        "environments.production.mode",
        "it may be audit",
    ),
    (
        "[environments.production]\nceilings = { external = 'severe' }",
        "environments.production.ceilings.external",
        "is not known",
    ),
    (
        "[environments.production]\nceilings = { inside = 'low' }",
        "environments.production.ceilings.inside",
        "is unknown",
    ),
    (
        "[environments.production]\nunknown_severity = 3",
        "environments.production.unknown_severity",
        "wanted string",
    ),
    (
        "[environments.production]\nsecrets = true",
        "environments.production.secrets",
        "wanted string",
    ),
    (
        "[environments.production]\nmax_report_age = '30 days'",
        "environments.production.max_report_age",
        "write 60s",
    ),
    (
        "[environments.production]\nplatforms = ['linux']",
        "environments.production.platforms[0]",
        "os/architecture",
    ),
    (
        "[environments.production]\nupstreams = ['quay.io']",
        "environments.production.upstreams",
        "quay.io is no upstream",
    ),
    (
        "[environments.Production]",
        "environments.Production",
        "begins with a letter",
    ),
    ("[environments]", "environments", "defines none"),
    (
        "[[environments.production.rules]]\nrequire = []",
        "environments.production.rules[0].repositories",
        "is missing",
    ),
    (
        "[[environments.production.rules]]\nrepositories = []",
        "environments.production.rules[0].repositories",
        "is empty",
    ),
    (
        "[[environments.production.rules]]\nrepositories = ['a[']",
        "environments.production.rules[0].repositories",
        "is no glob",
    ),
    (
        "[[environments.production.rules]]\nrepositories = ['**']\nrules = []",
        "environments.production.rules[0].rules",
        "is unknown",
    ),
    (
        "[[environments.production.platform_images]]\nreason = 'x'",
        "environments.production.platform_images[0].digest",
        "is missing",
    ),
    (
        "[[environments.production.platform_images]]\ndigest = 'sha256:ab'\nreason = 'x'",
        "environments.production.platform_images[0].digest",
        "64 lower-case",
    ),
    (
        "[[environments.production.platform_images]]\nreason = ' '",
        "environments.production.platform_images[0].reason",
        "is empty",
    ),
    (
        "[[environments.production.platform_images]]",
        "environments.production.platform_images[0].reason",
        "is missing",
    ),
    (
        "[[exposures]]\nrepositories = ['**']\nexposure = 'internal'",
        "exposures[0].reason",
        "is missing",
    ),
    (
        "[[exposures]]\nrepositories = ['**']\nexposure = 'inside'",
        "exposures[0].exposure",
        "is not known",
    ),
    ("[exposures]", "exposures", "write [[exposures]]"),
    ("listeners = []", "listeners", "is empty"),
    (
        "[[listeners]]\nenvironment = 'staging'",
        "listeners[0].environment",
        "staging is not defined",
    ),
    (
        "[environments.a]\n[environments.b]\n[[listeners]]",
        "listeners[0].environment",
        "is missing; name one of a, b",
    ),
    (
        "[[listeners]]\naddress = 'localhost:5080'",
        "listeners[0].address",
        "is no address",
    ),
    (
        "[[listeners]]\naddress = '0.0.0.0:5080'",
        "listeners[0].address",
        "is not loopback; set tls",
    ),
    (
        "[[listeners]]\naddress = '127.0.0.1:5081'",
        "admin.address",
        "is taken by listeners[0].address",
    ),
    (
        "[[listeners]]\n[[listeners]]",
        "listeners[1].address",
        "is taken by listeners[0].address",
    ),
    (
        "[ops]\naddress = '0.0.0.0:5081'",
        "ops.address",
        "is taken by admin.address",
    ),
    ("[ops]", "ops.address", "is missing"),
    (
        "[[listeners]]\ntls = 'automatic'",
        "listeners[0].tls",
        "is neither \"auto\" nor a table",
    ),
    (
        "[[listeners]]\ntls = 'auto'\nauth = 'mtls'",
        "listeners[0].auth",
        "needs tls.client_ca",
    ),
    (
        "[[listeners]]\ntls = { certificate = 'none.crt', key = 'tls.key' }",
        "listeners[0].tls.certificate",
        "cannot read",
    ),
    (
        "[[listeners]]\ntls = { certificate = 'tls.crt' }",
        "listeners[0].tls.key",
        "is missing",
    ),
    (
        "[[listeners]]\nauth = 'mtls'",
        "listeners[0].auth",
        "needs tls.client_ca",
    ),
    (
        "[[listeners]]\nauth = 'basic'",
        "listeners[0].auth",
        "is not known",
    ),
    (
        "[[listeners]]\nauth = 'token'\nmirror_of = 'docker.io'",
        "listeners[0].auth",
        "does not go with mirror_of",
    ),
    (
        "[[listeners]]\nmirror_of = 'quay.io'",
        "listeners[0].mirror_of",
        "quay.io is no upstream",
    ),
    (
        "[[listeners]]\nrepositories = ['a[']",
        "listeners[0].repositories",
        "is no glob",
    ),
    (
        "[admin]\naddress = '10.0.0.1:80'",
        "admin.address",
        "is not loopback",
    ),
    (
        "[admin]\npublic_url = 'sekisho.example'",
        "admin.public_url",
        "is no web address",
    ),
    (
        "[admin]\naddress = '0.0.0.0:80'\ninsecure = true\nanonymous_reads = true",
        "admin.anonymous_reads",
        "is not loopback",
    ),
    ("upstreams = []", "upstreams", "is empty"),
    (
        "[[upstreams]]\nurl = 'https://a'",
        "upstreams[0].name",
        "is missing",
    ),
    (
        "[[upstreams]]\nname = 'Docker.io'",
        "upstreams[0].name",
        "lower-case",
    ),
    (
        "[[upstreams]]\nname = 'registry.corp:5000'",
        "upstreams[0].path",
        "cannot be a segment",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\npath = 'A'",
        "upstreams[0].path",
        "cannot be a segment",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\n[[upstreams]]\nname = 'a.b'",
        "upstreams[1].name",
        "stands twice",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\n[[upstreams]]\nname = 'c.d'\npath = 'a.b'",
        "upstreams[1].path",
        "is the path of a.b too",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\ndefault = true\n[[upstreams]]\nname = 'c.d'\ndefault = true",
        "upstreams[1].default",
        "is true twice",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nurl = 'https://a.b/a%2fb'",
        "upstreams[0].url",
        "write scheme and host, as in",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nurl = 'https://a.b/v2/Upper'",
        "upstreams[0].url",
        "with the path that /v2 follows",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nurl = 'ftp://a.b'",
        "upstreams[0].url",
        "write scheme and host, as in",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nca = 'none.crt'",
        "upstreams[0].ca",
        "cannot read",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nca = 'password'",
        "upstreams[0].ca",
        "holds no certificate",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\ntag_ttl = '1 minute'",
        "upstreams[0].tag_ttl",
        "write 60s",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\ntoken_hosts = ['https://a']",
        "upstreams[0].token_hosts",
        "without a scheme",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nrepositories = ['team/**']",
        "upstreams[0].repositories",
        "begin it with a.b/",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\ncredentials = { username = 'u' }",
        "upstreams[0].credentials",
        "write either",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\ncredentials = { username = 'u', password_file = 'gone' }",
        "upstreams[0].credentials.password_file",
        "cannot read",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\ncredentials = { username = 'u', password = 'p' }",
        "upstreams[0].credentials.password",
        "is unknown",
    ),
    (
        "[[upstreams]]\nname = 'docker.io'\nvouches = { environments = ['production'], for = ['scan'], until = 2027-01-01 }",
        "upstreams[0].vouches",
        "not for a public registry",
    ),
    (
        "[[upstreams]]\nname = 'hub.corp'\nurl = 'https://registry-1.docker.io'\nvouches = { environments = ['production'], for = ['scan'], until = 2027-01-01 }",
        "upstreams[0].vouches",
        "not for a public registry",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nvouches = { environments = ['staging'], for = ['scan'], until = 2027-01-01 }",
        "upstreams[0].vouches.environments",
        "staging is not defined",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nvouches = { environments = ['production'], for = ['scan'] }",
        "upstreams[0].vouches.until",
        "is missing",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nvouches = { environments = ['production'], for = ['scan'], until = 'soon' }",
        "upstreams[0].vouches.until",
        "is no date",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nvouches = { environments = ['production'], for = ['scan'], until = 2027-01-01T12:00:00 }",
        "upstreams[0].vouches.until",
        "names no moment",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nvouches = { environments = ['production'], for = [], until = 2027-01-01 }",
        "upstreams[0].vouches.for",
        "names nothing",
    ),
    (
        "[cache]\nmax_size = '100GB'",
        "cache.max_size",
        "write 512MiB",
    ),
    ("[cache]\nmax_size = 5", "cache.max_size", "in quotes, as"),
    ("[cache]\nmax_size = '0B'", "cache.max_size", "is nothing"),
    (
        "[cache]\nsize = '1GiB'",
        "cache.size",
        "known here: max_size, min_free, path",
    ),
    (
        "[ledger]\nurl = 'postgres://db/sekisho'",
        "ledger.url",
        "names no user",
    ),
    (
        "[ledger]\nmax_silence = '0s'",
        "ledger.max_silence",
        "is nothing",
    ),
    ("[audit]\nrecord = 'none'", "audit.record", "is not known"),
    (
        "audit = 1",
        "audit",
        "is of type integer; write it as a table",
    ),
];

#[test]
fn names_each_problem_with_its_key() {
    for (text, key, said) in PROBLEMS {
        let problems = problems(text);
        let named = problems
            .iter()
            .any(|problem| problem.starts_with(&format!("{key}: ")) && problem.contains(said));
        assert!(
            named,
            "{text}\nshould name {key}: {said}\nbut: {problems:#?}"
        );
    }
}

#[test]
fn names_all_problems_at_once_by_line() {
    let text = "speed = 1\n[cache]\nmax_size = 'big'\n[ledger]\nurl = 'mysql://'\n\
                [environments.production]\nmode = 'x'\nrequire = ['a', 'b']\n";
    let shown = load(text).unwrap_err().to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 6, "{shown}");
    assert!(lines[0].contains("sekisho.toml:1:1: speed: "), "{shown}");
    assert!(
        lines[1].contains("sekisho.toml:3:12: cache.max_size: ") || lines[1].contains(":3:"),
        "{shown}"
    );
    assert!(lines[5].contains(":8:"), "{shown}");
}

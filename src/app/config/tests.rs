//! Each problem is named with its key, and all of them at once.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::oci::{RegistryHost, Repository};
use crate::report::Severity;
use crate::trust::{EnvironmentName, Exposure, Mode, Requirement};

fn home(name: &str) -> Option<OsString> {
    (name == "HOME").then(|| "/home/someone".into())
}

fn now() -> jiff::Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

/// A folder with the configuration, and files that it may name.
fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let pem = "-----BEGIN CERTIFICATE-----\n";
    for name in ["tls.crt", "tls.key", "nodes-ca.crt", "corp-ca.crt"] {
        fs::write(folder.path().join(name), pem).unwrap();
    }
    fs::write(folder.path().join("password"), "s3cret\n").unwrap();
    fs::write(folder.path().join("config.json"), "{}").unwrap();
    let file = folder.path().join("sekisho.toml");
    fs::write(&file, text).unwrap();
    (folder, file)
}

fn load(text: &str) -> Result<Config, Problems> {
    let (_folder, file) = written(text);
    Config::load(Some(&file), home, now())
}

fn problems(text: &str) -> Vec<String> {
    let problems = load(text).expect_err(text).problems;
    let shown = |problem: &Problem| format!("{}: {}", problem.key, problem.text);
    problems.iter().map(shown).collect()
}

fn environment(name: &str) -> EnvironmentName {
    EnvironmentName::parse(name).unwrap()
}

#[test]
fn works_without_a_file() {
    let config = Config::load(None, home, now()).unwrap();
    assert_eq!(
        config.data_dir,
        PathBuf::from("/home/someone/.local/share/sekisho")
    );
    assert_eq!(config.listeners[0].address.to_string(), "127.0.0.1:5080");
    assert_eq!(config.listeners[0].exposure, Exposure::External);
    assert_eq!(config.admin.address.to_string(), "127.0.0.1:5081");
    assert_eq!(config.admin.public_url.as_str(), "http://127.0.0.1:5081/");
    assert_eq!(config.ops, None);
    assert_eq!(config.upstreams.len(), 1);
    assert_eq!(
        config.upstreams[0].url.as_str(),
        "https://registry-1.docker.io/"
    );
    assert_eq!(
        config.default_upstream().map(RegistryHost::as_str),
        Some("docker.io")
    );
    assert_eq!(config.ledger.path, config.data_dir.join("ledger.db"));
    assert_eq!(config.cache.path, config.data_dir.join("cache"));
    assert!(config.warnings.is_empty());
    let policy = config.policy();
    let production = policy.environment(&environment("production")).unwrap();
    assert_eq!(production.settings.mode, Mode::Enforce);
    assert_eq!(policy.environments().count(), 1);
}

#[test]
fn an_empty_file_reads_as_none() {
    let empty = load("").unwrap();
    let none = Config::load(None, home, now()).unwrap();
    assert_eq!(empty.policy().revision(), none.policy().revision());
    assert_eq!(empty.data_dir, none.data_dir);
}

#[test]
fn prefers_the_data_directory_of_xdg() {
    let env = |name: &str| match name {
        "XDG_DATA_HOME" => Some("/data".into()),
        other => home(other),
    };
    let config = Config::load(None, env, now()).unwrap();
    assert_eq!(config.data_dir, PathBuf::from("/data/sekisho"));
}

#[test]
fn says_so_when_there_is_no_place_for_data() {
    let problems = Config::load(None, |_| None, now()).unwrap_err();
    assert!(
        problems.to_string().contains("data_dir: is not set"),
        "{problems}"
    );
}

#[test]
fn names_the_file_that_cannot_be_read() {
    let file = PathBuf::from("/nonexistent/sekisho.toml");
    let problems = Config::load(Some(&file), home, now()).unwrap_err();
    assert!(
        problems
            .to_string()
            .starts_with("/nonexistent/sekisho.toml: cannot be read")
    );
}

#[test]
fn names_line_and_column_of_a_syntax_error() {
    let problems = load("[admin]\naddress = = 1\n").unwrap_err();
    assert!(
        problems.to_string().contains("sekisho.toml:2:11: "),
        "{problems}"
    );
}

/// What is written, the key that is named, and a part of what is said of it.
const PROBLEMS: &[(&str, &str, &str)] = &[
    ("speed = 1", "speed", "is unknown"),
    ("[webhook]\naddress = '0.0.0.0:1'", "webhook", "is unknown"),
    ("exceptions_dir = 'x'", "exceptions_dir", "is unknown"),
    ("advisories_dir = 'x'", "advisories_dir", "is unknown"),
    ("[[clusters]]\nname = 'a'", "clusters", "is unknown"),
    ("[cache]\nremote = 's3://x'", "cache.remote", "is unknown"),
    (
        "[environments.production]\nmin_age = '1d'",
        "environments.production.min_age",
        "is unknown",
    ),
    (
        "[environments.production]\ntrusted_bases = []",
        "environments.production.trusted_bases",
        "is unknown",
    ),
    (
        "[environments.production]\nrequire = ['signature']",
        "environments.production.require[0]",
        "unknown variant",
    ),
    (
        "[environments.production]\nmode = 'strict'",
        "environments.production.mode",
        "expected one of `audit`",
    ),
    (
        "[environments.production]\nceilings = { external = 'severe' }",
        "environments.production.ceilings.external",
        "unknown variant",
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
        "unknown variant",
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
        "[[listeners]]\ntls = 'auto'",
        "listeners[0].tls",
        "is not there yet",
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
        "unknown variant",
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
        "[[upstreams]]\nname = 'a.b'\nurl = 'https://a.b/v2'",
        "upstreams[0].url",
        "write scheme and host alone",
    ),
    (
        "[[upstreams]]\nname = 'a.b'\nurl = 'ftp://a.b'",
        "upstreams[0].url",
        "write scheme and host alone",
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
        "invalid type",
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
    ("[cache]\nmax_size = '0B'", "cache.max_size", "is nothing"),
    (
        "[cache]\nsize = '1GiB'",
        "cache.size",
        "known here: max_size, min_free, path",
    ),
    (
        "[ledger]\nurl = 'postgres://db/sekisho'",
        "ledger.url",
        "write sqlite:///",
    ),
    (
        "[ledger]\nmax_silence = '0s'",
        "ledger.max_silence",
        "is nothing",
    ),
    (
        "[audit]\nrecord = 'none'",
        "audit.record",
        "unknown variant",
    ),
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

/// What is written, the key that is warned of, and a part of what is said.
const WARNINGS: &[(&str, &str, &str)] = &[
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

#[test]
fn relative_paths_lie_beside_the_file() {
    let text = "data_dir = 'data'\n[ledger]\nurl = 'sqlite://trust.db'\n\
                [[listeners]]\ntls = { certificate = 'tls.crt', key = 'tls.key' }";
    let (folder, file) = written(text);
    let config = Config::load(Some(&file), home, now()).unwrap();
    assert_eq!(config.data_dir, folder.path().join("data"));
    assert_eq!(config.ledger.path, folder.path().join("trust.db"));
    let tls = config.listeners[0].tls.clone().unwrap();
    assert_eq!(tls.certificate, folder.path().join("tls.crt"));
}

#[test]
fn reads_secrets_and_hides_them() {
    let text = "[[upstreams]]\nname = 'a.b'\n\
                credentials = { username = 'robot', password_file = 'password' }\n\
                [[upstreams]]\nname = 'c.d'\ncredentials = { docker_config = 'config.json' }";
    let config = load(text).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    let Some(Credentials::Password { username, password }) = &config.upstreams[0].credentials
    else {
        panic!("no password");
    };
    assert_eq!(username, "robot");
    assert_eq!(secrecy::ExposeSecret::expose_secret(password), "s3cret");
    assert!(matches!(
        config.upstreams[1].credentials,
        Some(Credentials::DockerConfig(_))
    ));
}

#[test]
fn the_first_rule_replaces_keys_one_by_one() {
    let text = "[environments.production]\nmode = 'warn'\nceilings = { external = 'negligible' }\n\
                [[environments.production.rules]]\nrepositories = ['docker.io/library/*']\n\
                require = ['scan']\nceilings = { internal = 'medium' }\n\
                [[environments.production.rules]]\nrepositories = ['docker.io/**']\nmode = 'audit'";
    let policy = load(text).unwrap().policy();
    let production = policy.environment(&environment("production")).unwrap();
    let of = |name| {
        production
            .settings(&Repository::parse(name).unwrap())
            .clone()
    };
    let official = of("docker.io/library/nginx");
    assert_eq!(official.mode, Mode::Warn);
    assert_eq!(official.require, [Requirement::Scan]);
    assert_eq!(official.ceilings.external, Severity::Negligible);
    assert_eq!(official.ceilings.internal, Severity::Medium);
    assert_eq!(of("docker.io/team/app").mode, Mode::Audit);
    assert_eq!(of("docker.io/team/app").require.len(), 2);
}

#[test]
fn vouching_lasts_through_its_last_day() {
    let text = "[[upstreams]]\nname = 'a.b'\n\
                vouches = { environments = ['production'], for = ['scan'], until = 2026-12-31 }";
    let policy = load(text).unwrap().policy();
    let host = RegistryHost::parse("a.b").unwrap();
    let vouches = |time: &str| {
        let time = time.parse().unwrap();
        policy
            .vouching(&host, &environment("production"), time)
            .is_some()
    };
    assert!(vouches("2026-12-31T23:59:59Z"));
    assert!(!vouches("2027-01-01T00:00:00Z"));
}

#[test]
fn any_change_of_policy_changes_its_revision() {
    let mut seen = std::collections::HashMap::new();
    for text in [
        "",
        "[environments.staging]",
        "[environments.production]\nmode = 'audit'",
        "[environments.production]\nmax_report_age = '31d'",
        "[environments.production]\nceilings = { internal = 'low' }",
        "[[environments.production.rules]]\nrepositories = ['**']",
        "[[environments.production.rules]]\nrepositories = ['*/**']",
        "[[exposures]]\nrepositories = ['**']\nexposure = 'internal'\nreason = 'x'",
        "[[exposures]]\nrepositories = ['**']\nexposure = 'internal'\nreason = 'y'",
        "[[upstreams]]\nname = 'a.b'\nvouches = { environments = ['production'], for = ['scan'], until = 2027-01-01 }",
        "[[upstreams]]\nname = 'a.b'\nvouches = { environments = ['production'], for = ['scan'], until = 2027-01-02 }",
    ] {
        let revision = load(text).expect(text).policy().revision();
        assert_eq!(load(text).unwrap().policy().revision(), revision);
        assert_eq!(seen.insert(revision, text), None, "{text}");
    }
    let other = load("[cache]\nmax_size = '1GiB'")
        .unwrap()
        .policy()
        .revision();
    assert_eq!(seen.get(&other), Some(&""), "the cache is no policy");
}

const SAMPLE: &str = include_str!("../../../config/sekisho.toml");

#[test]
fn the_sample_file_is_valid() {
    let config = load(SAMPLE).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

/// `# key = value` and `# [table]` without their mark.
fn uncommented(line: &str) -> &str {
    let is_key = |text: &str| {
        let name = text.split(" = ").next().unwrap_or_default();
        text.contains(" = ") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    match line.strip_prefix("# ") {
        Some(text) if text.starts_with('[') || is_key(text) => text,
        _ => line,
    }
}

#[test]
fn the_sample_file_is_valid_with_every_key_uncommented() {
    let text: Vec<&str> = SAMPLE.lines().map(uncommented).collect();
    let config = load(&text.join("\n")).unwrap();
    assert!(config.ops.is_some());
    assert!(config.upstreams[0].credentials.is_some());
    assert_eq!(
        config.listeners[0]
            .mirror_of
            .as_ref()
            .map(RegistryHost::as_str),
        Some("docker.io")
    );
    let policy = config.policy();
    let production = policy.environment(&environment("production")).unwrap();
    assert_eq!(production.rules.len(), 1);
    assert_eq!(production.platform_images.len(), 1);
}

//! What a file, or none, comes to mean.

mod clusters;
mod fuzz;
mod ledger_servers;
mod nodes;
mod parts;
mod problems;
mod remote;
mod secrets;
mod unmatched;
mod upstreams;
mod vulnerability_policy;
mod vulnerability_policy_files;
mod warnings;

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
    let names = vec!["corp.example".to_owned()];
    let pem = rcgen::generate_simple_self_signed(names)
        .unwrap()
        .cert
        .pem();
    for name in [
        "tls.crt",
        "tls.key",
        "nodes-ca.crt",
        "api-servers.crt",
        "corp-ca.crt",
        "shop-prod.kubeconfig",
    ] {
        fs::write(folder.path().join(name), &pem).unwrap();
    }
    fs::write(folder.path().join("password"), "s3cret\n").unwrap();
    fs::write(folder.path().join("config.json"), "{}").unwrap();
    let keys = "aws_access_key_id = a\naws_secret_access_key = s3cret\n";
    fs::write(folder.path().join("s3-credentials"), keys).unwrap();
    let node_key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    fs::write(folder.path().join("nodes.key"), node_key.serialize_pem()).unwrap();
    for name in ["exceptions", "advisories"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let file = folder.path().join("sekisho.toml");
    fs::write(&file, text).unwrap();
    (folder, file)
}

pub(super) fn load(text: &str) -> Result<Config, Problems> {
    let (_folder, file) = written(text);
    Config::load(Some(&file), home, now())
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
    assert_eq!(
        config.ledger.location.file(),
        Some(&config.data_dir.join("ledger.db"))
    );
    assert_eq!(config.cache.path, config.data_dir.join("cache"));
    assert!(config.warnings.is_empty());
    let policy = config.policy();
    let production = policy.environment(&environment("production")).unwrap();
    assert_eq!(production.settings.mode, Mode::Enforce);
    assert_eq!(policy.environments().count(), 1);
}

#[test]
fn takes_a_url_with_a_path() {
    for url in [
        "https://a.corp/artifactory/api/docker/docker-remote",
        "https://a.corp:8443/repository/docker/",
        "https://a.corp/v2/project",
    ] {
        let text = format!("[[upstreams]]\nname = 'a.corp'\nurl = '{url}'");
        assert_eq!(load(&text).unwrap().upstreams[0].url.as_str(), url);
    }
}

#[test]
fn takes_all_hosts_below_a_suffix() {
    let text = "[[upstreams]]\nname = 'registry.k8s.io'\nredirect_hosts = ['*.pkg.dev', 'a:8443']";
    let config = load(text).unwrap();
    assert_eq!(config.upstreams[0].redirect_hosts, ["*.pkg.dev", "a:8443"]);
    for wrong in ["*", "*.", "a.*", "*.1.2.3.4", "a/b"] {
        let text = format!("[[upstreams]]\nname = 'a.b'\nredirect_hosts = ['{wrong}']");
        assert!(load(&text).is_err(), "{wrong}");
    }
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

#[test]
fn relative_paths_lie_beside_the_file() {
    let text = "data_dir = 'data'\n[ledger]\nurl = 'sqlite://trust.db'\n\
                [[listeners]]\ntls = { certificate = 'tls.crt', key = 'tls.key' }";
    let (folder, file) = written(text);
    let config = Config::load(Some(&file), home, now()).unwrap();
    assert_eq!(config.data_dir, folder.path().join("data"));
    assert_eq!(
        config.ledger.location.file(),
        Some(&folder.path().join("trust.db"))
    );
    let Some(TlsConfig::Files(tls)) = &config.listeners[0].tls else {
        panic!("no files");
    };
    assert_eq!(tls.certificate, folder.path().join("tls.crt"));
    assert!(!config.wants_authority());
    assert_eq!(config.authority_dir(), folder.path().join("data/authority"));
}

#[test]
fn auto_is_tls_enough_for_any_address() {
    let text = "[[listeners]]\naddress = '0.0.0.0:5080'\ntls = 'auto'\n\
                [admin]\naddress = '[::]:5081'\ntls = 'auto'";
    let config = load(text).unwrap();
    assert_eq!(config.listeners[0].tls, Some(TlsConfig::Auto));
    assert_eq!(config.admin.tls, Some(TlsConfig::Auto));
    assert_eq!(config.admin.public_url.scheme(), "https");
    assert!(config.wants_authority());
    assert!(!load("").unwrap().wants_authority());
}

#[test]
fn reads_secrets_and_hides_them() {
    let text = "[[upstreams]]\nname = 'a.b'\n\
                credentials = { username = 'robot', password_file = 'password' }\n\
                [[upstreams]]\nname = 'c.d'\ncredentials = { docker_config = 'config.json' }";
    let config = load(text).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    let Some(ConfiguredCredentials::Password {
        username, password, ..
    }) = &config.upstreams[0].credentials
    else {
        panic!("no password");
    };
    assert_eq!(username, "robot");
    assert_eq!(secrecy::ExposeSecret::expose_secret(password), "s3cret");
    assert!(matches!(
        config.upstreams[1].credentials,
        Some(ConfiguredCredentials::DockerConfig { .. })
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
fn a_rule_replaces_the_minimum_age_and_the_bases() {
    let text = "[environments.production]\nmin_age = '2d'\ntrusted_bases = ['docker.io/base/**']\n\
                [[environments.production.rules]]\nrepositories = ['docker.io/library/*']\n\
                min_age = '0s'\ntrusted_bases = []";
    let policy = load(text).unwrap().policy();
    let production = policy.environment(&environment("production")).unwrap();
    let of = |name| production.settings(&Repository::parse(name).unwrap());
    let app = of("docker.io/team/app");
    assert_eq!(app.min_age, jiff::SignedDuration::from_hours(48));
    assert_eq!(app.trusted_bases.written(), ["docker.io/base/**"]);
    let official = of("docker.io/library/nginx");
    assert_eq!(official.min_age, jiff::SignedDuration::ZERO);
    assert!(official.trusted_bases.is_empty());
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
        "[environments.production]\nmin_age = '1d'",
        "[environments.production]\ntrusted_bases = ['docker.io/base/**']",
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
    assert!(!production.settings.trusted_bases.is_empty());
    assert!(config.policy_files.vulnerability_policy().has_folders());
}

//! How an upstream is reached: credentials, certificates, proxies and times.

use std::ffi::OsString;

use secrecy::ExposeSecret;

use super::{now, written};
use crate::app::config::{
    Config, ConfiguredCredentials, ConfiguredProxy, Problems, UpstreamConfig,
};

const SECRET: &str = "hunter2";

fn load(keys: &str, env: &[(&str, &str)]) -> Result<UpstreamConfig, Problems> {
    let (_folder, file) = written(&format!("[[upstreams]]\nname = 'a.b'\n{keys}"));
    let env = |name: &str| {
        let found = env.iter().find(|(known, _)| *known == name);
        let value = found.map(|(_, value)| OsString::from(value));
        value.or_else(|| (name == "HOME").then(|| "/home/someone".into()))
    };
    let config = Config::load(Some(&file), env, now())?;
    Ok(config.upstreams[0].clone())
}

fn proxy(keys: &str, env: &[(&str, &str)]) -> Option<ConfiguredProxy> {
    load(keys, env).unwrap().proxy
}

#[test]
fn names_what_is_wrong_with_the_way_to_an_upstream() {
    for (keys, key, said) in [
        (
            "credentials = { docker_config = 'config.json', command = ['x'] }",
            "credentials",
            "write either",
        ),
        (
            "credentials = { username = 'u', docker_config = 'config.json' }",
            "credentials",
            "write either",
        ),
        (
            "credentials = { command = [] }",
            "credentials.command",
            "names no program",
        ),
        (
            "credentials = { command = [''] }",
            "credentials.command",
            "names no program",
        ),
        (
            "timeouts = { answer = '0s' }",
            "timeouts.answer",
            "write 1s or more",
        ),
        (
            "timeouts = { idle = '2h' }",
            "timeouts.idle",
            "is over an hour",
        ),
        (
            "timeouts = { answer = '30s', call = '10s' }",
            "timeouts.call",
            "is shorter than answer",
        ),
        ("proxy = 'proxy.corp:3128'", "proxy", "is no web address"),
        (
            "proxy = 'http://me:hunter2@proxy.corp'",
            "proxy",
            "password_file",
        ),
        (
            "proxy = { url = 'http://proxy.corp', username = 'u' }",
            "proxy.username",
            "is one of two",
        ),
        (
            "proxy = { username = 'u', password_file = 'password' }",
            "proxy.url",
            "is missing",
        ),
        (
            "proxy = { url = 'http://proxy.corp', except = ['a, b'] }",
            "proxy.except",
            "no host",
        ),
        ("ca = 'password'", "ca", "holds no certificate"),
        ("max_concurrent = 0", "max_concurrent", "is not from 1 to"),
    ] {
        let shown = load(keys, &[]).expect_err(keys).to_string();
        assert!(
            shown.contains(&format!("upstreams[0].{key}: ")),
            "{keys}: {shown}"
        );
        assert!(shown.contains(said), "{keys}: {shown}");
        assert!(!shown.contains(SECRET), "{shown}");
    }
}

#[test]
fn a_call_may_take_twice_as_long_as_an_answer() {
    let timeouts = load("timeouts = { answer = '30s' }", &[]).unwrap().timeouts;
    assert_eq!((timeouts.head.as_secs(), timeouts.call.as_secs()), (30, 60));
}

#[test]
fn reads_a_command_with_and_without_a_name() {
    for (keys, name) in [
        ("credentials = { command = ['helper', 'get'] }", None),
        (
            "credentials = { username = 'AWS', command = ['helper', 'get'] }",
            Some("AWS"),
        ),
    ] {
        let Some(ConfiguredCredentials::Command { command, username }) =
            load(keys, &[]).unwrap().credentials
        else {
            panic!("{keys}");
        };
        assert_eq!(command, ["helper", "get"]);
        assert_eq!(username.as_deref(), name);
    }
}

#[test]
fn takes_the_proxy_that_is_written_or_that_of_the_environment() {
    let env = [
        ("HTTPS_PROXY", "http://me:hun%40ter2@env.corp:3128"),
        ("NO_PROXY", ".corp"),
    ];
    let found = proxy("", &env).unwrap();
    assert_eq!(found.url.as_str(), "http://env.corp:3128/");
    let (username, password) = found.credentials.clone().unwrap();
    assert_eq!((&*username, password.expose_secret()), ("me", "hun@ter2"));
    assert_eq!(found.except, ".corp");
    assert!(!format!("{found:?}").contains("ter2"));
    let lower = proxy("", &[("https_proxy", "env.corp:3128")]).unwrap();
    assert_eq!(lower.url.as_str(), "http://env.corp:3128/");
    let written = proxy("proxy = 'http://own.corp:8080'", &env).unwrap();
    assert_eq!(written.url.host_str(), Some("own.corp"));
    let table = "proxy = { url = 'https://own.corp', username = 'u', password_file = 'password', \
                 except = ['x.corp', '10.0.0.0/8'] }";
    let written = proxy(table, &env).unwrap();
    assert_eq!(written.except, "x.corp,10.0.0.0/8");
    assert_eq!(written.credentials.unwrap().1.expose_secret(), "s3cret");
    for keys in [
        "proxy = 'none'",
        "url = 'https://localhost:5000'",
        "url = 'http://a.b'",
    ] {
        assert!(proxy(keys, &env).is_none(), "{keys}");
    }
}

#[test]
fn a_proxy_of_the_environment_that_is_none_is_named_and_not_shown() {
    let env = [("HTTPS_PROXY", "socks5://me:hunter2@proxy.corp")];
    let shown = load("", &env).unwrap_err().to_string();
    assert!(shown.contains("HTTPS_PROXY"), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
}

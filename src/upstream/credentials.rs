//! Credentials for an upstream, also read from Docker's `config.json`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::oci::RegistryHost;

/// A name and a password, or a robot's name and its token.
#[derive(Clone, Debug)]
pub struct UpstreamCredentials {
    pub username: String,
    pub password: SecretString,
}

/// Why a `config.json` gives no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerConfigError {
    #[error("the file is no Docker config.json")]
    Form,
    #[error("the entry for {0} holds neither auth nor username and password")]
    Empty(RegistryHost),
    #[error("the auth of {0} is not base64 of username:password")]
    Auth(RegistryHost),
    #[error("{0} has an identity token, which is not supported; use a username and password")]
    Token(RegistryHost),
    #[error(
        "the file leaves {0} to a credential helper; write credentials = \
         {{ command = [\"docker-credential-NAME\", \"get\"] }}, or an auths entry"
    )]
    Helper(RegistryHost),
    #[error("the file has no auths entry for {0}")]
    Absent(RegistryHost),
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, Box<RawValue>>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

/// Without `Debug`: it holds secrets.
#[derive(Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl UpstreamCredentials {
    /// Reads what Docker's `config.json` holds for `host`. Docker Hub is found
    /// under each of its names, `https://index.docker.io/v1/` among them.
    /// Its credential helpers are not run: the configuration names commands itself.
    ///
    /// # Errors
    /// [`DockerConfigError`] where it is no such file, holds nothing for `host`, or leaves that to a helper.
    pub fn from_docker_config(json: &[u8], host: &RegistryHost) -> Result<Self, DockerConfigError> {
        let config: DockerConfig =
            serde_json::from_slice(json).map_err(|_| DockerConfigError::Form)?;
        if config.helpers.keys().any(|key| names(key, host)) {
            return Err(DockerConfigError::Helper(host.clone()));
        }
        let entry = config.auths.iter().find(|(key, _)| names(key, host));
        let stored = config.store.is_some();
        match entry {
            Some((_, entry)) if !(stored && entry.is_empty()) => entry.read(host),
            _ if stored => Err(DockerConfigError::Helper(host.clone())),
            _ => Err(DockerConfigError::Absent(host.clone())),
        }
    }

    /// The `Authorization` of HTTP's Basic scheme (RFC 7617).
    pub(super) fn basic(&self) -> Option<HeaderValue> {
        let pair = format!("{}:{}", self.username, self.password.expose_secret());
        let mut value: HeaderValue = format!("Basic {}", BASE64_STANDARD.encode(pair))
            .parse()
            .ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Entry {
    fn is_empty(&self) -> bool {
        let secrets = [
            &self.auth,
            &self.password,
            &self.identitytoken,
            &self.registrytoken,
        ];
        secrets.iter().all(|secret| text(secret).is_none())
    }

    fn read(&self, host: &RegistryHost) -> Result<UpstreamCredentials, DockerConfigError> {
        if text(&self.identitytoken)
            .or(text(&self.registrytoken))
            .is_some()
        {
            return Err(DockerConfigError::Token(host.clone()));
        }
        if let Some(auth) = text(&self.auth) {
            return decode(auth).ok_or_else(|| DockerConfigError::Auth(host.clone()));
        }
        match (&self.username, text(&self.password)) {
            (Some(username), Some(password)) => Ok(UpstreamCredentials {
                username: username.clone(),
                password: password.into(),
            }),
            _ => Err(DockerConfigError::Empty(host.clone())),
        }
    }
}

fn text(secret: &Option<String>) -> Option<&str> {
    secret.as_deref().filter(|text| !text.is_empty())
}

fn decode(auth: &str) -> Option<UpstreamCredentials> {
    let pair = String::from_utf8(BASE64_STANDARD.decode(auth).ok()?).ok()?;
    let (username, password) = pair.split_once(':')?;
    let password = password.trim_end_matches('\0');
    (!username.is_empty()).then(|| UpstreamCredentials {
        username: username.to_owned(),
        password: password.into(),
    })
}

/// Whether a key of `auths` means `host`: `host`, `https://host`, or those
/// with `/v1/` or `/v2/` behind. Keys for a part of a registry do not.
fn names(key: &str, host: &RegistryHost) -> bool {
    let bare = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    let (authority, path) = bare.split_once('/').unwrap_or((bare, ""));
    matches!(path.trim_end_matches('/'), "" | "v1" | "v2")
        && RegistryHost::parse(authority).is_ok_and(|found| found == *host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, host: &str) -> Result<(String, String), DockerConfigError> {
        let host = RegistryHost::parse(host).unwrap();
        let found = UpstreamCredentials::from_docker_config(json.as_bytes(), &host)?;
        let password = found.password.expose_secret().to_owned();
        Ok((found.username, password))
    }

    #[test]
    fn reads_auth_under_every_name_of_docker_hub() {
        for key in [
            "https://index.docker.io/v1/",
            "index.docker.io",
            "docker.io",
            "https://registry-1.docker.io",
        ] {
            let json = format!(r#"{{"auths":{{"{key}":{{"auth":"bWU6czpl"}}}}}}"#);
            let expected = Ok(("me".into(), "s:e".into()));
            assert_eq!(read(&json, "docker.io"), expected, "{key}");
        }
    }

    #[test]
    fn reads_username_and_password_of_the_right_host_only() {
        let json = r#"{"auths":{
            "r.corp/team":{"username":"no","password":"no"},
            "r.corp:5000":{"username":"no","password":"no"},
            "https://r.corp/v2/":{"username":"me","password":"secret"}}}"#;
        assert_eq!(read(json, "r.corp"), Ok(("me".into(), "secret".into())));
        let other = RegistryHost::parse("other.corp").unwrap();
        assert_eq!(
            read(json, "other.corp"),
            Err(DockerConfigError::Absent(other))
        );
    }

    #[test]
    fn refuses_helpers_and_tokens_plainly() {
        let host = RegistryHost::parse("r.corp").unwrap();
        for (json, error) in [
            (
                r#"{"credHelpers":{"r.corp":"ecr-login"}}"#,
                DockerConfigError::Helper(host.clone()),
            ),
            (
                r#"{"credsStore":"desktop","auths":{"r.corp":{}}}"#,
                DockerConfigError::Helper(host.clone()),
            ),
            (
                r#"{"auths":{"r.corp":{"identitytoken":"x"}}}"#,
                DockerConfigError::Token(host.clone()),
            ),
            (
                r#"{"auths":{"r.corp":{"auth":"%"}}}"#,
                DockerConfigError::Auth(host.clone()),
            ),
            (
                r#"{"auths":{"r.corp":{"auth":"eA=="}}}"#,
                DockerConfigError::Auth(host.clone()),
            ),
            (
                r#"{"auths":{"r.corp":{}}}"#,
                DockerConfigError::Empty(host.clone()),
            ),
            ("{", DockerConfigError::Form),
        ] {
            assert_eq!(read(json, "r.corp"), Err(error), "{json}");
        }
    }

    #[test]
    fn never_prints_the_password() {
        let json = r#"{"auths":{"r.corp":{"username":"me","password":"hunter2"}}}"#;
        let host = RegistryHost::parse("r.corp").unwrap();
        let found = UpstreamCredentials::from_docker_config(json.as_bytes(), &host).unwrap();
        assert!(!format!("{found:?} {:?}", found.basic()).contains("hunter2"));
        assert!(!format!("{:?}", found.basic()).contains("bWU"));
    }
}

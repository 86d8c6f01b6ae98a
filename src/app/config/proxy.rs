//! The way out to an upstream: directly, or by an egress proxy.

use std::ffi::OsString;

use secrecy::SecretString;
use url::Url;

use super::credentials::password_of;
use super::section::Section;
use super::urls::{is_loopback, is_origin, web_address};

/// An egress proxy.
#[derive(Clone, Debug)]
pub struct ConfiguredProxy {
    pub url: Url,
    pub credentials: Option<(String, SecretString)>,
    /// Hosts that are reached directly, as in `NO_PROXY`.
    pub except: String,
}

/// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, or the same in lower case, as they stood at
/// the start.
#[derive(Clone, Default)]
pub(super) struct ProxyEnvironment {
    https: Option<String>,
    http: Option<String>,
    except: String,
}

impl ProxyEnvironment {
    pub(super) fn of(env: impl Fn(&str) -> Option<OsString>) -> Self {
        let get = |name: &str| {
            let value = env(name).or_else(|| env(&name.to_ascii_lowercase()))?;
            value.into_string().ok().filter(|text| !text.is_empty())
        };
        Self {
            https: get("HTTPS_PROXY"),
            http: get("HTTP_PROXY"),
            except: get("NO_PROXY").unwrap_or_default(),
        }
    }

    /// The proxy to an upstream at `url`. This machine is reached directly.
    pub(super) fn proxy(&self, section: &Section<'_, '_>, url: &Url) -> Option<ConfiguredProxy> {
        let (name, text) = match url.scheme() {
            "https" => ("HTTPS_PROXY", self.https.as_ref()?),
            _ => ("HTTP_PROXY", self.http.as_ref()?),
        };
        if is_loopback(url) {
            return None;
        }
        let full = match text.contains("://") {
            true => text.clone(),
            false => format!("http://{text}"),
        };
        let is_proxy = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let Some(mut url) = Url::parse(&full).ok().filter(is_proxy) else {
            let hint = "write it as http://host:port, or set proxy here";
            section.problem(
                "proxy",
                format_args!("is {name}, which is no proxy; {hint}"),
            );
            return None;
        };
        let credentials = url.password().map(|password| {
            let username = percent_decoded(url.username());
            (username, SecretString::from(percent_decoded(password)))
        });
        let _ = (url.set_username(""), url.set_password(None));
        Some(ConfiguredProxy {
            url,
            credentials,
            except: self.except.clone(),
        })
    }
}

/// `%40` and the like as the characters that they stand for.
fn percent_decoded(text: &str) -> String {
    // In a form's value `+` is a space, and here it is none.
    let form = format!("x={}", text.replace('+', "%2B"));
    let pairs = url::form_urlencoded::parse(form.as_bytes());
    pairs.map(|(_, value)| value.into_owned()).collect()
}

/// Reads `proxy`: a URL, a table, or `"none"`; without it, the environment's.
pub(super) fn proxy(
    section: &mut Section<'_, '_>,
    url: Option<&Url>,
    environment: &ProxyEnvironment,
) -> Option<ConfiguredProxy> {
    if !section.holds("proxy") {
        section.skip("proxy");
        return environment.proxy(section, url?);
    }
    if section.says("proxy", "none") {
        section.skip("proxy");
        return None;
    }
    if section.says_text("proxy") {
        let text: String = section.read("proxy")?;
        let hint = "write scheme, host and port alone, as in http://proxy.corp:3128, and with \
                    credentials { url = \"…\", username = \"…\", password_file = \"…\" }";
        let url = web_address(section, "proxy", &text, hint, is_origin)?;
        return Some(ConfiguredProxy {
            url,
            credentials: None,
            except: String::new(),
        });
    }
    from_table(section)
}

fn from_table(section: &mut Section<'_, '_>) -> Option<ConfiguredProxy> {
    let mut table = section.optional_section("proxy")?;
    let hint = "write scheme, host and port alone, as in http://proxy.corp:3128";
    let text: Option<String> = table.required("url", hint);
    let url = text.and_then(|text| web_address(&table, "url", &text, hint, is_origin));
    let username: Option<String> = table.read("username");
    let password = table.file_text("password_file");
    let except: Vec<String> = table.list("except").unwrap_or_default();
    if table.has("username") != table.has("password_file") {
        let text = "is one of two; write username and password_file, or neither";
        let key = match table.has("username") {
            true => "username",
            false => "password_file",
        };
        table.problem(key, text);
    }
    let no_host = |host: &String| host.contains([',', ' ']) || host.contains("://");
    if except.iter().any(no_host) {
        let hint = "write names, addresses or networks, as in [\".corp\", \"10.0.0.0/8\"]";
        table.problem("except", format_args!("holds what is no host; {hint}"));
    }
    table.finish();
    Some(ConfiguredProxy {
        url: url?,
        credentials: username.zip(password.map(|text| password_of(&text))),
        except: except.join(","),
    })
}

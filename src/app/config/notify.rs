//! `[[notify]]`: who is told without asking.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use super::authorities::authorities;
use super::section::Section;
use super::urls::web_address;
use crate::app::bounded;
use crate::notify::{NoticeKind, NotifyFiles, NotifySecrets, NotifyTarget};
use crate::trust::EnvironmentName;

/// Targets, at most.
const MAX_TARGETS: usize = 32;
/// The longest name, in characters: it is a value of a label.
const MAX_NAME_CHARS: usize = 64;
const URL_HINT: &str = "write https://hooks.example/…";
const NO_SECRET: &str = "is empty; write the secret that messages are signed by";

/// Reads `[[notify]]`.
pub(super) fn notify(
    root: &mut Section<'_, '_>,
    environments: &BTreeSet<EnvironmentName>,
    now: Timestamp,
) -> Vec<NotifyTarget> {
    let sections = root.sections("notify").unwrap_or_default();
    if sections.len() > MAX_TARGETS {
        root.problem("notify", format_args!("has over {MAX_TARGETS} tables"));
    }
    let mut targets: Vec<NotifyTarget> = Vec::new();
    for mut section in sections {
        let target = target(&mut section, environments, now);
        if let Some(target) = &target
            && targets.iter().any(|other| other.name == target.name)
        {
            section.problem("name", format_args!("{:?} stands twice", target.name));
        }
        targets.extend(target);
        section.finish();
    }
    targets
}

fn target(
    section: &mut Section<'_, '_>,
    environments: &BTreeSet<EnvironmentName>,
    now: Timestamp,
) -> Option<NotifyTarget> {
    let name = section.words("name", "write name = \"on-call\"");
    let (url, url_file) = address(section).unzip();
    let url_file = url_file.flatten();
    let secret = section.file_with_text("secret_file");
    let (secret_file, secret) = secret.unzip();
    let secret = secret.map(|text| secret_of(&text));
    if matches!(secret, Some(None)) {
        section.problem("secret_file", format_args!("{NO_SECRET}"));
    }
    let format = section.read("format").unwrap_or_default();
    let events: Vec<NoticeKind> = section.list("events").unwrap_or_default();
    let here: Vec<EnvironmentName> = section.list("environments").unwrap_or_default();
    for environment in here.iter().filter(|it| !environments.contains(*it)) {
        let text = format_args!("no environment is called {environment}");
        section.problem("environments", text);
    }
    let ca = authorities(section, "ca", now);
    let addresses: Vec<IpAddr> = section.list("addresses").unwrap_or_default();
    Some(NotifyTarget {
        name: name.filter(|name| is_name(section, name))?,
        url: url?,
        secret: secret.flatten(),
        format,
        events,
        environments: here,
        ca: ca.map(String::into_bytes),
        addresses,
        files: NotifyFiles {
            url: url_file,
            secret: secret_file,
        },
    })
}

fn is_name(section: &Section<'_, '_>, name: &str) -> bool {
    let word = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let fits = name.len() <= MAX_NAME_CHARS && name.chars().all(word);
    if !fits {
        let text = format_args!(
            "is no name: up to {MAX_NAME_CHARS} letters, digits, dots, dashes and underscores"
        );
        section.problem("name", text);
    }
    fits
}

/// As it stands, or in a file of its own: whoever has it may post there.
fn address(section: &mut Section<'_, '_>) -> Option<(SecretString, Option<PathBuf>)> {
    let written: Option<String> = section.read("url");
    let (file, in_file) = section.file_with_text("url_file").unzip();
    let (key, text) = match (section.has("url"), section.has("url_file")) {
        (true, false) => ("url", written?),
        (false, true) => ("url_file", in_file?.trim().to_owned()),
        _ => {
            section.problem(
                "url",
                format_args!("{URL_HINT}, or name its file in url_file"),
            );
            return None;
        }
    };
    // What stands there is a secret, in whatever form: no message shows any of it.
    if Url::parse(&text).is_err() {
        section.problem(key, format_args!("holds no web address; {URL_HINT}"));
        return None;
    }
    let url = web_address(section, key, &text, URL_HINT, |_| true)?;
    Some((SecretString::from(url.to_string()), file))
}

/// What the files of a target hold now.
///
/// # Errors
/// Why that cannot be used; without what they hold.
pub fn notify_secrets(target: &NotifyTarget) -> Result<NotifySecrets, String> {
    let mut secrets = target.secrets();
    let read = |file: &Path| {
        let text = bounded::text(file);
        text.map_err(|error| format!("{} {error}", file.display()))
    };
    if let Some(file) = &target.files.url {
        let url = Url::parse(read(file)?.trim()).ok().filter(is_usable);
        let url = url.ok_or_else(|| format!("{} holds no web address", file.display()))?;
        secrets.url = SecretString::from(url.to_string());
    }
    if let Some(file) = &target.files.secret {
        let secret = secret_of(&read(file)?);
        let secret = secret.ok_or_else(|| format!("{} {NO_SECRET}", file.display()))?;
        secrets.secret = Some(secret);
    }
    Ok(secrets)
}

fn is_usable(url: &Url) -> bool {
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    is_web && url.username().is_empty() && url.password().is_none()
}

/// `None` where nothing is in it: anyone could sign by that.
fn secret_of(text: &str) -> Option<SecretString> {
    let secret = text.trim_end_matches(['\r', '\n']);
    (!secret.trim().is_empty()).then(|| SecretString::from(secret))
}

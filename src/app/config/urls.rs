//! URLs in the configuration. They must hold no password, so that no message about one
//! can show it.

use url::{Host, Url};

use super::section::Section;
use crate::oci::with_origins_alone;

/// The address that `text` is, if `fits` takes it; else notes what is wrong, with
/// `hint` on what to write. User names and passwords are refused, and not shown.
pub(super) fn web_address(
    section: &Section<'_, '_>,
    key: &'static str,
    text: &str,
    hint: &'static str,
    fits: impl FnOnce(&Url) -> bool,
) -> Option<Url> {
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    match Url::parse(text) {
        Ok(url) if has_user_info(&url) => {
            section.hinted_problem(key, "holds a user name or password", hint);
        }
        Ok(url) if is_web(&url) && fits(&url) => return Some(url),
        Ok(_) | Err(_) => {
            let shown = quoted(text);
            section.hinted_problem(key, format_args!("{shown} is no web address"), hint);
        }
    }
    None
}

/// A refused value, for a problem: of a URL scheme and host alone, and nothing of what
/// may be a part of one.
pub(super) fn quoted(text: &str) -> String {
    match text {
        _ if text.contains("://") => with_origins_alone(&format!("{text:?}")),
        _ if text.contains(['@', '%', '/', '?', '#']) => "what stands here".to_owned(),
        _ => format!("{text:?}"),
    }
}

/// Scheme, host and port alone.
pub(super) fn is_origin(url: &Url) -> bool {
    url.path() == "/" && url.query().is_none() && url.fragment().is_none()
}

fn has_user_info(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Whether it names this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

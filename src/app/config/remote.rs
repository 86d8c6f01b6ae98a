//! `[cache] remote` and what goes with it: the tier of bytes that replicas share.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use url::Url;

use super::authorities::authorities;
use super::quantity::{ByteSize, Period, ShortPeriod};
use super::section::Section;
use super::urls::{is_origin, quoted, web_address};
use crate::cache::{BlobStore, PruneBounds, RemoteOptions};

const DEFAULT_WAIT: ShortPeriod = ShortPeriod::milliseconds(300);
const DEFAULT_REDIRECT_LASTS: Period = Period::seconds(5 * 60);
/// A pull that waits longer had better ask its upstream.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Presigned addresses of S3 last for a week at most; hours are much.
const MAX_REDIRECT_LASTS: Duration = Duration::from_secs(12 * 3600);
/// Content is marked as pulled every 12 hours.
const MIN_MAX_AGE: SignedDuration = SignedDuration::from_hours(48);

const FORM: &str =
    "write s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///folder";

/// The second tier of bytes.
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    pub options: RemoteOptions,
    /// The file that its credentials came from; `None`: the environment's.
    pub credentials: Option<RemoteCredentials>,
    /// How long a pull waits for it.
    pub wait: Duration,
    /// How long an address lasts that a client is led to; `None`: none is.
    pub redirect: Option<Duration>,
    pub bounds: PruneBounds,
}

/// A file of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCredentials {
    pub file: PathBuf,
}

/// Reads the keys of `[cache]` that begin with `remote`, and `redirect`.
pub(super) fn remote(section: &mut Section<'_, '_>, now: Timestamp) -> Option<RemoteConfig> {
    let url = address(section);
    let endpoint = endpoint(section);
    let region = section.read("remote_region");
    let path_style = section.read("remote_path_style").unwrap_or(true);
    let credentials = section.file_with_text("remote_credentials");
    let ca = authorities(section, "remote_ca", now);
    let wait = wait(section);
    let redirect = redirect(section);
    let bounds = bounds(section);
    if !section.has("remote") {
        without_remote(section);
        return None;
    }
    let (file, text) = credentials.unzip();
    let config = RemoteConfig {
        options: RemoteOptions {
            url: url?,
            endpoint,
            region,
            path_style,
            credentials: text.map(SecretString::from),
            ca,
        },
        credentials: file.map(|file| RemoteCredentials { file }),
        wait,
        redirect,
        bounds,
    };
    fits_together(section, &config);
    Some(config)
}

/// What means nothing without a remote tier.
fn without_remote(section: &Section<'_, '_>) {
    for key in [
        "redirect",
        "redirect_lasts",
        "remote_endpoint",
        "remote_region",
        "remote_path_style",
        "remote_credentials",
        "remote_ca",
        "remote_wait",
        "remote_max_age",
        "remote_max_size",
    ] {
        if section.has(key) {
            section.hinted_problem(key, "needs remote", FORM);
        }
    }
}

fn address(section: &mut Section<'_, '_>) -> Option<Url> {
    let text: String = section.read("remote")?;
    let url = Url::parse(&text).ok().filter(|url| {
        let plain = url.query().is_none() && url.fragment().is_none();
        let secret = !url.username().is_empty() || url.password().is_some();
        let known = match url.scheme() {
            "file" => url.to_file_path().is_ok_and(|path| path.parent().is_some()),
            "s3" | "gs" | "az" => url.has_host() && url.port().is_none(),
            _ => false,
        };
        plain && !secret && known
    });
    if url.is_none() {
        let text = format!("{} is no store", quoted(&text));
        section.hinted_problem("remote", text, FORM);
    }
    url
}

fn endpoint(section: &mut Section<'_, '_>) -> Option<Url> {
    let text: String = section.read("remote_endpoint")?;
    let hint = "write https://s3.example";
    web_address(section, "remote_endpoint", &text, hint, is_origin)
}

fn wait(section: &mut Section<'_, '_>) -> Duration {
    let wait: ShortPeriod = section.read("remote_wait").unwrap_or(DEFAULT_WAIT);
    let wait = Duration::from(wait);
    if wait.is_zero() || wait > MAX_WAIT {
        let text = "is none, or over 10 s, which pulls would wait; write 300ms";
        section.problem("remote_wait", text);
    }
    wait
}

fn redirect(section: &mut Section<'_, '_>) -> Option<Duration> {
    let wanted = section.read("redirect").unwrap_or(false);
    let lasts: Period = section
        .read("redirect_lasts")
        .unwrap_or(DEFAULT_REDIRECT_LASTS);
    let lasts = Duration::from(lasts);
    if lasts.as_secs() < 60 || lasts > MAX_REDIRECT_LASTS {
        let text = "is under a minute, or over 12 hours; write 5m";
        section.problem("redirect_lasts", text);
    }
    wanted.then_some(lasts)
}

fn bounds(section: &mut Section<'_, '_>) -> PruneBounds {
    let max_age: Option<Period> = section.read("remote_max_age");
    let max_size: Option<ByteSize> = section.read("remote_max_size");
    let max_age = max_age.map(SignedDuration::from);
    if max_age.is_some_and(|age| age < MIN_MAX_AGE) {
        let text = "is under 2d: pulls are marked every 12 hours; write 90d";
        section.problem("remote_max_age", text);
    }
    if max_size.is_some_and(|size| size.0 == 0) {
        section.problem("remote_max_size", "is nothing; write 1TiB, or leave it out");
    }
    PruneBounds {
        max_age,
        max_size: max_size.map(|size| size.0),
    }
}

/// Whether the store could be set up so.
fn fits_together(section: &Section<'_, '_>, config: &RemoteConfig) {
    let url = &config.options.url;
    if url.scheme() == "file" {
        if config.redirect.is_some() {
            let text = "needs a store that clients can reach; a folder is none";
            section.problem("redirect", text);
        }
        return;
    }
    if !matches!(url.scheme(), "s3" | "az") && config.options.endpoint.is_some() {
        section.problem("remote_endpoint", "is for s3:// and az:// alone");
    }
    if url.scheme() != "s3" && config.options.region.is_some() {
        section.problem("remote_region", "is for s3:// alone");
    }
    // With a file, all that is needed is known; the environment may be another elsewhere.
    if config.options.credentials.is_some()
        && let Err(error) = BlobStore::connect(&config.options)
    {
        section.problem("remote_credentials", error);
    }
}

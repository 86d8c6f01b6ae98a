//! Names, digests and headers: what is taken reads the same once it is printed.

use std::fmt::{Debug, Display};

use http::{HeaderMap, HeaderValue, header};

use super::{Fuzz, folded};
use crate::http::AuthorizationHeader;
use crate::oci::{Digest, ImageRef, MediaType, Platform, RegistryHost, Repository, Tag};
use crate::stream::ByteRange;

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// What `parse` makes of a text, read again from what it prints.
fn stable<T: Display + Debug + PartialEq, E: Display>(
    text: &[u8],
    parse: impl Fn(&str) -> Result<T, E>,
) -> String {
    let Ok(text) = std::str::from_utf8(text) else {
        return "no text".to_owned();
    };
    match parse(text) {
        Ok(value) => {
            let printed = value.to_string();
            let again = parse(&printed).map_err(|error| error.to_string());
            assert_eq!(
                again.as_ref(),
                Ok(&value),
                "{text:?} is printed {printed:?}"
            );
            // Which of its parts there are: so that seeds come to have each of them.
            printed.split(|c: char| c.is_alphanumeric()).collect()
        }
        Err(error) => folded(&error.to_string()),
    }
}

#[test]
fn fuzz_image_names() {
    let named = format!("registry.corp:5000/team/app:1.27@{DIGEST}");
    let seeds = [
        "nginx",
        "docker.io/library/nginx:1",
        "[::1]:5000/a__b/c-d",
        &named,
    ];
    Fuzz::new("image names", &seeds).run(|text| {
        let hub = RegistryHost::docker_hub();
        stable(text, |text| ImageRef::parse(text, &hub))
    });
}

#[test]
fn fuzz_parts_of_names() {
    let seeds = [
        "quay.io:443/team/app",
        DIGEST,
        "linux/arm64/v8",
        "a/b+c",
        "1.27",
        "[::1]:5000/a",
    ];
    Fuzz::new("parts of names", &seeds).run(|text| {
        let outcomes = [
            stable(text, Repository::parse),
            stable(text, Digest::parse),
            stable(text, Platform::parse),
            stable(text, MediaType::parse),
            stable(text, Tag::parse),
            stable(text, RegistryHost::parse),
        ];
        outcomes.join("; ")
    });
}

#[test]
fn fuzz_ranges() {
    let seeds = [
        "bytes=0-499",
        "bytes=500-",
        "bytes=-500",
        "bytes=0-0,-1",
        "items=1-2",
    ];
    Fuzz::new("ranges", &seeds).run(|text| {
        let found = std::str::from_utf8(text).ok().and_then(ByteRange::parse);
        let Some(range) = found else {
            return "ignored".to_owned();
        };
        for total in [0, 1, 500, u64::MAX] {
            if let Ok(bytes) = range.within(total) {
                assert!(bytes.start < bytes.end && bytes.end <= total, "{bytes:?}");
            }
        }
        format!("{:?}", std::mem::discriminant(&range))
    });
}

#[test]
fn fuzz_authorization_headers() {
    let seeds = [
        "Bearer sekisho_0123",
        "Basic dXNlcjpwYXNz",
        "basic OnBhc3M",
        "Digest x=1",
    ];
    Fuzz::new("authorization headers", &seeds).run(|text| {
        let Ok(value) = HeaderValue::from_bytes(text) else {
            return "no header".to_owned();
        };
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        let found = AuthorizationHeader::from_headers(&headers);
        let told = match &found {
            Ok(_) => "taken".to_owned(),
            Err(error) => folded(&error.to_string()),
        };
        // Neither the error nor what is printed of it repeats what may be a secret.
        let debug = format!("{found:?}");
        let sent = text.split(|byte| *byte == b' ').next_back();
        let secret = sent.and_then(|sent| std::str::from_utf8(sent).ok());
        let secret = secret.filter(|secret| secret.len() > 30 && !secret.contains('='));
        assert!(
            !secret.is_some_and(|secret| debug.contains(secret)),
            "{debug}"
        );
        told
    });
}

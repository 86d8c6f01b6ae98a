//! What browsers load besides pages. The name of each has the hash of its bytes, so that
//! it can be kept for ever and changes when the program does.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

/// Bytes of a hash that stand in a name.
const HASH: usize = 8;

pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "console",
        "css",
        "text/css; charset=utf-8",
        include_str!("assets/console.css"),
    )
});
pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "console",
        "js",
        "text/javascript; charset=utf-8",
        include_str!("assets/console.js"),
    )
});
pub(super) static ICON: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "icon",
        "svg",
        "image/svg+xml",
        include_str!("assets/icon.svg"),
    )
});

/// A file that is part of the program.
pub(super) struct Asset {
    address: String,
    content_type: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(name: &str, ending: &str, content_type: &'static str, text: &'static str) -> Self {
        let hash = hex::encode(&Sha256::digest(text)[..HASH]);
        Self {
            address: format!("assets/{name}-{hash}.{ending}"),
            content_type,
            text,
        }
    }

    /// Where it lies, below the root.
    pub fn address(&self) -> &str {
        &self.address
    }
}

pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let all = [&*STYLE, &*SCRIPT, &*ICON];
    let is_named = |asset: &&&Asset| asset.address.strip_prefix("assets/") == Some(&name);
    let Some(asset) = all.iter().find(is_named) else {
        return (StatusCode::NOT_FOUND, "that is no file of this version\n").into_response();
    };
    let mut response = asset.text.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, asset.content_type),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

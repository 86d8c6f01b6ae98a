//! What all pages share.

use std::sync::Arc;

use super::admin_api::AdminApi;
use super::sessions::Sessions;
use crate::ledger::Ledger;

/// What the console is given.
#[derive(Clone)]
pub struct ConsoleOptions {
    /// Who holds a token.
    pub ledger: Arc<Ledger>,
    /// `scheme://host[:port]` at which people reach it.
    pub public_origin: String,
    /// Whether people reach it by TLS, so that cookies never travel in the clear.
    pub secure: bool,
    /// Where drafted exceptions and advisories are opened as merge requests; see `[console]`.
    pub merge_request_url: Option<String>,
}

/// The door's own parts.
#[derive(Clone)]
pub(super) struct Console {
    pub api: AdminApi,
    pub ledger: Arc<Ledger>,
    pub sessions: Arc<Sessions>,
    pub public_origin: Arc<str>,
    pub secure: bool,
    pub merge_request_url: Option<Arc<str>>,
}

impl Console {
    pub fn new(options: ConsoleOptions, api: AdminApi) -> Self {
        Self {
            api,
            ledger: options.ledger,
            sessions: Arc::new(Sessions::new()),
            public_origin: options.public_origin.into(),
            secure: options.secure,
            merge_request_url: options.merge_request_url.map(Into::into),
        }
    }
}

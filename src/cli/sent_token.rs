//! The token of a command, and where it came from: whoever has to mend it is told so.

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::failure::Failure;
use crate::app::bounded;
use crate::app::config::AdminAccess;

/// Where a token may stand in the environment.
pub const TOKEN_VARIABLE: &str = "SEKISHO_TOKEN";

/// A token that is sent with each request.
pub struct SentToken {
    secret: SecretString,
    source: TokenSource,
}

/// Where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TokenSource {
    Option,
    Variable,
    /// The first token, which `serve` wrote there.
    File(PathBuf),
}

impl SentToken {
    /// One that `--token` or the environment named: clap tells them not apart.
    pub fn named(secret: SecretString) -> Self {
        let variable = std::env::var(TOKEN_VARIABLE);
        let source = match variable.is_ok_and(|value| value == secret.expose_secret()) {
            true => TokenSource::Variable,
            false => TokenSource::Option,
        };
        Self { secret, source }
    }

    /// The first one of the gateway of this machine, where it can be read.
    pub fn first(own: &AdminAccess) -> Option<Self> {
        let file = own.token_file()?;
        let text = bounded::text(&file).ok()?;
        Some(Self {
            secret: text.trim().into(),
            source: TokenSource::File(file),
        })
    }

    pub fn secret(&self) -> &str {
        self.secret.expose_secret()
    }

    /// What the server said of it, about this one and with a way to another.
    pub fn refused(&self, failure: Failure) -> Failure {
        let source = &self.source;
        failure
            .about(&format!("the token from {source}"))
            .instead(source.next_step())
    }
}

impl TokenSource {
    const fn next_step(&self) -> &'static str {
        match self {
            Self::Option => {
                "pass another by --token or SEKISHO_TOKEN; an admin makes one by: sekisho token create"
            }
            Self::Variable => {
                "set it to another, or pass one by --token; an admin makes one by: sekisho token create"
            }
            Self::File(_) => {
                "pass another by --token or SEKISHO_TOKEN, or write one into that file; as the user \
                 of serve, sekisho token create --config FILE makes one and needs none"
            }
        }
    }
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option => f.write_str("--token"),
            Self::Variable => f.write_str(TOKEN_VARIABLE),
            Self::File(file) => file.display().fmt(f),
        }
    }
}

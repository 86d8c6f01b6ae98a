//! Why an agent cannot begin, or cannot ask.

use std::io;

/// Why an agent cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("--ca {0}: holds no certificate in PEM")]
    Ca(String),
    /// Of an argument.
    #[error("{0} {1}: {2}")]
    File(&'static str, String, io::Error),
    #[error("--token-file {0}: {1}")]
    Token(String, &'static str),
    #[error("--client-certificate {0}: holds no certificate in PEM that fits to --client-key")]
    ClientCertificate(String),
    #[error("--client-key {0}: holds no private key in PEM")]
    ClientKey(String),
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// Why a gateway gave nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum GatewayError {
    #[error(transparent)]
    Setup(#[from] AgentError),
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it answered {0}{1}")]
    Status(u16, String),
    #[error("its answer is too long")]
    TooLong,
    #[error("its answer is of a type that is not known: {0}")]
    Type(String),
}

/// Why the runtime's CRI gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CriError {
    #[error("{0}")]
    Socket(#[from] io::Error),
    #[error("{0}")]
    Http(#[from] h2::Error),
    #[error("it is no gRPC: {0}")]
    Strange(&'static str),
    /// What the runtime said.
    #[error("{message}")]
    Refused { code: u32, message: String },
    #[error("no answer in time")]
    TimedOut,
}

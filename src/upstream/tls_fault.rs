//! What is wrong with the TLS of an upstream, in our own words: the library's may hold the
//! upstream's, from its certificate for one.

use rustls::{CertificateError as Wrong, Error, InvalidMessage};

/// Why no TLS came about with an upstream. None of them passes without anybody's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    #[error("TLS fails: it answers in plain text")]
    PlainAnswer,
    #[error("TLS fails: its certificate is for another name")]
    OtherName,
    #[error("TLS fails: its certificate expired")]
    Expired,
    #[error("TLS fails: its certificate does not hold yet; is the clock right?")]
    NotYetValid,
    #[error("TLS fails: no authority that is trusted signed its certificate")]
    UnknownAuthority,
    #[error("TLS fails: its certificate cannot be trusted")]
    Untrusted,
    #[error("TLS fails; does it speak TLS 1.2 or newer?")]
    NoCommonGround,
}

impl TlsFault {
    pub(super) fn of(error: &Error) -> Self {
        let wrong = match error {
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => return Self::PlainAnswer,
            Error::InvalidCertificate(wrong) => wrong,
            _ => return Self::NoCommonGround,
        };
        match wrong {
            Wrong::Expired | Wrong::ExpiredContext { .. } => Self::Expired,
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => Self::NotYetValid,
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => Self::OtherName,
            Wrong::UnknownIssuer => Self::UnknownAuthority,
            _ => Self::Untrusted,
        }
    }

    /// Who has to do what: `ca` mends only what an authority can.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::PlainAnswer => {
                "the operator has to write http:// in url, if it is to be spoken to without TLS"
            }
            Self::OtherName => "the operator has to name it in url as its certificate does",
            Self::Expired | Self::NotYetValid => {
                "the registry needs a certificate that holds now, or a clock is wrong"
            }
            Self::UnknownAuthority | Self::Untrusted => {
                "the operator has to mend ca, or the registry"
            }
            Self::NoCommonGround => "the registry has to speak TLS 1.2 or newer",
        }
    }
}

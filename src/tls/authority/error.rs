//! What can be wrong with an authority.

/// Why there is no authority. Nothing is ever made anew in place of what cannot
/// be read, since every client would have to learn the new one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    #[error("{0} is missing, and others are there; {RESTORE_HINT}")]
    Missing(&'static str),
    #[error("{0:?} is no file of an authority; move it elsewhere")]
    Unknown(String),
    #[error("{0} holds no usable PEM certificate; {RESTORE_HINT}")]
    Certificate(&'static str),
    #[error("{0} holds {1} certificates instead of one; {RESTORE_HINT}")]
    Several(&'static str, usize),
    #[error("{0} holds no usable PEM private key; {RESTORE_HINT}")]
    Key(&'static str),
    #[error("the key in {key} does not belong to the certificate in {certificate}; {RESTORE_HINT}")]
    Pair {
        certificate: &'static str,
        key: &'static str,
    },
    #[error("{0} holds a certificate that is no CA; {RESTORE_HINT}")]
    NoAuthority(&'static str),
    #[error("ca-next.crt is not in ca.crt; {RESTORE_HINT}")]
    NextOutside,
    #[error("tls.crt was signed by no CA in ca.crt; {RESTORE_HINT}")]
    Unsigned,
    #[error("{0:?} is neither an IP address nor a DNS name, so no certificate can bear it")]
    Name(String),
    #[error("a certificate cannot be made: {0}")]
    Issue(#[from] rcgen::Error),
}

const RESTORE_HINT: &str =
    "restore all its files from one backup, or remove all of them to begin a new authority";

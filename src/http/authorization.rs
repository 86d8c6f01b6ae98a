//! The `Authorization` header: `Bearer` (RFC 6750) and `Basic` (RFC 7617).
//!
//! Parsing only; secrets are checked elsewhere.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;

/// What a client presented.
#[derive(Debug)]
pub enum AuthorizationHeader {
    Bearer(SecretString),
    /// The user's name is what stands before the first colon.
    Basic {
        username: String,
        password: SecretString,
    },
}

/// Why a header is no credential. Never says what the header held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    #[error("the Authorization header is repeated")]
    Repeated,
    #[error("the Authorization scheme is neither Bearer nor Basic")]
    Scheme,
    #[error("the Authorization header is ill-formed")]
    Form,
}

impl AuthorizationHeader {
    /// Reads the header; `None` where there is none.
    ///
    /// # Errors
    /// [`AuthorizationError`] for a header that is not well-formed.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, AuthorizationError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(AuthorizationError::Repeated);
        }
        let text = value.to_str().map_err(|_| AuthorizationError::Form)?;
        Self::parse(text).map(Some)
    }

    fn parse(text: &str) -> Result<Self, AuthorizationError> {
        let (scheme, value) = text.split_once(' ').ok_or(AuthorizationError::Form)?;
        let value = value.trim_matches(' ');
        if scheme.eq_ignore_ascii_case("bearer") {
            bearer(value)
        } else if scheme.eq_ignore_ascii_case("basic") {
            basic(value).ok_or(AuthorizationError::Form)
        } else {
            Err(AuthorizationError::Scheme)
        }
    }
}

fn bearer(token: &str) -> Result<AuthorizationHeader, AuthorizationError> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(AuthorizationError::Form);
    }
    Ok(AuthorizationHeader::Bearer(token.into()))
}

fn basic(encoded: &str) -> Option<AuthorizationHeader> {
    let decoded = String::from_utf8(decode_base64(encoded)?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    Some(AuthorizationHeader::Basic {
        username: username.to_owned(),
        password: password.into(),
    })
}

/// Standard alphabet (RFC 4648 §4), padded in full or not at all, and canonical:
/// the bits that pad the last byte are zero.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let decoded = STANDARD.decode(text);
    decoded.or_else(|_| STANDARD_NO_PAD.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use secrecy::ExposeSecret;

    fn read(value: &str) -> Result<(String, String), AuthorizationError> {
        match AuthorizationHeader::parse(value)? {
            AuthorizationHeader::Bearer(token) => {
                Ok((String::new(), token.expose_secret().to_owned()))
            }
            AuthorizationHeader::Basic { username, password } => {
                Ok((username, password.expose_secret().to_owned()))
            }
        }
    }

    fn pair(username: &str, secret: &str) -> Result<(String, String), AuthorizationError> {
        Ok((username.to_owned(), secret.to_owned()))
    }

    #[test]
    fn reads_both_schemes() {
        assert_eq!(read("Bearer abc.def"), pair("", "abc.def"));
        assert_eq!(read("bearer  x"), pair("", "x"));
        let open_sesame = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        assert_eq!(read(open_sesame), pair("Aladdin", "open sesame"));
        assert_eq!(read("BASIC dTpwOnE="), pair("u", "p:q"));
        assert_eq!(read("Basic dTpwOnE"), pair("u", "p:q"));
        assert_eq!(read("Basic Og=="), pair("", ""));
    }

    #[test]
    fn refuses_what_is_ill_formed() {
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Basic",
            "Basic A",
            "Basic dTpw=",
            "Basic dTpwOnF=",
            "Basic dTpwOnE===",
            "Basic Og=",
            "Basic dTpw OnE=",
            "Basic !!!!",
            "Basic dXA=",
            "Basic /////w==",
        ] {
            assert_eq!(read(bad), Err(AuthorizationError::Form), "{bad:?}");
        }
        assert_eq!(read("Digest x"), Err(AuthorizationError::Scheme));
    }

    #[test]
    fn refuses_a_repeated_header() {
        let mut headers = HeaderMap::new();
        assert!(matches!(
            AuthorizationHeader::from_headers(&headers),
            Ok(None)
        ));
        for token in ["Bearer a", "Bearer b"] {
            headers.append(AUTHORIZATION, HeaderValue::from_static(token));
        }
        let refused = AuthorizationHeader::from_headers(&headers).err();
        assert_eq!(refused, Some(AuthorizationError::Repeated));
    }

    #[test]
    fn hides_the_secret_from_debug() {
        let shown = format!("{:?}", AuthorizationHeader::parse("Bearer hush").unwrap());
        assert!(!shown.contains("hush"));
    }
}

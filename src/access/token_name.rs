//! How a token may be called: what it hands in is kept under that name.

use super::is_reserved_name;

/// The rule, for who chose another name.
pub const TOKEN_NAME_RULE: &str = "a token's name is 1 to 64 of a-z, A-Z, 0-9 and . _ - and neither \"anonymous\" nor \
     \"sekisho\"";

/// Whether a token may be called so: as nobody is who acts without one.
pub fn is_token_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(word) && !is_reserved_name(name)
}

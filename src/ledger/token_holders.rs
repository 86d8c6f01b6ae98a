//! Who holds tokens: known in memory, by hash.

use dashmap::DashMap;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::sql::row;
use super::{LedgerError, columns};
use crate::access::{Principal, Role, Scope};
use crate::memory::HeapSize;

pub(super) const SECRET_PREFIX: &str = "sks_";
/// 256 random bits, written in hexadecimal; no slow hash is needed for those.
pub(super) const SECRET: usize = 32;

/// A token as it is listed; its secret is not known.
#[derive(Clone, Debug)]
pub struct TokenRecord {
    pub name: String,
    pub role: Role,
    pub scope: Scope,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A token whose time is over, as whoever shows it still is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token {name} expired at {end}")]
pub struct ExpiredToken {
    pub name: String,
    pub end: Timestamp,
}

impl TokenRecord {
    /// Whether it holds at `now`.
    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether others can be made with it at `now`.
    pub(super) fn makes_tokens(&self, now: Timestamp) -> bool {
        self.is_good(now) && self.role == Role::Admin && self.scope.is_everything()
    }
}

/// Tokens that are not revoked.
pub(super) const SELECT_VALID_TOKENS: &str = "SELECT name, hash, role, scope, created_at, \
     expires_at, revoked_at FROM tokens WHERE revoked_at IS NULL";

row! {
    pub(super) struct TokenRow {
        pub name: String,
        pub hash: Vec<u8>,
        role: String,
        scope: String,
        created_at: i64,
        expires_at: Option<i64>,
        revoked_at: Option<i64>,
    }
}

impl TokenRow {
    pub fn token(&self) -> Result<TokenRecord, LedgerError> {
        Ok(TokenRecord {
            name: self.name.clone(),
            role: columns::text(&self.role)?,
            scope: columns::body(&self.scope)?,
            created_at: columns::time(self.created_at)?,
            expires_at: columns::time_if(self.expires_at)?,
            revoked_at: columns::time_if(self.revoked_at)?,
        })
    }
}

/// The holders of tokens, by hash.
///
/// Looking a hash up is enough. How long that takes may tell something of the
/// hashes that are held, but a hash is no secret: nobody can choose a token for
/// its SHA-256, and to guess one of 256 random bits is not to be had by timing.
#[derive(Default)]
pub(super) struct TokenHolders {
    by_hash: DashMap<Vec<u8>, TokenHolder>,
}

struct TokenHolder {
    principal: Principal,
    expires_at: Option<Timestamp>,
}

impl TokenHolders {
    /// `row` is what is stored under `name` now.
    pub fn set(&self, name: &str, row: Option<TokenRow>) -> Result<(), LedgerError> {
        let held = row.filter(|row| row.revoked_at.is_none());
        let Some(row) = held else {
            self.by_hash.retain(|_, held| held.principal.name() != name);
            return Ok(());
        };
        let token = row.token()?;
        let holder = TokenHolder {
            principal: Principal::new(&token.name, token.role, token.scope),
            expires_at: token.expires_at,
        };
        self.by_hash.insert(row.hash, holder);
        Ok(())
    }

    pub fn authenticate(&self, plaintext: &str, now: Timestamp) -> Option<Principal> {
        if plaintext.len() != SECRET_PREFIX.len() + 2 * SECRET {
            return None;
        }
        self.holder(&TokenHash::of(plaintext), now)
    }

    /// The token, if its time is over.
    pub fn expired(&self, plaintext: &str, now: Timestamp) -> Option<ExpiredToken> {
        let holder = self.by_hash.get(&hash(plaintext))?;
        let end = holder.expires_at.filter(|end| now >= *end)?;
        let name = holder.principal.name().to_owned();
        Some(ExpiredToken { name, end })
    }

    pub fn holder(&self, token: &TokenHash, now: Timestamp) -> Option<Principal> {
        let holder = self.by_hash.get(&token.0)?;
        let fresh = holder.expires_at.is_none_or(|end| now < end);
        fresh.then(|| holder.principal.clone())
    }
}

/// A token that was shown here, without its secret: by this its holder is found again for as
/// long as the token holds.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash(Vec<u8>);

impl TokenHash {
    pub fn of(plaintext: &str) -> Self {
        Self(hash(plaintext))
    }
}

impl HeapSize for TokenHash {
    fn heap_size(&self) -> usize {
        self.0.capacity()
    }
}

/// SHA-256 of a token, as it is stored.
pub(super) fn hash(plaintext: &str) -> Vec<u8> {
    Sha256::digest(plaintext).to_vec()
}

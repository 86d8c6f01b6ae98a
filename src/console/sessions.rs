//! Who is signed in: in memory, bounded, and never longer than the token holds.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::access::{Principal, SignedIn};
use crate::ledger::{Ledger, TokenHash};
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::random;

/// Who signed in signs in again after this: a working day.
pub(super) const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// What all sessions may take, in bytes: some thousands. Beyond that the one that was
/// used least recently ends.
const MAX_SESSIONS_BYTES: u64 = 1 << 20;
/// Sessions that one token has at a time: beyond that its oldest one ends, so that nobody
/// ends those of others by signing in over and over.
const MAX_SESSIONS_OF_TOKEN: usize = 16;
/// Random bytes of an id.
const ID: usize = 32;

/// Sessions by the hash of their id: the id itself only the browser has.
pub(super) struct Sessions {
    by_hash: BoundedMemory<SessionKey, SessionRecord>,
    /// How many have begun. Held while one begins, so that those of a token are counted
    /// one after the other.
    begun: Mutex<u64>,
}

/// The hash of a session's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct SessionKey([u8; 32]);

/// What is remembered of a session.
#[derive(Clone)]
struct SessionRecord {
    token: TokenHash,
    form_key: FormKey,
    /// The place in the order of all that began.
    number: u64,
}

/// What every form of a session carries, so that no other site can send one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct FormKey([u8; 32]);

/// A session that a request belongs to, as its token stands now.
#[derive(Clone)]
pub(super) struct CurrentSession {
    pub principal: Principal,
    pub form_key: FormKey,
}

/// Who is signed in, held back until the request is known to be a form of this site.
#[derive(Clone)]
pub(super) struct HeldBack(pub SignedIn);

impl Sessions {
    pub fn new() -> Self {
        Self {
            by_hash: BoundedMemory::new(MAX_SESSIONS_BYTES),
            begun: Mutex::new(0),
        }
    }

    /// Begins a session for the holder of a token; its id goes into the cookie.
    pub fn begin(&self, token: TokenHash, now: Timestamp) -> String {
        let id = hex::encode(random::bytes::<ID>());
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        *begun = begun.wrapping_add(1);
        self.make_room_for(&token);
        let record = SessionRecord {
            token,
            form_key: FormKey(random::bytes()),
            number: *begun,
        };
        let validity = Validity::lasting(now, SESSION_LIFE);
        self.by_hash.insert(SessionKey::of(&id), record, validity);
        id
    }

    /// Ends the oldest sessions of a token, as far as it has too many for another one.
    fn make_room_for(&self, token: &TokenHash) {
        let mut own = Vec::new();
        self.by_hash.for_each(|key, record| {
            if record.token == *token {
                own.push((record.number, *key));
            }
        });
        own.sort_unstable_by_key(|(number, _)| *number);
        let too_many = (own.len() + 1).saturating_sub(MAX_SESSIONS_OF_TOKEN);
        for (_, key) in own.iter().take(too_many) {
            self.by_hash.remove(key);
        }
    }

    /// The session with that id. It is over when its token is revoked or expired, and has
    /// the role and scope that the token has now.
    pub fn current(&self, id: &str, ledger: &Ledger, now: Timestamp) -> Option<CurrentSession> {
        let record = self.by_hash.get(&SessionKey::of(id), now)?;
        let principal = ledger.holder(&record.token, now)?;
        let form_key = record.form_key;
        Some(CurrentSession {
            principal,
            form_key,
        })
    }

    pub fn end(&self, id: &str) {
        self.by_hash.remove(&SessionKey::of(id));
    }
}

impl SessionKey {
    fn of(id: &str) -> Self {
        Self(Sha256::digest(id).into())
    }
}

impl FormKey {
    /// Whether a form carries this very key. Takes as long for a wrong one.
    pub fn is(&self, written: &str) -> bool {
        let mut sent = [0; 32];
        let read = hex::decode_to_slice(written, &mut sent).is_ok();
        let differing = self.0.iter().zip(sent).fold(0, |all, (a, b)| all | (a ^ b));
        read & (differing == 0)
    }
}

impl fmt::Display for FormKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl HeapSize for SessionKey {}
impl HeapSize for SessionRecord {
    fn heap_size(&self) -> usize {
        self.token.heap_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_key_is_itself_alone() {
        let key = FormKey([7; 32]);
        assert!(key.is(&key.to_string()));
        let mut other = key.to_string();
        other.replace_range(0..1, "1");
        for wrong in ["", "07", &other, &key.to_string()[2..], "zz"] {
            assert!(!key.is(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_session_is_remembered_for_its_time_and_until_it_ends() {
        let (sessions, now) = (Sessions::new(), Timestamp::UNIX_EPOCH);
        let known = |id: &str, at| sessions.by_hash.get(&SessionKey::of(id), at).is_some();
        let [one, two] = [(), ()].map(|()| sessions.begin(TokenHash::of("token"), now));
        assert_ne!(one, two);
        assert!(known(
            &one,
            now + SESSION_LIFE - SignedDuration::from_secs(1)
        ));
        assert!(!known(&one, now + SESSION_LIFE));
        sessions.end(&two);
        assert!(!known(&two, now) && !known("", now));
    }

    #[test]
    fn sessions_are_bounded() {
        let (sessions, now) = (Sessions::new(), Timestamp::UNIX_EPOCH);
        for number in 0..20_000 {
            sessions.begin(TokenHash::of(&format!("token-{}", number / 8)), now);
        }
        assert!(sessions.by_hash.bytes() <= MAX_SESSIONS_BYTES);
    }

    #[test]
    fn who_signs_in_over_and_over_ends_the_oldest_sessions_of_that_token_alone() {
        let (sessions, now) = (Sessions::new(), Timestamp::UNIX_EPOCH);
        let known = |id: &str| sessions.by_hash.get(&SessionKey::of(id), now).is_some();
        let admin = sessions.begin(TokenHash::of("admin"), now);
        let many: Vec<String> = (0..10_000)
            .map(|_| sessions.begin(TokenHash::of("viewer"), now))
            .collect();
        assert!(known(&admin), "somebody else signed in");
        let (ended, stand) = many.split_at(many.len() - MAX_SESSIONS_OF_TOKEN);
        assert!(stand.iter().all(|id| known(id)), "the newest stand");
        assert!(!ended.iter().any(|id| known(id)), "the oldest end");
    }
}

//! Who is known by other means than a token in the request.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::Principal;

/// Who it is at that time; nobody any more, when what it rests on has ended.
type StillSignedIn = Arc<dyn Fn(Timestamp) -> Option<Principal> + Send + Sync>;

/// Somebody who signed in. A door puts it into a request's extensions, which no client can.
#[derive(Clone)]
pub struct SignedIn {
    pub principal: Principal,
    still: StillSignedIn,
}

impl SignedIn {
    /// `still` is asked again by what outlives the request.
    pub fn new(principal: Principal, still: StillSignedIn) -> Self {
        Self { principal, still }
    }

    /// Who it is at that time; `None` once the session or its token has ended.
    pub fn still(&self, now: Timestamp) -> Option<Principal> {
        (self.still)(now)
    }
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SignedIn").field(&self.principal).finish()
    }
}

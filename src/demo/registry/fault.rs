//! Faults that tests inject into the registry.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;
use tokio::sync::Semaphore;

/// What goes wrong with an answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status and an empty body.
    Status(u16),
    /// 429 with `Retry-After` in seconds.
    RateLimited(u64),
    /// 307 to the same path at another origin, `http://host:port`.
    Redirect(String),
    /// This status with this `Location`.
    RedirectTo(u16, String),
    /// The fault, where HEAD asks.
    OfHead(Box<Fault>),
    /// The connection is cut after so many bytes of the body.
    CutAfter(usize),
    /// The first byte of the body is another.
    WrongBytes,
    /// The body is this.
    Body(String),
    /// The body comes in pieces of so many bytes, with a pause before each.
    Slow(usize, Duration),
    /// The body is compressed, though nobody asked for that.
    Gzip,
    /// `Range` is not looked at.
    IgnoreRange,
    /// This header is set to this value, or made one.
    With(&'static str, String),
    /// This header is left out.
    Without(&'static str),
    /// The answer waits.
    Held(Hold),
}

impl Fault {
    /// What goes wrong with a request of this method.
    fn of(self, method: &Method) -> Option<Self> {
        match self {
            Self::OfHead(fault) => (*method == Method::HEAD).then_some(*fault),
            fault => Some(fault),
        }
    }
}

/// Holds answers until released.
#[derive(Clone, Debug)]
pub struct Hold {
    arrivals: Arc<Semaphore>,
    /// Closed when released.
    gate: Arc<Semaphore>,
}

impl Hold {
    pub(super) fn new() -> Self {
        let none = || Arc::new(Semaphore::new(0));
        Self {
            arrivals: none(),
            gate: none(),
        }
    }

    /// Waits for one request that has not been waited for yet.
    pub async fn arrived(&self) {
        if let Ok(arrival) = self.arrivals.acquire().await {
            arrival.forget();
        }
    }

    /// Lets every request through, now and later.
    pub fn release(&self) {
        self.gate.close();
    }

    pub(super) async fn wait(&self) {
        self.arrivals.add_permits(1);
        // Never given, only closed.
        let _ = self.gate.acquire().await;
    }
}

#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<ActiveFault>>);

struct ActiveFault {
    /// Part of the paths, with their queries, that it hits.
    fragment: String,
    /// Requests that it still hits.
    left: usize,
    fault: Fault,
}

impl Faults {
    pub(super) fn arm(&self, fragment: &str, times: usize, fault: Fault) {
        let fragment = fragment.to_owned();
        self.lock().push(ActiveFault {
            fragment,
            left: times,
            fault,
        });
    }

    /// The faults for the request of `path`, in the order of injection.
    pub(super) fn take(&self, method: &Method, path: &str) -> Vec<Fault> {
        let mut armed = self.lock();
        let hit = armed
            .iter_mut()
            .filter(|armed| path.contains(&armed.fragment));
        let faults = hit
            .map(|armed| {
                armed.left = armed.left.saturating_sub(1);
                armed.fault.clone()
            })
            .filter_map(|fault| fault.of(method))
            .collect();
        armed.retain(|armed| armed.left > 0);
        faults
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ActiveFault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

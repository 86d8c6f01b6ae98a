//! The only place that spawns: one supervised set of tasks.
//!
//! The first task that panics stops all of them, since a gateway that has lost
//! its reader of the ledger or its writer of decisions must not go on as if
//! nothing were missing. Work done for one client is the exception: it fails
//! alone. Nothing outlives [`Tasks::drain`].
//!
//! What would hold up an async worker is [`HeavyWork`]; what people ask for runs on
//! [`SideThreads`].

mod side_threads;

use std::any::Any;
use std::num::NonZero;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use side_threads::{SideHandle, SideThreads};

use crate::clock::Clock;

/// How long tasks have to be dropped: each ends where it next waits.
const ABANDON_TIMEOUT: Duration = Duration::from_secs(2);

/// A set of tasks that start, fail and end together. Cloning shares the set.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    /// Whether the end is near, and everything still runs.
    leaving: Leaving,
    /// Cancelled when shutdown begins: tasks finish what they hold.
    shutdown: CancellationToken,
    /// Cancelled when the deadline of the drain has passed: tasks are dropped.
    abandon: CancellationToken,
    failure: Arc<TaskFailure>,
    clock: Clock,
    rounds: Arc<Rounds>,
    /// Told when repeated tasks are not to wait for their period.
    hurry: Arc<Notify>,
}

/// Whether the end has been announced. Clones tell the same; asking costs one read.
#[derive(Clone, Debug, Default)]
pub struct Leaving(Arc<AtomicBool>);

impl Leaving {
    pub fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Rounds that each repeated task has finished; a name may stand several times.
type Rounds = Mutex<Vec<(&'static str, Arc<AtomicU64>)>>;

/// Name of the first task that failed.
#[derive(Default)]
struct TaskFailure {
    name: OnceLock<&'static str>,
    known: CancellationToken,
}

impl Tasks {
    pub fn new() -> Self {
        Self::default()
    }

    /// A set whose repeated tasks read the time there.
    pub fn with_clock(clock: Clock) -> Self {
        Self {
            clock,
            ..Self::default()
        }
    }

    /// Runs `future` as a member of the set. A panic in it is logged, and
    /// begins the shutdown of all.
    ///
    /// Must be called from within a tokio runtime.
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        let (tasks, future) = (self.clone(), caught(future));
        self.track(async move {
            if let Err(panic) = future.await {
                log_panic(name, panic.as_ref());
                tasks.fail(name);
            }
        });
    }

    /// Runs work for one client, such as a connection: a panic in it is logged
    /// and ends that work alone, or any client could stop the gateway.
    ///
    /// Must be called from within a tokio runtime.
    pub fn spawn_isolated(
        &self,
        name: &'static str,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let future = caught(future);
        self.track(async move {
            if let Err(panic) = future.await {
                log_panic(name, panic.as_ref());
            }
        });
    }

    /// Calls `once(now)` at once and then every `period` until shutdown begins.
    /// A call in progress is finished; a late one delays those after it.
    pub fn every<F, Fut>(&self, name: &'static str, period: Duration, mut once: F)
    where
        F: FnMut(Timestamp) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (shutdown, clock) = (self.shutdown.clone(), self.clock.clone());
        let hurry = self.hurry.clone();
        let rounds = self.count_rounds(name);
        self.spawn(name, async move {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut due = async || {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = hurry.notified() => {}
                }
            };
            while shutdown.run_until_cancelled(due()).await.is_some() {
                once(clock.now()).await;
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Lets every repeated task begin a round now, if it waits for one.
    pub fn hurry(&self) {
        self.hurry.notify_waiters();
    }

    fn count_rounds(&self, name: &'static str) -> Arc<AtomicU64> {
        let count = Arc::new(AtomicU64::new(0));
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.push((name, count.clone()));
        count
    }

    /// How many calls the repeated task of that name has finished; of several, the
    /// slowest counts. 0: there is none.
    pub fn rounds(&self, name: &str) -> u64 {
        let rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        let named = rounds.iter().filter(|(known, _)| *known == name);
        let counts = named.map(|(_, count)| count.load(Ordering::Relaxed));
        counts.min().unwrap_or(0)
    }

    /// Announces the end: everything still runs, so that others can learn of it first.
    pub fn leave(&self) {
        self.leaving.0.store(true, Ordering::Relaxed);
    }

    /// Whether the end has been announced.
    pub fn leaving(&self) -> Leaving {
        self.leaving.clone()
    }

    /// Resolves when shutdown begins.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.shutdown.clone().cancelled_owned()
    }

    /// Resolves to the name of the first task that panicked; never, if none
    /// does.
    pub fn failed(&self) -> impl Future<Output = &'static str> + Send + 'static {
        let failure = self.failure.clone();
        async move {
            failure.known.cancelled().await;
            failure.name.get().copied().unwrap_or("unknown")
        }
    }

    /// Begins shutdown, waits for the tasks, and drops those that are still
    /// running after `deadline`. Tasks spawned meanwhile are waited for too. One that holds its
    /// thread cannot be dropped, and is left behind.
    pub async fn drain(&self, deadline: Duration) {
        self.leave();
        self.shutdown.cancel();
        self.tracker.close();
        if tokio::time::timeout(deadline, self.tracker.wait())
            .await
            .is_err()
        {
            let abandoned = self.tracker.len();
            tracing::warn!(
                tasks.abandoned = abandoned,
                "the deadline of the drain has passed"
            );
            self.abandon.cancel();
            let dropped = tokio::time::timeout(ABANDON_TIMEOUT, self.tracker.wait());
            if dropped.await.is_err() {
                tracing::error!(
                    tasks.left = self.tracker.len(),
                    "tasks hang, and are left behind"
                );
            }
        }
    }

    fn track(&self, future: impl Future<Output = ()> + Send + 'static) {
        let abandon = self.abandon.clone();
        self.tracker.spawn(async move {
            abandon.run_until_cancelled(future).await;
        });
    }

    fn fail(&self, name: &'static str) {
        if self.failure.name.set(name).is_ok() {
            self.failure.known.cancel();
        }
        self.shutdown.cancel();
    }
}

/// The end of `future`, or its panic. Boxed: a block that waits for a future holds it twice, as
/// it was captured and as it runs.
fn caught(
    future: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = Result<(), Box<dyn Any + Send>>> + Send + 'static {
    AssertUnwindSafe(Box::pin(future)).catch_unwind()
}

/// Computation that would hold up an async worker, such as reading a large
/// document: done in the blocking pool, by one thread fewer than there are cores
/// and at least one, so that requests are answered meanwhile. What is more waits
/// for its turn. Clones share the turns.
#[derive(Clone)]
pub struct HeavyWork {
    permits: Arc<Semaphore>,
}

/// The work panicked, or the runtime ended first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work broke off")]
pub struct WorkFailed;

impl HeavyWork {
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_turns((cores - 1).max(1))
    }

    fn with_turns(turns: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(turns)),
        }
    }

    /// Runs `work` when its turn has come; then to its end and within its turn,
    /// even if nobody waits for it any more.
    ///
    /// # Errors
    /// If `work` panics.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkFailed> {
        let turn = self.permits.clone().acquire_owned().await;
        let turn = turn.map_err(|_| WorkFailed)?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| WorkFailed)
    }
}

impl Default for HeavyWork {
    fn default() -> Self {
        Self::new()
    }
}

fn log_panic(name: &'static str, panic: &(dyn Any + Send)) {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    tracing::error!(task.name = name, error = message, "a task panicked");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::sync::{mpsc, oneshot};

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn a_task_holds_what_it_runs_once() {
        let large = [0_u8; 4096];
        let held = caught(async move {
            tokio::task::yield_now().await;
            std::hint::black_box(large);
        });
        assert!(size_of_val(&held) <= size_of::<[usize; 2]>());
    }

    #[tokio::test]
    async fn stops_all_when_one_panics() {
        let tasks = Tasks::new();
        let (stopped, mut ended) = mpsc::channel::<()>(1);
        let waits = tasks.cancelled();
        tasks.spawn("waits", async move {
            waits.await;
            drop(stopped);
        });
        tasks.spawn("panics", async { panic!("on purpose") });
        assert_eq!(tasks.failed().await, "panics");
        assert_eq!(ended.recv().await, None);
        tasks.drain(SOON).await;
    }

    #[tokio::test]
    async fn survives_a_panic_of_isolated_work() {
        let tasks = Tasks::new();
        let (ended, end) = oneshot::channel::<()>();
        tasks.spawn_isolated("panics", async move {
            let _held = ended;
            panic!("on purpose")
        });
        assert!(end.await.is_err());
        assert!(tasks.failed().now_or_never().is_none());
        assert!(tasks.cancelled().now_or_never().is_none());
    }

    #[tokio::test]
    async fn drops_what_outlives_the_deadline() {
        let tasks = Tasks::new();
        let (held, dropped) = oneshot::channel::<()>();
        tasks.spawn("stubborn", async move {
            let _held = held;
            pending::<()>().await;
        });
        tasks.drain(Duration::from_millis(1)).await;
        assert!(dropped.await.is_err());
    }

    /// As where a call of the system does not return.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn leaves_behind_what_holds_its_thread() {
        let tasks = Tasks::new();
        let (go, held) = std::sync::mpsc::channel::<()>();
        let (begun, begins) = oneshot::channel();
        tasks.spawn("hangs", async move {
            begun.send(()).unwrap();
            let _ = held.recv();
        });
        begins.await.unwrap();
        let drained = tasks.drain(Duration::from_millis(1));
        tokio::time::timeout(SOON, drained).await.unwrap();
        drop(go);
    }

    #[tokio::test]
    async fn heavy_work_waits_for_its_turn_and_nothing_else_does() {
        let heavy = HeavyWork::with_turns(1);
        let (go, held) = std::sync::mpsc::channel();
        let mut first = Box::pin(heavy.run(move || held.recv()));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(heavy.run(|| 2));
        assert!((&mut second).now_or_never().is_none());
        // Its turn is not over when nobody waits for it.
        drop(first);
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(heavy.permits.available_permits(), 0);
        go.send(()).unwrap();
        assert_eq!(second.await, Ok(2));
    }

    #[tokio::test]
    async fn heavy_work_that_panics_gives_its_turn_back() {
        let heavy = HeavyWork::with_turns(1);
        assert_eq!(
            heavy.run(|| panic!("on purpose")).await,
            Err::<(), _>(WorkFailed)
        );
        assert_eq!(heavy.run(|| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn repeats_at_once_when_told_to_hurry() {
        let tasks = Tasks::new();
        let (calls, mut called) = mpsc::channel(8);
        tasks.every("rare", Duration::from_secs(3600), move |now| {
            let calls = calls.clone();
            async move { calls.send(now).await.unwrap() }
        });
        assert!(called.recv().await.is_some());
        while tasks.rounds("rare") == 0 {
            tokio::task::yield_now().await;
        }
        tasks.hurry();
        assert!(called.recv().await.is_some());
        tasks.drain(SOON).await;
    }

    #[tokio::test]
    async fn repeats_until_shutdown() {
        let tasks = Tasks::new();
        let (calls, mut called) = mpsc::channel(8);
        tasks.every("repeats", Duration::from_millis(1), move |now| {
            let calls = calls.clone();
            async move { calls.send(now).await.unwrap() }
        });
        assert!(called.recv().await.is_some() && called.recv().await.is_some());
        assert!(tasks.rounds("repeats") >= 1);
        assert_eq!(tasks.rounds("another"), 0);
        tasks.drain(SOON).await;
        while called.recv().await.is_some() {}
    }
}

//! Threads beside those that answer pulls.

use std::io;
use std::num::NonZero;
use std::panic::resume_unwind;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, Span};

/// However many cores there are: people and pipelines ask for little beside nodes.
const MOST_THREADS: usize = 4;

/// A few async threads of their own, for what people and pipelines ask: a page with
/// thousands of rows is computed there, and no pull waits in the queue of that thread. What
/// is begun there ends with this value.
pub struct SideThreads {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    handle: SideHandle,
}

/// A way to the threads. Clones lead to the same.
#[derive(Clone)]
pub struct SideHandle(Handle);

impl SideThreads {
    /// One thread for every two cores, and at least one.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let runtime = Builder::new_multi_thread()
            .worker_threads((cores / 2).clamp(1, MOST_THREADS))
            .thread_name("sekisho-side")
            .enable_all()
            .build()?;
        Ok(Self {
            handle: SideHandle(runtime.handle().clone()),
            runtime: Some(runtime),
        })
    }

    pub fn handle(&self) -> SideHandle {
        self.handle.clone()
    }
}

impl Drop for SideThreads {
    fn drop(&mut self) {
        // Dropped where a thread of another runtime may not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl SideHandle {
    /// Runs `future` there; it is dropped when this is. A panic in it goes on here.
    pub async fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let running = self.0.spawn(future.instrument(Span::current()));
        match AbortOnDropHandle::new(running).await {
            Ok(output) => output,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The threads ended, and with them whatever would wait.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::thread::current;

    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_runs_on_other_threads_and_its_panic_comes_back() {
        let side = SideThreads::start().unwrap();
        let ran = side.handle().run(async { current().id() }).await;
        assert_ne!(ran, current().id());
        let handle = side.handle();
        let panics = AssertUnwindSafe(handle.run(async { panic!("on purpose") }));
        let panicked = panics.catch_unwind().await;
        assert!(panicked.is_err());
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_dropped() {
        let side = SideThreads::start().unwrap();
        let (held, dropped) = oneshot::channel::<()>();
        let (begun, begins) = oneshot::channel::<()>();
        let handle = side.handle();
        let mut waiting = Box::pin(handle.run(async move {
            let _held = held;
            let _ = begun.send(());
            std::future::pending::<()>().await;
        }));
        assert!((&mut waiting).now_or_never().is_none());
        begins.await.unwrap();
        drop(waiting);
        assert!(dropped.await.is_err());
    }
}

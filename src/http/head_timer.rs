//! The timer of one connection's heads: one alarm that is moved, not one set and taken
//! back for each request.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::time::Instant as TokioInstant;

/// Serves one connection, which waits for one head at a time.
#[derive(Default)]
pub(super) struct HeadTimer(Arc<Alarm>);

/// Set at the first wait, and then put off by each further one. One that goes off while
/// nothing waits wakes the connection once, for nothing.
#[derive(Default)]
struct Alarm(Mutex<Option<Pin<Box<tokio::time::Sleep>>>>);

/// A wait for the alarm, until a moment of its own.
struct HeadWait {
    alarm: Arc<Alarm>,
    deadline: TokioInstant,
}

impl Alarm {
    fn lock(&self) -> MutexGuard<'_, Option<Pin<Box<tokio::time::Sleep>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HeadWait {
            alarm: self.0.clone(),
            deadline: deadline.into(),
        })
    }

    fn now(&self) -> Instant {
        TokioInstant::now().into()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        *sleep = self.sleep_until(deadline);
    }
}

impl Future for HeadWait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.lock();
        let set = || Box::pin(tokio::time::sleep_until(self.deadline));
        let alarm = alarm.get_or_insert_with(set);
        if alarm.deadline() != self.deadline {
            alarm.as_mut().reset(self.deadline);
        }
        ready!(alarm.as_mut().poll(context));
        Poll::Ready(())
    }
}

impl Sleep for HeadWait {}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(5);
    const NEVER: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn each_wait_ends_at_its_own_time_and_none_at_one_that_was_put_off() {
        let timer = HeadTimer::default();
        timer.sleep(SOON).await;
        let mut put_off = timer.sleep(SOON);
        assert!(futures_util::poll!(&mut put_off).is_pending());
        timer.reset(&mut put_off, timer.now() + NEVER);
        assert!(futures_util::poll!(&mut put_off).is_pending());
        tokio::time::sleep(4 * SOON).await;
        assert!(futures_util::poll!(&mut put_off).is_pending());
        drop(put_off);
        timer.sleep(SOON).await;
    }

    #[tokio::test]
    async fn a_further_head_costs_no_further_alarm() {
        let timer = HeadTimer::default();
        let mut first = timer.sleep(NEVER);
        assert!(futures_util::poll!(&mut first).is_pending());
        drop(first);
        let mut context = Context::from_waker(futures_util::task::noop_waker_ref());
        let counted = allocation_counter::measure(|| {
            let mut next = timer.sleep(NEVER);
            assert!(next.as_mut().poll(&mut context).is_pending());
        });
        assert_eq!(counted.count_total, 1, "{counted:?}");
        assert!(counted.bytes_total <= 64, "{counted:?}");
    }
}

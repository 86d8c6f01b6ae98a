//! Parts that several tests use, one after the other or at once.

use std::sync::{OnceLock, mpsc};
use std::thread;

use crate::lab::Missing;

/// What `start` made for the first who asked; the others wait for it.
///
/// A part dies with the thread that started it ([`crate::lab::Part`]), and a test's
/// thread ends with its test. So this one starts on a thread that never ends.
pub fn shared<T: Send + Sync + 'static>(
    place: &'static OnceLock<Result<T, Missing>>,
    start: fn() -> Result<T, Missing>,
) -> Result<&'static T, Missing> {
    let kept = place.get_or_init(|| {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            sender.send(start()).unwrap();
            loop {
                thread::park();
            }
        });
        receiver
            .recv()
            .unwrap_or_else(|_| panic!("what is shared did not start"))
    });
    kept.as_ref().map_err(Clone::clone)
}

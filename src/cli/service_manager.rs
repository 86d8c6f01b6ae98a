//! What a service manager is told that started the program and waits for its word:
//! systemd, with `Type=notify`. Without one nothing is told.

use sd_notify::NotifyState;

/// Everything is open and bound: what waits for the program may start.
pub(super) fn tell_ready() {
    tell(NotifyState::Ready);
}

/// It accepts nothing more, and ends when what began has ended.
pub(super) fn tell_stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

//! When to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at SIGTERM or SIGINT. Where signals cannot be had, never.
pub async fn stop_signal() {
    let terminate = one(SignalKind::terminate());
    let interrupt = one(SignalKind::interrupt());
    tokio::select! {
        () = terminate => {}
        () = interrupt => {}
    }
}

async fn one(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(error) => {
            tracing::error!(%error, "signals cannot be heard");
            std::future::pending::<()>().await;
        }
    }
}

//! Word from PostgreSQL that something was written. It only makes following sooner: what
//! is missed, the next look finds.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::sql::PostgresServer;

/// Where each write tells of itself; see `WriteTransaction::note`.
pub(super) const CHANNEL: &str = "sekisho_changes";
/// Connecting, and saying that one listens, at each address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// One connection that listens, while there is one.
pub(super) struct ChangeListener {
    server: Arc<PostgresServer>,
    listening: Mutex<Option<PgListener>>,
}

impl ChangeListener {
    pub fn new(server: Arc<PostgresServer>) -> Self {
        Self {
            server,
            listening: Mutex::default(),
        }
    }

    /// Whether somebody wrote within `wait`. Without a connection it waits, too.
    pub async fn told_within(&self, wait: Duration) -> bool {
        let mut listening = self.listening.lock().await;
        if listening.is_none() {
            *listening = self.listen().await;
        }
        let Some(listener) = listening.as_mut() else {
            drop(listening);
            sleep(wait).await;
            return false;
        };
        match timeout(wait, listener.try_recv()).await {
            Err(_) => false,
            Ok(Ok(Some(_))) => {
                while listener.next_buffered().is_some() {}
                true
            }
            // The connection is gone, and something may have been missed.
            Ok(_) => {
                *listening = None;
                true
            }
        }
    }

    /// At the first address where one can: a standby takes no listeners.
    async fn listen(&self) -> Option<PgListener> {
        for address in self.server.listening().await.ok()? {
            let listened = timeout(CONNECT_TIMEOUT, listen_at(address)).await;
            if let Ok(Ok(listener)) = listened {
                return Some(listener);
            }
        }
        None
    }
}

async fn listen_at(address: PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(address);
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

//! Connections to PostgreSQL, few and bounded.
//!
//! Not sqlx's pool: that tries a server which refuses connections again and again until
//! its deadline, and then says only that time ran out. Here who asks is told at once what
//! is wrong, and what was open before a server fell is not tried one by one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::faults::{is_lost, no_answer};
use super::postgres_server::{PostgresServer, SessionUse};

/// How long anyone waits for a connection that others use.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that was used so recently is taken to be there still.
const PING_AFTER: Duration = Duration::from_millis(50);
/// An answer to "are you there".
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// The first row, the next one, or the end of a statement: longer than the server takes
/// before it breaks off a write (see `SessionUse`).
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Older ones are replaced, so that a server which changed its part is left.
const MAX_AGE: Duration = Duration::from_mins(5);

/// Connections for one use.
pub struct PostgresPool {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
}

struct Shared {
    server: Arc<PostgresServer>,
    usage: SessionUse,
    idle: Mutex<Vec<OpenSession>>,
}

struct OpenSession {
    connection: PgConnection,
    /// How often the server had been lost when it was opened.
    losses: u64,
    opened: Instant,
    used: Instant,
}

impl PostgresPool {
    pub fn new(server: Arc<PostgresServer>, usage: SessionUse, limit: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                server,
                usage,
                idle: Mutex::default(),
            }),
            room: Arc::new(Semaphore::new(limit)),
        }
    }

    /// A connection of one's own, until it is dropped.
    pub async fn acquire(&self) -> Result<PostgresConnection, sqlx::Error> {
        let room = timeout(ACQUIRE_TIMEOUT, self.room.clone().acquire_owned()).await;
        let room = room.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let room = room.map_err(|_| sqlx::Error::PoolClosed)?;
        let session = match self.shared.idle_session().await {
            Some(session) => session,
            None => self.shared.open().await?,
        };
        Ok(PostgresConnection {
            session: Some(session),
            answered: true,
            within: false,
            patience: ANSWER_TIMEOUT,
            shared: self.shared.clone(),
            _room: room,
        })
    }

    /// Ends what is open; nobody is given a connection any more.
    pub async fn close(&self) {
        self.room.close();
        let idle = std::mem::take(&mut *self.shared.idle());
        for session in idle {
            // It ends either way.
            let _ = timeout(PING_TIMEOUT, session.connection.close()).await;
        }
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<OpenSession>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self) -> Result<OpenSession, sqlx::Error> {
        let losses = self.server.losses();
        let connection = self.server.connect(self.usage).await?;
        let now = Instant::now();
        Ok(OpenSession {
            connection,
            losses,
            opened: now,
            used: now,
        })
    }

    /// The one that was used last, if it still answers.
    async fn idle_session(&self) -> Option<OpenSession> {
        let mut session = self.idle().pop()?;
        if !self.is_usable(&session) {
            self.idle().clear();
            return None;
        }
        if session.used.elapsed() < PING_AFTER {
            return Some(session);
        }
        match timeout(PING_TIMEOUT, session.connection.ping()).await {
            Ok(Ok(())) => Some(session),
            _ => {
                self.lose();
                None
            }
        }
    }

    fn is_usable(&self, session: &OpenSession) -> bool {
        session.losses == self.server.losses() && session.opened.elapsed() < MAX_AGE
    }

    /// What is open is not used again.
    fn lose(&self) {
        self.server.lose();
        self.idle().clear();
    }
}

/// One connection. It goes back when its last statement was answered whole; else, and
/// after a failure, nobody is given it again.
pub struct PostgresConnection {
    session: Option<OpenSession>,
    answered: bool,
    /// A transaction of its own is open.
    within: bool,
    /// How long an answer is waited for here; the server's own limits are shorter.
    pub patience: Duration,
    shared: Arc<Shared>,
    _room: OwnedSemaphorePermit,
}

impl PostgresConnection {
    /// For one statement: the connection, and where it is noted that all was answered.
    pub fn begin(&mut self) -> Result<(&mut PgConnection, Answer<'_>), sqlx::Error> {
        if !self.answered {
            return Err(no_answer("an earlier statement on this connection failed"));
        }
        self.answered = false;
        let session = self.session.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        let answer = Answer {
            answered: &mut self.answered,
            shared: &self.shared,
        };
        Ok((&mut session.connection, answer))
    }

    /// Nobody is given it again before the transaction is left.
    pub fn enter_transaction(&mut self) {
        self.within = true;
    }

    pub fn leave_transaction(&mut self) {
        self.within = false;
    }

    /// Nobody is given it again.
    pub fn close_on_drop(&mut self) {
        self.session = None;
    }
}

impl Drop for PostgresConnection {
    fn drop(&mut self) {
        let Some(mut session) = self.session.take() else {
            return;
        };
        if self.answered && !self.within && self.shared.is_usable(&session) {
            session.used = Instant::now();
            self.shared.idle().push(session);
        }
    }
}

/// How a statement went.
pub struct Answer<'a> {
    answered: &'a mut bool,
    shared: &'a Shared,
}

impl Answer<'_> {
    pub fn whole(&mut self) {
        *self.answered = true;
    }

    pub fn failed(&self, error: sqlx::Error) -> sqlx::Error {
        if is_lost(&error) {
            self.shared.lose();
        }
        error
    }
}

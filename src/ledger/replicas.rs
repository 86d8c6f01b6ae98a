//! The processes that serve this ledger, as each tells of itself every few seconds.

use jiff::{SignedDuration, Timestamp};

use super::sql::query;
use super::{Ledger, LedgerError, LedgerLocation, columns};

/// One that has not told of itself for so long is forgotten.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A process that serves, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Of the process: a new one has another.
    pub id: String,
    /// Of its machine, or of its Pod.
    pub name: String,
    pub version: String,
    /// By its own clock.
    pub started: Timestamp,
    /// How long ago it last told of itself, by the ledger's clock.
    pub age: SignedDuration,
    /// The newest change in its memory.
    pub change: u64,
}

type Row = (String, String, String, i64, i64, i64);

impl Ledger {
    /// Whether other processes can serve the same records. Never where they are a file of
    /// this machine, which is locked.
    pub fn is_shared(&self) -> bool {
        matches!(self.config.location, LedgerLocation::Server(_))
    }

    /// In microseconds, the time that all who serve these records agree on: the server's.
    /// Of a file, `now`.
    pub(super) async fn agreed_time(&self, now: Timestamp) -> Result<i64, LedgerError> {
        let clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        match self.is_shared() {
            true => Ok(query(clock).value(&self.writer).await?),
            false => Ok(now.as_microsecond()),
        }
    }

    /// Tells of a replica, whose `age` is none.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written.
    pub async fn tell_replica(&self, replica: &Replica, now: Timestamp) -> Result<(), LedgerError> {
        let tell = "INSERT INTO replicas (id, name, version, started, seen, change) \
                    VALUES (?, ?, ?, ?, ?, ?) \
                    ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, change = excluded.change";
        let now = self.agreed_time(now).await?;
        query(tell)
            .bind(&replica.id)
            .bind(&replica.name)
            .bind(&replica.version)
            .bind(replica.started.as_microsecond())
            .bind(now)
            .bind(replica.change.cast_signed())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// All that told of themselves within a day, the longest running first.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be read.
    pub async fn replicas(&self, now: Timestamp) -> Result<Vec<Replica>, LedgerError> {
        let read = "SELECT id, name, version, started, CAST(? AS BIGINT) - seen, change FROM replicas \
                    ORDER BY started, id";
        let now = self.agreed_time(now).await?;
        let rows: Vec<Row> = query(read).bind(now).all(&self.readers).await?;
        let read = rows.into_iter().map(replica);
        let known: Vec<Replica> = read.collect::<Result<_, _>>()?;
        let is_known = |it: &Replica| it.age < FORGOTTEN_AFTER;
        Ok(known.into_iter().filter(is_known).collect())
    }

    /// Forgets a replica that ends, and those that ended long ago without a word.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written.
    pub async fn forget_replica(&self, id: &str, now: Timestamp) -> Result<(), LedgerError> {
        let now = self.agreed_time(now).await?;
        let long_ago = now.saturating_sub(FORGOTTEN_AFTER.as_secs() * 1_000_000);
        let forget = query("DELETE FROM replicas WHERE id = ? OR seen < ?");
        let forget = forget.bind(id).bind(long_ago);
        forget.execute(&self.writer).await?;
        Ok(())
    }
}

fn replica((id, name, version, started, age, change): Row) -> Result<Replica, LedgerError> {
    Ok(Replica {
        id,
        name,
        version,
        started: columns::time(started)?,
        age: SignedDuration::from_micros(age.max(0)),
        change: columns::unsigned(change)?,
    })
}

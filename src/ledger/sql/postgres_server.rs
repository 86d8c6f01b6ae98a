//! How a PostgreSQL server is reached.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::time::timeout;

use super::faults::no_answer;
use crate::ledger::postgres_url::{PostgresUrl, ServerAddress, ServerTls};
use crate::ledger::{LedgerError, PostgresOptions};

/// Connecting, TLS and the password among it, at each address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What is acknowledged is on the server's disk, whatever its settings say; what they ask
/// of standbys stays.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// What a connection is for, and how long the server may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionUse {
    /// Fifteen seconds at most, after ten of waiting for others.
    Write,
    /// Lists may be long: five minutes.
    Read,
    /// An hour, after ten minutes of waiting for another who does the same.
    Migrate,
}

impl SessionUse {
    /// Set at the server for the whole session. Who falls silent within a transaction
    /// holds up all writers, so that ends after ten seconds.
    fn settings(self) -> [(&'static str, &'static str); 4] {
        let (statement, lock) = match self {
            Self::Write => ("15s", "10s"),
            Self::Read => ("300s", "10s"),
            Self::Migrate => ("3600s", "600s"),
        };
        [
            ("statement_timeout", statement),
            ("lock_timeout", lock),
            ("idle_in_transaction_session_timeout", "10s"),
            ("client_encoding", "UTF8"),
        ]
    }
}

/// A server, or several of which one is the primary.
#[derive(Debug)]
pub struct PostgresServer {
    options: PostgresOptions,
    /// Raised when a connection was lost: none that was opened before is used again.
    losses: AtomicU64,
}

impl PostgresServer {
    pub fn new(options: PostgresOptions) -> Self {
        Self {
            options,
            losses: AtomicU64::new(0),
        }
    }

    /// How often it was lost.
    pub fn losses(&self) -> u64 {
        self.losses.load(Ordering::Acquire)
    }

    pub fn lose(&self) {
        self.losses.fetch_add(1, Ordering::AcqRel);
    }

    /// Connects to the first address that leads to a primary; where there is none, to the
    /// first that answers. The files of the password and the certificates are read anew.
    pub async fn connect(&self, usage: SessionUse) -> Result<PgConnection, sqlx::Error> {
        let password = self.password().await?;
        let addresses = &self.options.url.addresses;
        let mut standby = None;
        let mut failed = None;
        for address in addresses {
            let options = self.session(address, password.as_ref(), usage);
            match open(&options, usage, addresses.len() > 1).await {
                Ok((connection, true)) => return Ok(connection),
                Ok((connection, false)) => standby = standby.or(Some(connection)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let nothing = || failed.unwrap_or(no_answer("it has no address"));
        standby.ok_or_else(nothing)
    }

    /// Options of a connection outside of the pools, for each address.
    pub async fn listening(&self) -> Result<Vec<PgConnectOptions>, sqlx::Error> {
        let password = self.password().await?;
        let at = |address| self.session(address, password.as_ref(), SessionUse::Read);
        Ok(self.options.url.addresses.iter().map(at).collect())
    }

    fn session(
        &self,
        address: &ServerAddress,
        password: Option<&SecretString>,
        usage: SessionUse,
    ) -> PgConnectOptions {
        let PostgresUrl {
            user,
            database,
            tls,
            ..
        } = &self.options.url;
        let mut options = PgConnectOptions::new_without_pgpass()
            .username(user)
            .password(password.map_or("", |it| it.expose_secret()))
            .database(database)
            .application_name("sekisho")
            .ssl_mode(ssl_mode(*tls))
            .options(usage.settings());
        options = match address {
            ServerAddress::Network { host, port } => options.host(host).port(*port),
            ServerAddress::Socket { folder, port } => options.socket(folder).port(*port),
        };
        if let Some(ca) = &self.options.ca {
            options = options.ssl_root_cert(ca);
        }
        if let Some((certificate, key)) = &self.options.client_certificate {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        options.disable_statement_logging()
    }

    async fn password(&self) -> Result<Option<SecretString>, sqlx::Error> {
        let Some(file) = &self.options.password_file else {
            return Ok(None);
        };
        let read = tokio::fs::read_to_string(file).await;
        let read = read.map_err(|error| {
            let why = LedgerError::file(file)(error).to_string();
            sqlx::Error::Configuration(why.into())
        })?;
        let line = read.strip_suffix('\n').unwrap_or(&read);
        Ok(Some(SecretString::from(line.to_owned())))
    }
}

/// A connection, and whether it leads to a primary; that is asked only where there is a
/// choice.
async fn open(
    options: &PgConnectOptions,
    usage: SessionUse,
    choice: bool,
) -> Result<(PgConnection, bool), sqlx::Error> {
    let connecting = async {
        let mut connection = PgConnection::connect_with(options).await?;
        if usage == SessionUse::Write {
            sqlx::query(DURABLE).execute(&mut connection).await?;
        }
        let standby = match choice {
            false => false,
            true => {
                let asked = sqlx::query_scalar("SELECT pg_is_in_recovery()");
                asked.fetch_one(&mut connection).await?
            }
        };
        Ok((connection, !standby))
    };
    let connected = timeout(CONNECT_TIMEOUT, connecting).await;
    connected.unwrap_or_else(|_| Err(no_answer("no connection within 3 s")))
}

fn ssl_mode(tls: ServerTls) -> PgSslMode {
    match tls {
        ServerTls::Off => PgSslMode::Disable,
        ServerTls::Authority => PgSslMode::VerifyCa,
        ServerTls::Host => PgSslMode::VerifyFull,
    }
}

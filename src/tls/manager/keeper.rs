//! Keeps the authority in order, and what is shown and told of it up to date.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokio::sync::watch;

use super::KeepError;
use super::store::Store;
use super::stored::Stored;
use crate::tls::authority::{Authority, Names, Terms};
use crate::tls::listener::{ReloadingCertificates, TlsFiles};

/// Tries before a race with other writers is given up.
const TRIES: usize = 5;

/// The authority in use.
pub struct Keeper {
    store: Store,
    names: Names,
    terms: Terms,
    certificates: Arc<ReloadingCertificates>,
    bundle: watch::Sender<Arc<str>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What went wrong at the last look.
    problem: Option<String>,
    /// When another CA begins to sign.
    changes_at: Option<Timestamp>,
}

/// What is stored now, brought up to date.
struct Found {
    authority: Authority,
    /// Why it could not be brought up to date.
    problem: Option<KeepError>,
}

impl Keeper {
    /// Reads the authority, or begins one where there is none; `names` are those of
    /// the certificate. Where a Secret cannot be reached, its copy must do.
    pub async fn open(
        store: Store,
        names: Names,
        terms: Terms,
        now: Timestamp,
    ) -> Result<Self, KeepError> {
        let found = match find(&store, &names, &terms, now).await {
            Err(error @ KeepError::Secret { .. }) => recall(&store, error).await?,
            found => found?,
        };
        let authority = &found.authority;
        let keeper = Self {
            certificates: Arc::new(ReloadingCertificates::new(&shown(authority))?),
            bundle: watch::Sender::new(authority.bundle().into()),
            state: Mutex::default(),
            store,
            names,
            terms,
        };
        keeper.note(found.problem, authority.changes_at(&keeper.terms, now));
        Ok(keeper)
    }

    /// Looks at what is stored, takes the steps that are due, and shows the result.
    /// What cannot be read or written changes nothing, and is told once.
    pub async fn once(&self, now: Timestamp) {
        match find(&self.store, &self.names, &self.terms, now).await {
            Ok(found) => {
                let shown = self.show(&found.authority);
                let problem = found.problem.or(shown.err());
                self.note(problem, found.authority.changes_at(&self.terms, now));
            }
            Err(error) => {
                let changes_at = self.state().changes_at;
                self.note(Some(error), changes_at);
            }
        }
    }

    /// What listeners with `tls = "auto"` show; it changes by itself.
    pub fn certificates(&self) -> Arc<ReloadingCertificates> {
        self.certificates.clone()
    }

    /// Whom clients must trust, as PEM, now and whenever it changes.
    pub fn bundle(&self) -> watch::Receiver<Arc<str>> {
        self.bundle.subscribe()
    }

    /// The names of the certificate.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Why the authority is not in order, if it is not.
    pub fn problem(&self) -> Option<String> {
        self.state().problem.clone()
    }

    /// When another CA begins to sign: until then, everybody must have the bundle.
    pub fn changes_at(&self) -> Option<Timestamp> {
        self.state().changes_at
    }

    fn show(&self, authority: &Authority) -> Result<(), KeepError> {
        // The bundle goes first: whoever reads it must know the CA by then.
        let bundle = authority.bundle();
        self.bundle.send_if_modified(|held| {
            let differs = **held != *bundle;
            if differs {
                *held = bundle.into();
            }
            differs
        });
        if self.certificates.reload_once(&shown(authority))? {
            tracing::info!(names = %authority.names(), expires = %authority.not_after(), "own certificate renewed");
        }
        Ok(())
    }

    fn note(&self, problem: Option<KeepError>, changes_at: Option<Timestamp>) {
        let problem = problem.map(|error| error.to_string());
        let mut state = self.state();
        if let Some(error) = problem
            .as_ref()
            .filter(|it| state.problem.as_ref() != Some(it))
        {
            tracing::error!(
                error,
                "the certificate authority is not in order; the last good one holds"
            );
        }
        if let Some(at) = changes_at.filter(|_| state.changes_at.is_none()) {
            tracing::warn!(%at, "another CA signs from then on; give its bundle to nodes and clients before");
        }
        *state = State {
            problem,
            changes_at,
        };
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown(authority: &Authority) -> TlsFiles {
    TlsFiles {
        certificate: authority.certificate().into_bytes(),
        key: authority.key().expose_secret().as_bytes().to_vec().into(),
        client_ca: None,
    }
}

/// Reads, takes the steps that are due, and writes; whoever loses a race reads
/// again. An authority that is there and cannot be written is still used.
async fn find(
    store: &Store,
    names: &Names,
    terms: &Terms,
    now: Timestamp,
) -> Result<Found, KeepError> {
    for _ in 0..TRIES {
        let stored = store.read().await?;
        let held = read(store, stored.as_ref())?;
        let next = match &held {
            Some(held) => held.rotated(names, terms, now),
            None => Authority::create(names, terms, now).map(Some),
        };
        let next = next.map_err(|source| of_authority(store, source));
        let version = stored.as_ref().map(|stored| stored.version.as_str());
        let written = match next {
            Ok(None) => Ok(held.clone()),
            Ok(Some(next)) => write(store, next, version).await,
            Err(error) => Err(error),
        };
        let (authority, problem) = match (written, held) {
            (Ok(None), _) => continue,
            (Ok(Some(authority)), _) => (authority, None),
            (Err(error), Some(held)) => (held, Some(error)),
            (Err(error), None) => return Err(error),
        };
        let remembered = store.remember(&authority.to_files()).await;
        let problem = problem.or(remembered.err());
        return Ok(Found { authority, problem });
    }
    Err(KeepError::Contended(store.place()))
}

/// What a silent Secret held last; without that, its `error`.
async fn recall(store: &Store, error: KeepError) -> Result<Found, KeepError> {
    let copy = store.remembered().await.ok().flatten();
    match read(store, copy.as_ref()) {
        Ok(Some(authority)) => Ok(Found {
            authority,
            problem: Some(error),
        }),
        Ok(None) | Err(_) => Err(error),
    }
}

fn read(store: &Store, stored: Option<&Stored>) -> Result<Option<Authority>, KeepError> {
    let Some(stored) = stored else {
        return Ok(None);
    };
    Authority::from_files(&stored.files).map_err(|source| of_authority(store, source))
}

/// `None`: another writer came first.
async fn write(
    store: &Store,
    next: Authority,
    replaces: Option<&str>,
) -> Result<Option<Authority>, KeepError> {
    let done = store.write(&next.to_files(), replaces).await?;
    Ok(done.then_some(next))
}

fn of_authority(store: &Store, source: crate::tls::authority::AuthorityError) -> KeepError {
    KeepError::Authority {
        place: store.place(),
        source,
    }
}

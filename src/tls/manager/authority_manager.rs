//! Keeps the certificate authority rotated, and publishes its certificate and bundle.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokio::sync::watch;

use super::AuthorityStoreError;
use super::store::Store;
use super::stored::StoredFiles;
use crate::tls::authority::{Authority, CertificateNames, Lifetimes};
use crate::tls::listener::{ReloadingCertificates, TlsFiles};

/// Tries before a race with other writers is given up.
const MAX_WRITE_TRIES: usize = 5;

/// The authority in use.
pub struct AuthorityManager {
    store: Store,
    names: CertificateNames,
    terms: Lifetimes,
    certificates: Arc<ReloadingCertificates>,
    bundle: watch::Sender<Arc<str>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Why the last check failed.
    problem: Option<String>,
    /// When another CA begins to sign.
    changes_at: Option<Timestamp>,
}

/// The stored authority after the steps that were due.
struct LoadedAuthority {
    authority: Authority,
    /// Why it could not be brought up to date.
    problem: Option<AuthorityStoreError>,
}

impl AuthorityManager {
    /// Reads the authority, or begins one where there is none; `names` are those of
    /// the certificate. Where a Secret cannot be reached, its copy must do.
    ///
    /// # Errors
    /// [`AuthorityStoreError`] where neither the authority nor its copy can be read.
    pub async fn open(
        store: Store,
        names: CertificateNames,
        terms: Lifetimes,
        now: Timestamp,
    ) -> Result<Self, AuthorityStoreError> {
        let found = match load(&store, &names, &terms, now).await {
            Err(error @ AuthorityStoreError::Secret { .. }) => {
                from_saved_copy(&store, error).await?
            }
            found => found?,
        };
        let authority = &found.authority;
        let manager = Self {
            certificates: Arc::new(ReloadingCertificates::new(&tls_files(authority))?),
            bundle: watch::Sender::new(authority.bundle().into()),
            state: Mutex::default(),
            store,
            names,
            terms,
        };
        manager.note(found.problem, authority.changes_at(&manager.terms, now));
        Ok(manager)
    }

    /// Reads the store, takes the rotation steps that are due, and publishes the result.
    /// A failed read or write changes nothing and is logged once.
    pub async fn once(&self, now: Timestamp) {
        match load(&self.store, &self.names, &self.terms, now).await {
            Ok(found) => {
                let shown = self.apply(&found.authority);
                let problem = found.problem.or(shown.err());
                self.note(problem, found.authority.changes_at(&self.terms, now));
            }
            Err(error) => {
                let changes_at = self.state().changes_at;
                self.note(Some(error), changes_at);
            }
        }
    }

    /// The certificate of listeners with `tls = "auto"`; it is replaced as it rotates.
    pub fn certificates(&self) -> Arc<ReloadingCertificates> {
        self.certificates.clone()
    }

    /// The CA bundle that clients must trust, as PEM, now and whenever it changes.
    pub fn bundle(&self) -> watch::Receiver<Arc<str>> {
        self.bundle.subscribe()
    }

    /// The names of the certificate.
    pub fn names(&self) -> &CertificateNames {
        &self.names
    }

    /// What is wrong with the authority, if anything is.
    pub fn problem(&self) -> Option<String> {
        self.state().problem.clone()
    }

    /// When another CA begins to sign: until then, everybody must have the bundle.
    pub fn changes_at(&self) -> Option<Timestamp> {
        self.state().changes_at
    }

    fn apply(&self, authority: &Authority) -> Result<(), AuthorityStoreError> {
        // The bundle is published first: clients must trust the CA before it is used.
        let bundle = authority.bundle();
        self.bundle.send_if_modified(|held| {
            let differs = **held != *bundle;
            if differs {
                *held = bundle.into();
            }
            differs
        });
        if self.certificates.reload_once(&tls_files(authority))? {
            tracing::info!(names = %authority.names(), expires = %authority.not_after(), "own certificate renewed");
        }
        Ok(())
    }

    fn note(&self, problem: Option<AuthorityStoreError>, changes_at: Option<Timestamp>) {
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

fn tls_files(authority: &Authority) -> TlsFiles {
    TlsFiles {
        certificate: authority.certificate().into_bytes(),
        key: authority.key().expose_secret().as_bytes().to_vec().into(),
        client_ca: None,
    }
}

/// Reads, takes the steps that are due, and writes; if another writer was first, starts
/// again. An authority that is there and cannot be written is still used.
async fn load(
    store: &Store,
    names: &CertificateNames,
    terms: &Lifetimes,
    now: Timestamp,
) -> Result<LoadedAuthority, AuthorityStoreError> {
    for _ in 0..MAX_WRITE_TRIES {
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
        let remembered = store.save_copy(&authority.to_files()).await;
        let problem = problem.or(remembered.err());
        return Ok(LoadedAuthority { authority, problem });
    }
    Err(AuthorityStoreError::Contended(store.place()))
}

/// The saved copy of a Secret that cannot be read; without one, its `error`.
async fn from_saved_copy(
    store: &Store,
    error: AuthorityStoreError,
) -> Result<LoadedAuthority, AuthorityStoreError> {
    let copy = store.saved_copy().await.ok().flatten();
    match read(store, copy.as_ref()) {
        Ok(Some(authority)) => Ok(LoadedAuthority {
            authority,
            problem: Some(error),
        }),
        Ok(None) | Err(_) => Err(error),
    }
}

fn read(
    store: &Store,
    stored: Option<&StoredFiles>,
) -> Result<Option<Authority>, AuthorityStoreError> {
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
) -> Result<Option<Authority>, AuthorityStoreError> {
    let done = store.write(&next.to_files(), replaces).await?;
    Ok(done.then_some(next))
}

fn of_authority(
    store: &Store,
    source: crate::tls::authority::AuthorityError,
) -> AuthorityStoreError {
    AuthorityStoreError::Authority {
        place: store.place(),
        source,
    }
}

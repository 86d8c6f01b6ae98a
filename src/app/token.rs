//! The first token: written where only the owner can read it.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::config::Config;
use super::{StartError, bounded};
use crate::access::{Role, Scope};
use crate::ledger::{Ledger, NewToken};

/// Makes an admin token and writes it to `data_dir/admin.token`, unless a valid
/// one lies there already. In a ledger that several share the first of them does: a token
/// for every start on a fresh volume would be one that nobody knows of.
pub(super) async fn ensure(
    ledger: &Ledger,
    config: &Config,
    now: Timestamp,
) -> Result<(), StartError> {
    let path = config.admin_token_file();
    if is_valid(ledger, &path, now) {
        return Ok(());
    }
    let new = NewToken {
        name: format!("admin-{}", now.as_millisecond()),
        role: Role::Admin,
        scope: Scope::everything(),
        created_at: now,
        expires_at: None,
    };
    let name = new.name.clone();
    let made = match ledger.is_shared() {
        true => ledger.create_first_token(new).await?,
        false => Some(ledger.create_token(new).await?),
    };
    let Some(secret) = made else {
        tracing::info!(
            path = %path.display(),
            "no admin token written: the ledger has one; another is made by \
             sekisho token create --role admin --config FILE"
        );
        return Ok(());
    };
    if let Err(source) = write(&path, secret.expose_secret()) {
        // Nobody knows it, and the next start is to make one.
        ledger.revoke_token(&*name, false, now).await?;
        return Err(StartError::File { path, source });
    }
    tracing::info!(path = %path.display(), "admin token written");
    Ok(())
}

fn is_valid(ledger: &Ledger, path: &Path, now: Timestamp) -> bool {
    bounded::text(path).is_ok_and(|token| ledger.authenticate(token.trim(), now).is_some())
}

/// A new file beside it, then renamed: never a half, never readable by others.
fn write(path: &Path, secret: &str) -> std::io::Result<()> {
    let temporary = path.with_extension("token.new");
    let _ = std::fs::remove_file(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

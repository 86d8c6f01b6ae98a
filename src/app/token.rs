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
/// one lies there already.
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
    let secret = ledger.create_token(new).await?;
    write(&path, secret.expose_secret()).map_err(|source| StartError::File {
        path: path.clone(),
        source,
    })?;
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

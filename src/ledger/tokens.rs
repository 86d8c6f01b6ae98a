//! Tokens: made once, kept as hashes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use secrecy::SecretString;

use super::acts::NewAct;
use super::attributed::{ActOrigin, Attributed};
use super::change::LedgerChange;
use super::missing_acts::token_name;
use super::sql::{SqlConnection, query};
use super::token_holders::{
    ExpiredToken, SECRET, SECRET_PREFIX, SELECT_VALID_TOKENS, TokenHash, TokenRecord, TokenRow,
    hash,
};
use super::withdraw::{Withdrawn, withdraw};
use super::write::WriteTransaction;
use super::{Ledger, LedgerError, columns};
use crate::access::{Principal, Role, Scope, is_token_name};
use crate::random;
use crate::trust::{Act, ActKind};

/// A token that is to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: String,
    pub role: Role,
    pub scope: Scope,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

impl NewToken {
    fn act(&self) -> NewAct {
        let reach = |list: &[String]| match list {
            [] => "all".to_owned(),
            some => some.join(", "),
        };
        let (scope, role) = (&self.scope, self.role);
        NewAct {
            subject: Some(format!("token:{}", self.name)),
            detail: format!(
                "{role}; repositories: {}; environments: {}",
                reach(scope.repositories()),
                reach(scope.environments())
            ),
            until: self.expires_at,
            ..NewAct::new(ActKind::TokenCreate, self.created_at)
        }
    }
}

impl Ledger {
    /// Makes a token and returns it, this once. Names are unique for ever: a name
    /// is what evidence is kept under.
    ///
    /// # Errors
    /// [`LedgerError`] where the name is taken, or cannot be written.
    pub async fn create_token(
        &self,
        new: impl Into<Attributed<NewToken>>,
    ) -> Result<SecretString, LedgerError> {
        let Attributed { what: new, origin } = new.into();
        let mut writing = self.begin(Some(new.created_at)).await?;
        if let Some(maker) = &origin.principal {
            refuse_revoked(writing.sql(), maker).await?;
        }
        let secret = add(&mut writing, new, origin).await?;
        self.commit(writing).await?;
        Ok(secret)
    }

    /// Makes the same where no token that is good makes tokens, whichever process made it:
    /// of several that ask at once, one is given it.
    ///
    /// # Errors
    /// As [`Self::create_token`].
    pub async fn create_first_token(
        &self,
        new: NewToken,
    ) -> Result<Option<SecretString>, LedgerError> {
        let mut writing = self.begin(Some(new.created_at)).await?;
        // No other write goes on before this one ends.
        let rows: Vec<TokenRow> = query(SELECT_VALID_TOKENS).all(writing.sql()).await?;
        for row in &rows {
            if row.token()?.makes_tokens(new.created_at) {
                return Ok(None);
            }
        }
        let secret = add(&mut writing, new, ActOrigin::default()).await?;
        self.commit(writing).await?;
        Ok(Some(secret))
    }

    /// All tokens, revoked and expired ones too.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>, LedgerError> {
        let all = "SELECT name, hash, role, scope, created_at, expires_at, revoked_at \
                   FROM tokens ORDER BY created_at, name";
        let rows: Vec<TokenRow> = query(all).all(&self.readers).await?;
        rows.iter().map(TokenRow::token).collect()
    }

    /// When the token of that name was revoked, if it was.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn token_revoked_at(&self, name: &str) -> Result<Option<Timestamp>, LedgerError> {
        let revoked = "SELECT revoked_at FROM tokens WHERE name = ? AND revoked_at IS NOT NULL";
        let at: Option<i64> = query(revoked)
            .bind(name)
            .optional_value(&self.readers)
            .await?;
        columns::time_if(at)
    }

    /// The names of the tokens that are good at `now` and were made with this one, or with
    /// one that was made with it, and so on.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn good_tokens_made_with(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, LedgerError> {
        let made = "SELECT body FROM acts WHERE act = ? ORDER BY id";
        let bodies = query(made).bind(ActKind::TokenCreate.as_str());
        let bodies: Vec<String> = bodies.values(&self.readers).await?;
        let mut descent = BTreeSet::from([name.to_owned()]);
        // A token is made after its maker was.
        for body in &bodies {
            let act: Act = columns::body(body)?;
            let made = act.subject.as_deref().and_then(token_name);
            let made = made.filter(|_| descent.contains(&act.principal));
            descent.extend(made.map(str::to_owned));
        }
        let tokens = self.tokens().await?.into_iter();
        let good = tokens.filter(|it| it.is_good(now) && it.name != name);
        let names = good.map(|it| it.name);
        Ok(names.filter(|it| descent.contains(it)).collect())
    }

    /// Ends a token. With `withdraw_evidence`, also of one that was ended before, what was
    /// handed in, promoted, reinstated or let through with it stops counting: after its end,
    /// which waits for no evidence that is being written.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    /// [`LedgerError::NotWithdrawn`] where the token ended alone.
    pub async fn revoke_token(
        &self,
        name: impl Into<Attributed<&str>>,
        withdraw_evidence: bool,
        at: Timestamp,
    ) -> Result<Withdrawn, LedgerError> {
        let Attributed { what: name, origin } = name.into();
        self.end_token(name, origin.clone(), at).await?;
        if !withdraw_evidence {
            return Ok(Withdrawn::default());
        }
        let withdrawn = self.withdraw_all(name, origin, at).await;
        withdrawn.map_err(|error| LedgerError::NotWithdrawn(Box::new(error)))
    }

    async fn end_token(
        &self,
        name: &str,
        origin: ActOrigin,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut writing = self.begin(Some(at)).await?;
        let known = "SELECT count(*) FROM tokens WHERE name = ?";
        let known: i64 = query(known).bind(name).value(writing.sql()).await?;
        if known == 0 {
            return Err(LedgerError::UnknownToken(name.to_owned()));
        }
        let update = "UPDATE tokens SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL";
        let ended = query(update).bind(at.as_microsecond()).bind(name);
        if ended.execute(writing.sql()).await? > 0 {
            writing.note(LedgerChange::Token(name.to_owned())).await?;
            writing.act(revocation_of(name, at), origin).await?;
        }
        self.commit(writing).await
    }

    async fn withdraw_all(
        &self,
        name: &str,
        origin: ActOrigin,
        at: Timestamp,
    ) -> Result<Withdrawn, LedgerError> {
        let mut writing = self.begin_evidence(Some(at)).await?;
        self.settle(&mut writing).await?;
        let withdrawn = withdraw(&mut writing, name, at).await?;
        let act = NewAct {
            detail: withdrawn.told(),
            ..revocation_of(name, at)
        };
        if !act.detail.is_empty() {
            writing.act(act, origin).await?;
        }
        self.commit(writing).await?;
        Ok(withdrawn)
    }

    /// The holder of this token. Memory only; `None` before the index is loaded.
    pub fn authenticate(&self, plaintext: &str, now: Timestamp) -> Option<Principal> {
        self.index.authenticate(plaintext, now)
    }

    /// The holder of a token that was shown before, as [`Self::authenticate`] finds it now.
    pub fn holder(&self, token: &TokenHash, now: Timestamp) -> Option<Principal> {
        self.index.holder(token, now)
    }

    /// A token that expired, and was not revoked. Memory only.
    pub fn expired_token(&self, plaintext: &str, now: Timestamp) -> Option<ExpiredToken> {
        self.index.expired_token(plaintext, now)
    }

    pub(super) async fn token_row(&self, name: &str) -> Result<Option<TokenRow>, LedgerError> {
        let one = "SELECT name, hash, role, scope, created_at, expires_at, revoked_at \
                   FROM tokens WHERE name = ?";
        let row = query(one).bind(name);
        Ok(row.optional(&self.readers).await?)
    }
}

/// Writes a new token, whose secret it returns.
async fn add(
    writing: &mut WriteTransaction<'_>,
    new: NewToken,
    origin: ActOrigin,
) -> Result<SecretString, LedgerError> {
    if !is_token_name(&new.name) {
        return Err(LedgerError::TokenName);
    }
    let secret = format!("{SECRET_PREFIX}{}", hex::encode(random::bytes::<SECRET>()));
    let add = "INSERT INTO tokens (name, hash, role, scope, created_at, expires_at) \
               VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING";
    let added = query(add)
        .bind(&new.name)
        .bind(hash(&secret))
        .bind(new.role.as_str())
        .bind(columns::json(&new.scope)?)
        .bind(new.created_at.as_microsecond())
        .bind(columns::micros(new.expires_at))
        .execute(writing.sql())
        .await?;
    if added == 0 {
        return Err(LedgerError::TokenExists(new.name));
    }
    let name = new.name.clone();
    writing.note(LedgerChange::Token(name)).await?;
    writing.act(new.act(), origin).await?;
    Ok(SecretString::from(secret))
}

fn revocation_of(name: &str, at: Timestamp) -> NewAct {
    NewAct {
        subject: Some(format!("token:{name}")),
        ..NewAct::new(ActKind::TokenRevoke, at)
    }
}

/// A write begun before its token was revoked must not land behind a withdrawal.
pub(super) async fn refuse_revoked(sql: &mut SqlConnection, name: &str) -> Result<(), LedgerError> {
    let revoked = "SELECT count(*) FROM tokens WHERE name = ? AND revoked_at IS NOT NULL";
    let count: i64 = query(revoked).bind(name).value(sql).await?;
    match count {
        0 => Ok(()),
        _ => Err(LedgerError::TokenRevoked(name.to_owned())),
    }
}

//! A ledger that is older than what is known of it, or another one: it has forgotten what
//! was revoked since, and does not show it.

use std::fmt;

use jiff::Timestamp;

use super::acts::NewAct;
use super::attributed::ActOrigin;
use super::sql::query;
use super::{Ledger, LedgerError};
use crate::random;
use crate::trust::{ActKind, LedgerMark};

/// What is known of the ledger, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLoss {
    pub known: LedgerMark,
    /// `None`: there is no ledger.
    pub found: Option<LedgerMark>,
}

impl LedgerLoss {
    /// Whether `found` lacks something of what is known.
    pub fn of(known: &LedgerMark, found: Option<&LedgerMark>) -> Option<Self> {
        let is_whole = found.is_some_and(|it| it.id == known.id && it.change >= known.change);
        (!is_whole).then(|| Self {
            known: known.clone(),
            found: found.cloned(),
        })
    }
}

impl fmt::Display for LedgerLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = self.known.change;
        match &self.found {
            None => write!(
                f,
                "the audit log knows change {change} of a ledger that is not there"
            ),
            Some(found) if found.id == self.known.id => write!(
                f,
                "the audit log knows change {change} of the ledger, which has come to change {}",
                found.change
            ),
            Some(_) => write!(
                f,
                "the audit log knows change {change} of another ledger than the one that is there"
            ),
        }
    }
}

impl Ledger {
    /// Goes on with a ledger that lacks what was written since, or that is another one:
    /// it is a ledger of its own from now on, and says so in its records.
    pub async fn accept_loss(
        &mut self,
        loss: &LedgerLoss,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let id = hex::encode(random::bytes::<16>());
        let mut writing = self.begin(Some(now)).await?;
        query("UPDATE identity SET id = ?")
            .bind(&id)
            .execute(writing.sql())
            .await?;
        let act = NewAct {
            detail: loss.to_string(),
            ..NewAct::new(ActKind::AcceptLoss, now)
        };
        writing.act(act, ActOrigin::default()).await?;
        self.commit(writing).await?;
        self.id = id;
        Ok(())
    }
}

//! Promotions: who let which digest into which environment.

use jiff::Timestamp;

use super::acts::NewAct;
use super::attributed::Attributed;
use super::change::{LedgerChange, PromotedTag};
use super::sql::{query, row};
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::{Digest, Tag};
use crate::trust::{ActKind, Promotion, Subject};

/// A promotion that is to be recorded. It was judged before, or forced.
#[derive(Clone, Debug)]
pub struct NewPromotion {
    pub subject: Subject,
    pub tag: Option<Tag>,
    pub promoter: String,
    pub promoted_at: Timestamp,
    pub reason: Option<String>,
    pub link: Option<String>,
    pub forced: bool,
}

impl NewPromotion {
    fn act(self, id: i64) -> NewAct {
        NewAct {
            principal: Some(self.promoter),
            environment: Some(self.subject.environment),
            digest: Some(self.subject.digest),
            subject: Some(format!("promotion:{id}")),
            detail: if self.forced {
                "forced: it was denied"
            } else {
                ""
            }
            .to_owned(),
            reason: self.reason,
            link: self.link,
            ..NewAct::new(ActKind::Promote, self.promoted_at)
        }
    }

    fn promoted_tag(&self) -> Option<PromotedTag> {
        self.tag.clone().map(|tag| PromotedTag {
            environment: self.subject.environment.clone(),
            repository: self.subject.repository.clone(),
            tag,
        })
    }
}

row! {
    struct PromotionRow {
        id: i64,
        digest: String,
        tag: Option<String>,
        promoter: String,
        promoted_at: i64,
        reason: Option<String>,
        link: Option<String>,
        forced: bool,
    }
}

impl PromotionRow {
    fn promotion(self, subject: &Subject) -> Result<Promotion, LedgerError> {
        Ok(Promotion {
            id: self.id,
            environment: subject.environment.clone(),
            repository: subject.repository.clone(),
            digest: columns::text(&self.digest)?,
            tag: self.tag.as_deref().map(columns::text).transpose()?,
            promoter: self.promoter,
            promoted_at: columns::time(self.promoted_at)?,
            reason: self.reason,
            link: self.link,
            forced: self.forced,
        })
    }
}

impl Ledger {
    /// Records a promotion and returns its id. Refuses promoters whose token is
    /// revoked.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn promote(
        &self,
        new: impl Into<Attributed<NewPromotion>>,
    ) -> Result<i64, LedgerError> {
        let Attributed { what: new, origin } = new.into();
        let _timed = self.timed(LedgerVerb::Promote);
        let mut writing = self.begin(Some(new.promoted_at)).await?;
        super::tokens::refuse_revoked(writing.sql(), &new.promoter).await?;
        let add = "INSERT INTO promotions (environment, repository, digest, tag, promoter, \
                   promoted_at, reason, link, forced) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";
        let id: i64 = query(add)
            .bind(new.subject.environment.as_str())
            .bind(new.subject.repository.to_string())
            .bind(new.subject.digest.to_string())
            .bind(new.tag.as_ref().map(Tag::as_str))
            .bind(&new.promoter)
            .bind(new.promoted_at.as_microsecond())
            .bind(&new.reason)
            .bind(&new.link)
            .bind(new.forced)
            .value(writing.sql())
            .await?;
        let tag = new.promoted_tag();
        let digest = new.subject.digest.clone();
        writing.note(LedgerChange::Promotion(digest, tag)).await?;
        let origin = origin.or_image(format!("{}@{}", new.subject.repository, new.subject.digest));
        writing.act(new.act(id), origin).await?;
        self.commit(writing).await?;
        Ok(id)
    }

    /// What is promoted, the last first, at most `limit` that `wanted` holds for.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn promoted_subjects(
        &self,
        limit: u32,
        wanted: impl Fn(&Subject) -> bool,
    ) -> Result<Vec<Subject>, LedgerError> {
        let promoted = "SELECT environment, repository, digest FROM promotions \
                        WHERE withdrawn_at IS NULL GROUP BY environment, repository, digest \
                        ORDER BY max(id) DESC";
        let read = |(environment, repository, digest): (String, String, String)| {
            columns::subject(&environment, &repository, &digest)
        };
        query(promoted)
            .first(limit, &self.readers, read, wanted)
            .await
    }

    /// In the subject's environment and repository: of itself, or of `above`.
    pub(super) async fn promotions_of(
        &self,
        subject: &Subject,
        parents: &[Digest],
    ) -> Result<Vec<Promotion>, LedgerError> {
        let of = "SELECT id, digest, tag, promoter, promoted_at, reason, link, forced \
                  FROM promotions WHERE withdrawn_at IS NULL \
                  AND digest IN (SELECT value FROM json_each(?)) \
                  AND environment = ? AND repository = ? ORDER BY id";
        let digests = std::iter::once(&subject.digest).chain(parents);
        let rows: Vec<PromotionRow> = query(of)
            .bind(columns::list(digests))
            .bind(subject.environment.as_str())
            .bind(subject.repository.to_string())
            .all(&self.readers)
            .await?;
        rows.into_iter().map(|row| row.promotion(subject)).collect()
    }

    pub(super) async fn last_promoted(
        &self,
        at: &PromotedTag,
    ) -> Result<Option<Digest>, LedgerError> {
        let last = "SELECT digest FROM promotions WHERE withdrawn_at IS NULL \
                    AND environment = ? AND repository = ? AND tag = ? ORDER BY id DESC LIMIT 1";
        let digest: Option<String> = query(last)
            .bind(at.environment.as_str())
            .bind(at.repository.to_string())
            .bind(at.tag.as_str())
            .optional_value(&self.readers)
            .await?;
        digest.as_deref().map(columns::text).transpose()
    }
}

//! Reads the sources behind their cursors, and puts what is news into messages.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::event::{Notice, NoticeKind, NoticeSample};
use super::group::Groups;
use super::sources::{of_act, of_decision, of_in_use};
use super::target::NotifyTarget;
use crate::ledger::{Ledger, LedgerError, NoticeBatch, PlacedDecision};

/// Read at once of one source.
const ROWS_PER_READ: u32 = 500;
/// Pages of one source in one round.
const MAX_PAGES: usize = 20;
/// What was told once is no news for so long.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is read behind a cursor.
#[derive(Clone, Copy)]
enum Source {
    Decisions,
    InUse,
    Acts,
}

impl Source {
    const ALL: [Self; 3] = [Self::Decisions, Self::InUse, Self::Acts];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::InUse => "in-use",
            Self::Acts => "acts",
        }
    }

    /// Where it ends now: who was never told anything begins there.
    async fn newest(self, ledger: &Ledger) -> Result<i64, LedgerError> {
        match self {
            Self::Decisions => Ok(signed(ledger.newest_position().await?)),
            // What is bad already when it is first looked at is worth a word.
            Self::InUse => Ok(0),
            Self::Acts => ledger.newest_act().await,
        }
    }

    /// What follows, with the position of the last and whether there may be more.
    async fn page(self, ledger: &Ledger, behind: i64, now: Timestamp) -> Result<Page, LedgerError> {
        match self {
            Self::Decisions => {
                let position = u64::try_from(behind).unwrap_or_default();
                let page = ledger.decisions_behind(position, ROWS_PER_READ).await?;
                let at = |it: &PlacedDecision| signed(it.position);
                Ok(Page::of(&page, behind, at, |it| of_decision(it, now)))
            }
            Self::InUse => {
                let page = ledger.denied_in_use(behind, Some(ROWS_PER_READ)).await?;
                Ok(Page::of(
                    &page,
                    behind,
                    |it| it.number,
                    |it| of_in_use(it, now),
                ))
            }
            Self::Acts => {
                let page = ledger.acts_behind(behind, ROWS_PER_READ).await?;
                Ok(Page::of(
                    &page,
                    behind,
                    |it| it.number,
                    |it| of_act(it, now),
                ))
            }
        }
    }
}

struct Page {
    notices: Vec<Notice>,
    position: i64,
    is_full: bool,
}

impl Page {
    fn of<T>(
        page: &[T],
        behind: i64,
        position: impl Fn(&T) -> i64,
        notice: impl Fn(&T) -> Option<Notice>,
    ) -> Self {
        Self {
            notices: page.iter().filter_map(notice).collect(),
            position: page.last().map_or(behind, position),
            is_full: page.len() == ROWS_PER_READ as usize,
        }
    }
}

fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Reads what is new of every source, and keeps it in one step.
pub(super) async fn gather(
    ledger: &Ledger,
    targets: &[NotifyTarget],
    now: Timestamp,
) -> Result<(), LedgerError> {
    for source in Source::ALL {
        let Some(mut position) = ledger.notice_cursor(source.as_str()).await? else {
            let batch = NoticeBatch {
                cursor: Some((source.as_str(), None, source.newest(ledger).await?)),
                ..NoticeBatch::default()
            };
            ledger.keep_notices(&batch).await?;
            continue;
        };
        for _ in 0..MAX_PAGES {
            let page = source.page(ledger, position, now).await?;
            if page.position == position {
                break;
            }
            let cursor = (source.as_str(), Some(position), page.position);
            position = page.position;
            let is_kept = keep(ledger, targets, cursor, page.notices, now).await?;
            if !page.is_full || !is_kept {
                break;
            }
        }
    }
    Ok(())
}

/// Puts notices into messages, and notes that the source was read. `false`: another
/// process did.
pub(super) async fn keep(
    ledger: &Ledger,
    targets: &[NotifyTarget],
    cursor: (&'static str, Option<i64>, i64),
    notices: Vec<Notice>,
    now: Timestamp,
) -> Result<bool, LedgerError> {
    let news = news(ledger, notices, now).await?;
    let mut batch = NoticeBatch {
        cursor: Some(cursor),
        ..NoticeBatch::default()
    };
    if !news.is_empty() {
        let mut groups = Groups::new(ledger.notices().await?);
        for notice in news {
            groups.add(&notice, targets.iter(), now);
            batch.told.extend(notice.once.map(|what| (what, now)));
        }
        batch.pending = groups.into_changed();
    }
    ledger.keep_notices(&batch).await
}

async fn news(
    ledger: &Ledger,
    notices: Vec<Notice>,
    now: Timestamp,
) -> Result<Vec<Notice>, LedgerError> {
    let since = now.checked_sub(TOLD_FOR).unwrap_or(Timestamp::MIN);
    let mut seen = HashSet::new();
    let mut news = Vec::new();
    for notice in notices {
        let is_news = match &notice.once {
            None => true,
            Some(what) => seen.insert(what.clone()) && !ledger.was_told(what, since).await?,
        };
        if is_news {
            news.push(notice);
        }
    }
    Ok(news)
}

/// A thing that the forecast names.
pub(super) fn foreseen(environment: String, sample: NoticeSample) -> Notice {
    Notice {
        kind: NoticeKind::Forecast,
        environment,
        sample,
        once: None,
    }
}

/// Forgets what was told long ago.
pub(super) async fn forget_once(ledger: &Ledger, now: Timestamp) -> Result<(), LedgerError> {
    let before = now.checked_sub(TOLD_FOR).unwrap_or(Timestamp::MIN);
    ledger.prune_told(before).await
}

//! What the audit log tells, and a ledger that was put back from a backup lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::AuditSeal;
use crate::oci::{Digest, counted};
use crate::trust::{Act, ActKind, LedgerMark, LoggedAct};

/// Names of lost records that are told, at most.
const NAMES_TOLD: usize = 20;

/// How far a ledger has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestorePoint {
    pub mark: LedgerMark,
    /// The number of its newest act; zero where it has none.
    pub newest_act: i64,
    /// The newest time in its records.
    pub newest: Option<Timestamp>,
    /// How far it knows the audit logs that were written then: any of them may tell more.
    pub logs: Vec<AuditSeal>,
}

/// The acts since then, oldest first, and what cannot be done again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingActs {
    /// Those that are done again: revocations, overrides, and their ends.
    pub again: Vec<Act>,
    pub lost: LostRecords,
}

/// What is gone: it has to be handed in, or made, once more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LostRecords {
    pub scans: u64,
    pub promotions: u64,
    /// Images of those, by name.
    pub images: BTreeSet<String>,
    /// Names of tokens that were made since.
    pub tokens: BTreeSet<String>,
    /// Revoked digests of which nobody here knows what lies below: what an index holds is
    /// denied only once that is read.
    pub unread: BTreeSet<String>,
    /// First and last number of acts that no file of the log has.
    pub gaps: Vec<(i64, i64)>,
    /// Audit logs that the ledger knows and that were not read as far: whatever they tell.
    pub unread_logs: BTreeSet<String>,
    /// Files of the log that are damaged, and from where on: whatever they tell there.
    pub unread_files: BTreeSet<String>,
    /// Acts that are left out, since nothing vouches for their lines.
    pub doubtful: u64,
    /// The log says nothing of this ledger.
    pub is_unknown: bool,
}

/// Different acts have different numbers, unless somebody wrote them by hand.
type NumberedActs = BTreeMap<i64, Vec<Act>>;

/// Collects the acts of a log, of which only those that may be missing are kept.
#[derive(Debug)]
pub struct LogReading {
    point: RestorePoint,
    /// By ledger, then by number: a line may stand in the log twice.
    newer: BTreeMap<String, NumberedActs>,
    knows_it: bool,
}

impl LogReading {
    pub fn from(point: RestorePoint) -> Self {
        Self {
            point,
            newer: BTreeMap::new(),
            knows_it: false,
        }
    }

    /// Hears of one act of the log, and says whether it may be missing.
    pub fn hear(&mut self, LoggedAct { act, ledger }: &LoggedAct) -> bool {
        let is_own = ledger.id == self.point.mark.id;
        self.knows_it |= is_own;
        let newest = self.point.newest_act;
        act.number().is_some_and(|it| !is_own || it > newest)
    }

    /// Takes one act of the log, in any order. Of two under one number both count.
    pub fn take(&mut self, logged: LoggedAct) {
        if let Some(number) = logged.act.number().filter(|_| self.hear(&logged)) {
            let LoggedAct { act, ledger } = logged;
            let newer = self.newer.entry(ledger.id).or_default();
            let same = newer.entry(number).or_default();
            if !same.contains(&act) {
                same.push(act);
            }
        }
    }

    /// What is missing, where these logs were `read` up to these lines. A ledger that lost
    /// something goes on under another identity, so the acts of others count when they come
    /// after this one's newest.
    pub fn missing(mut self, read: &BTreeMap<String, u64>) -> MissingActs {
        let own = self.newer.remove(&self.point.mark.id).unwrap_or_default();
        let mut missing = MissingActs::default();
        missing.lost.is_unknown = !self.knows_it;
        let is_unread = |seal: &AuditSeal| {
            let read = read.get(&seal.log).copied();
            seal.line > read.unwrap_or_default()
        };
        let unread = self.point.logs.into_iter().filter(is_unread);
        missing.lost.unread_logs = unread.map(|seal| seal.log).collect();
        missing.lost.note_gaps(self.point.newest_act, &own);
        let newest = self.point.newest;
        let is_later = |acts: &NumberedActs| {
            let last = acts.values().flatten().map(|act| act.time).max();
            newest.is_none() || last > newest
        };
        let others = self.newer.into_values().filter(is_later);
        let mut others: Vec<NumberedActs> = others.collect();
        others.sort_by_key(|acts| acts.values().flatten().map(|act| act.time).min());
        for acts in &others {
            let before = acts.keys().next().map_or(0, |first| first - 1);
            missing.lost.note_gaps(before, acts);
        }
        for act in std::iter::once(own)
            .chain(others)
            .flat_map(BTreeMap::into_values)
            .flatten()
        {
            missing.add(act);
        }
        missing
    }
}

impl MissingActs {
    /// What is revoked by them; also what was reinstated since, perhaps in part or by a token
    /// whose acts do not count: to know more of such a digest harms nothing.
    pub fn revoked(&self) -> BTreeSet<&Digest> {
        let revocations = self.again.iter().filter(|it| it.act == ActKind::Revoke);
        revocations.filter_map(|it| it.digest.as_ref()).collect()
    }

    fn add(&mut self, act: Act) {
        match act.act {
            ActKind::Revoke
            | ActKind::Reinstate
            | ActKind::BreakGlass
            | ActKind::BreakGlassEnd
            | ActKind::Mode
            | ActKind::ModeEnd
            | ActKind::TokenRevoke => self.again.push(act),
            ActKind::Scan | ActKind::ScanBind => {
                self.lost.scans += 1;
                self.lost.images.extend(act.image);
            }
            ActKind::Promote => {
                self.lost.promotions += 1;
                self.lost.images.extend(act.image);
            }
            ActKind::TokenCreate => {
                let name = act.subject.as_deref().and_then(token_name);
                self.lost.tokens.extend(name.map(str::to_owned));
            }
            ActKind::PolicyReload | ActKind::Start | ActKind::AcceptLoss | ActKind::Restore => {}
        }
    }
}

/// The name in the subject of an act on a token.
pub(super) fn token_name(subject: &str) -> Option<&str> {
    subject.strip_prefix("token:")
}

impl LostRecords {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn note_gaps(&mut self, before: i64, acts: &NumberedActs) {
        let mut expected = before + 1;
        for &number in acts.keys() {
            if number > expected {
                self.gaps.push((expected, number - 1));
            }
            expected = number + 1;
        }
    }

    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        if self.is_unknown {
            told.push(
                "whatever was done since: the audit log says nothing of this ledger".to_owned(),
            );
        }
        for (first, last) in &self.gaps {
            told.push(format!(
                "acts {first} to {last}, which no file of the audit log has"
            ));
        }
        if !self.unread_logs.is_empty() {
            told.push(format!(
                "what was not read of {}, to where the ledger knows them \
                 (\"chain\":{{\"log\":…}} in each line): {}",
                counted(self.unread_logs.len(), "audit log"),
                some(&self.unread_logs)
            ));
        }
        if !self.unread_files.is_empty() {
            told.push(format!(
                "what stands in the damaged part of {}: {}",
                counted(self.unread_files.len(), "file of the audit log"),
                some(&self.unread_files)
            ));
        }
        if !self.unread.is_empty() {
            told.push(format!(
                "what lies below {}, for which it holds once it was read: {}",
                counted(self.unread.len() as u64, "revoked digest"),
                some(&self.unread)
            ));
        }
        if self.doubtful > 0 {
            let acts = counted(self.doubtful, "act");
            told.push(format!("{acts} in lines that are not as they were written"));
        }
        if self.scans > 0 {
            told.push(counted(self.scans, "scan"));
        }
        if self.promotions > 0 {
            told.push(counted(self.promotions, "promotion"));
        }
        if !self.images.is_empty() {
            told.push(format!("that is of {}", some(&self.images)));
        }
        if !self.tokens.is_empty() {
            told.push(format!(
                "{}: {}",
                counted(self.tokens.len(), "token"),
                some(&self.tokens)
            ));
        }
        told
    }
}

/// The first of them, and how many more there are.
fn some(names: &BTreeSet<String>) -> String {
    let first: Vec<&str> = names.iter().take(NAMES_TOLD).map(String::as_str).collect();
    let more = names.len() - first.len();
    match more {
        0 => first.join(", "),
        _ => format!("{} and {more} more", first.join(", ")),
    }
}

impl fmt::Display for LostRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_empty() {
            true => f.write_str("nothing"),
            false => f.write_str(&self.told().join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(ledger: &str, number: i64, kind: ActKind, minute: i64) -> LoggedAct {
        let time = Timestamp::from_second(minute * 60).unwrap();
        let json = serde_json::json!({
            "id": format!("act:{number}"), "time": time, "act": kind, "principal": "p",
            "image": format!("a.b/{number}"), "subject": format!("token:t{number}"),
            "ledger": {"id": ledger, "change": number},
        });
        serde_json::from_value(json).unwrap()
    }

    fn point() -> RestorePoint {
        RestorePoint {
            mark: LedgerMark {
                id: "own".to_owned(),
                change: 5,
            },
            newest_act: 3,
            newest: Timestamp::from_second(3 * 60).ok(),
            logs: Vec::new(),
        }
    }

    fn missing(acts: impl IntoIterator<Item = LoggedAct>) -> MissingActs {
        let mut reading = LogReading::from(point());
        acts.into_iter().for_each(|act| reading.take(act));
        reading.missing(&BTreeMap::new())
    }

    #[test]
    fn what_is_newer_is_done_again_in_order_and_once() {
        let found = missing([
            logged("own", 5, ActKind::Reinstate, 5),
            logged("own", 3, ActKind::Revoke, 3),
            logged("own", 4, ActKind::Revoke, 4),
            logged("own", 5, ActKind::Reinstate, 5),
        ]);
        let again: Vec<_> = found.again.iter().map(|act| act.number()).collect();
        assert_eq!(again, [Some(4), Some(5)]);
        assert!(found.lost.is_empty(), "{}", found.lost);
    }

    #[test]
    fn of_two_acts_under_one_number_none_displaces_the_other() {
        let found = missing([
            logged("own", 4, ActKind::Revoke, 4),
            logged("own", 4, ActKind::Start, 4),
        ]);
        let again: Vec<_> = found.again.iter().map(|act| act.act).collect();
        assert_eq!(again, [ActKind::Revoke]);
    }

    #[test]
    fn what_cannot_be_done_again_is_told_by_count_and_name() {
        let found = missing([
            logged("own", 3, ActKind::Start, 3),
            logged("own", 4, ActKind::Scan, 4),
            logged("own", 5, ActKind::Promote, 5),
            logged("own", 6, ActKind::TokenCreate, 6),
            logged("own", 9, ActKind::Revoke, 9),
        ]);
        let told = found.lost.to_string();
        assert_eq!(
            told,
            "acts 7 to 8, which no file of the audit log has; 1 scan; 1 promotion; \
             that is of a.b/4, a.b/5; 1 token: t6"
        );
    }

    #[test]
    fn acts_of_the_ledgers_that_followed_count_and_those_before_do_not() {
        let found = missing([
            logged("before", 1, ActKind::Revoke, 1),
            logged("own", 3, ActKind::Start, 3),
            logged("after", 2, ActKind::Revoke, 8),
            logged("own", 4, ActKind::Revoke, 4),
        ]);
        let at: Vec<_> = found
            .again
            .iter()
            .map(|act| act.time.as_second() / 60)
            .collect();
        assert_eq!(at, [4, 8]);
        assert!(found.lost.is_empty());
    }

    #[test]
    fn a_log_that_is_known_and_not_read_as_far_may_tell_anything() {
        let seal = |log: &str, line| AuditSeal {
            log: log.to_owned(),
            line,
            hash: String::new(),
            at: Timestamp::UNIX_EPOCH,
            place: None,
            kept_until: None,
        };
        let mut point = point();
        point.logs = vec![seal("whole", 3), seal("short", 3), seal("absent", 1)];
        let mut reading = LogReading::from(point);
        reading.take(logged("own", 4, ActKind::Revoke, 4));
        let read = [("whole", 3), ("short", 2), ("strange", 9)];
        let found = reading.missing(&read.map(|(log, line)| (log.to_owned(), line)).into());
        let told = found.lost.to_string();
        assert!(
            told.starts_with("what was not read of 2 audit logs"),
            "{told}"
        );
        assert!(told.ends_with("absent, short"), "{told}");
    }

    #[test]
    fn a_log_that_says_nothing_of_the_ledger_proves_nothing() {
        assert!(missing([]).lost.is_unknown);
        assert!(
            missing([logged("other", 1, ActKind::Start, 1)])
                .lost
                .is_unknown
        );
    }
}

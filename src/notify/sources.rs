//! What is told, read from the records: decisions, acts, and what judging again found.

use jiff::{SignedDuration, Timestamp};

use super::event::{Notice, NoticeKind, NoticeSample};
use crate::ledger::{PlacedDecision, RecordedAct, RecordedInUse};
use crate::trust::{Act, ActKind, Decision, DenialReason, Outcome};

/// What is older is no news: it was done while nobody was to be told.
pub(super) const NEWS_FOR: SignedDuration = SignedDuration::from_hours(24);

fn is_news(time: Timestamp, now: Timestamp) -> bool {
    now.duration_since(time) <= NEWS_FOR
}

/// A denial of an image. Whether it is the first one is seen later.
pub(super) fn of_decision(placed: &PlacedDecision, now: Timestamp) -> Option<Notice> {
    let decision = &placed.decision;
    let wanted = decision.verdict == Outcome::Denied && is_news(decision.time, now);
    wanted.then(|| Notice {
        kind: NoticeKind::FirstDenial,
        environment: decision.environment.to_string(),
        sample: denied(decision),
        once: Some(denied_once(decision)),
    })
}

fn denied_once(decision: &Decision) -> String {
    let environment = &decision.environment;
    match decision.subject() {
        Some(subject) => {
            let (repository, digest) = (&subject.repository, &subject.digest);
            format!("denied {environment} {repository}@{digest}")
        }
        None => format!("denied {environment} {}", decision.image),
    }
}

fn denied(decision: &Decision) -> NoticeSample {
    let first = decision.denials.first();
    let detail = first.map(|denial| denial.detail.clone());
    let next_step = first.map(|denial| denial.next_step.clone());
    let asked_by = match &decision.location {
        Some(place) => format!(
            "; asked for by {} in {}/{}",
            place.workload, place.cluster, place.namespace
        ),
        None => format!("; asked for by {}", decision.principal),
    };
    NoticeSample {
        time: decision.time,
        what: decision.image.clone(),
        digest: decision.digest.as_ref().map(ToString::to_string),
        reason: decision.reasons.first().map(|it| it.code().to_owned()),
        detail: detail.unwrap_or_else(|| decision.message.clone()) + &asked_by,
        next_step: next_step.unwrap_or_default(),
        path: Some(format!("/d/{}", decision.id)),
    }
}

/// A running image that turned bad.
pub(super) fn of_in_use(found: &RecordedInUse, now: Timestamp) -> Option<Notice> {
    let it = &found.denied;
    if !it.is_running || !is_news(it.since, now) {
        return None;
    }
    let kind = match it.denial.reason {
        DenialReason::Revoked => NoticeKind::RevokedRunning,
        _ => NoticeKind::TurnedBad,
    };
    let subject = &it.subject;
    let (environment, digest) = (&subject.environment, &subject.digest);
    let what = format!("{}@{digest}", subject.repository);
    let reason = it.denial.reason.code();
    Some(Notice {
        kind,
        environment: environment.to_string(),
        once: Some(format!("running {environment} {what} {reason}")),
        sample: NoticeSample {
            time: it.since,
            what,
            digest: Some(digest.to_string()),
            reason: Some(reason.to_owned()),
            detail: format!("{}; a Pod that restarts cannot pull it", it.denial.detail),
            next_step: it.denial.next_step.clone(),
            path: Some(format!("/images/{digest}")),
        },
    })
}

/// An override: leave that somebody took under a ticket.
pub(super) fn of_act(recorded: &RecordedAct, now: Timestamp) -> Option<Notice> {
    let act = &recorded.act;
    let what = match act.act {
        ActKind::BreakGlass => "break-glass",
        ActKind::Mode => "mode",
        ActKind::Scan
        | ActKind::ScanBind
        | ActKind::Promote
        | ActKind::Revoke
        | ActKind::Reinstate
        | ActKind::BreakGlassEnd
        | ActKind::ModeEnd
        | ActKind::TokenCreate
        | ActKind::TokenRevoke
        | ActKind::PolicyReload
        | ActKind::Start
        | ActKind::AcceptLoss
        | ActKind::Restore => return None,
    };
    let environment = act.environment.as_ref();
    is_news(act.time, now).then(|| Notice {
        kind: NoticeKind::Override,
        environment: environment.map(ToString::to_string).unwrap_or_default(),
        once: None,
        sample: overridden(act, what),
    })
}

fn overridden(act: &Act, what: &str) -> NoticeSample {
    let digest = act.digest.as_ref().map(ToString::to_string);
    let image = act.image.clone().or_else(|| digest.clone());
    let until = act.until.map(|until| format!(" until {until:.0}"));
    let ticket = act.ticket.as_deref().unwrap_or("-");
    NoticeSample {
        time: act.time,
        what: image.unwrap_or_else(|| what.to_owned()),
        digest,
        reason: Some(what.to_owned()),
        detail: format!(
            "{} by {}{}, ticket {ticket}: {}",
            act.detail,
            act.principal,
            until.unwrap_or_default(),
            act.reason.as_deref().unwrap_or("no reason given")
        ),
        next_step: format!("sekisho {what} list shows what holds, and {what} end ends it"),
        path: None,
    }
}

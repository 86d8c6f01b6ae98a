//! One decision as a page: what was asked, why it came out so, how it would come out now,
//! and what to do about it.

use std::collections::BTreeSet;

use askama::Template;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::admin_api::ApiRefusal;
use super::finding_rows::{FindingRow, MAX_FINDINGS_LISTED};
use super::frame::Frame;
use super::merge_request::{self, DraftFile, DraftKind};
use super::moment::Moment;
use super::page::Page;
use super::remedies::{NamedImage, Remedy, emergency, remedies};
use super::visit::Visit;
use crate::api::{
    CheckView, DecisionRecord, DenialView, DraftWords, ErrorCode, ExceptionDraft, PASSING,
    PassingList, PassingQuery, TO_BE_WRITTEN, VERDICTS, VerdictView,
};
use crate::oci::{Digest, ImageRef};
use crate::trust::{DenialReason, Outcome};

/// How long a drafted exception is to hold, unless somebody writes another end.
const DRAFT_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Passing digests that are shown.
const MAX_PASSING_SHOWN: usize = 3;

#[derive(Template)]
#[template(path = "decision.html", config = "src/console/askama.toml")]
struct DecisionPage {
    frame: Frame,
    record: DecisionRecord,
    at: Moment,
    word: &'static str,
    remedies: Vec<Remedy>,
    /// Whether these are other reasons than then.
    has_changed: bool,
    emergency: Option<String>,
    now: NowJudged,
    findings: Vec<FindingRow>,
    draft: Option<DraftShown>,
    passing: PassingShown,
}

/// How the same would be judged now.
enum NowJudged {
    /// Whether a pull would pass, and since when it may change by itself.
    Known {
        allowed: bool,
        until: Option<Moment>,
        more_findings: usize,
    },
    /// It is not known, for this reason.
    Unknown(String),
    /// Only readers are told.
    SignIn,
}

/// An exception that would lift it, to be copied or opened.
struct DraftShown {
    toml: String,
    address: Option<String>,
}

/// Other digests of the repository that would pass.
enum PassingShown {
    Found(Vec<PassingRow>),
    /// None of so many that were judged, and whether more are known.
    NoneOf(usize, bool),
    Unknown,
}

struct PassingRow {
    image: String,
    digest: Digest,
    tag: Option<String>,
    promoted: Option<Moment>,
}

pub(super) async fn drawn(visit: &Visit, address: &str, record: DecisionRecord) -> Page {
    let image = named(&record);
    let verdict = verdict(visit, &record).await;
    let verdict = verdict.as_ref();
    let asked = record.verdict != Outcome::Allowed && verdict.is_ok();
    let passing = match &image {
        Some(image) if asked => passing(visit, &record, image).await,
        _ => PassingShown::Unknown,
    };
    let found = verdict.iter().flat_map(|it| &it.findings);
    let found = found.take(MAX_FINDINGS_LISTED);
    let standing = standing(&record, verdict.ok());
    let frame = visit.frame(&format!("{} {}", word(record.verdict), record.image));
    Page::of(&DecisionPage {
        frame: frame.twin(address),
        at: Moment::new(record.time, visit.now),
        word: word(record.verdict),
        remedies: remedies(standing, image.as_ref(), &record.environment),
        emergency: emergency(standing, image.as_ref(), &record.environment),
        has_changed: codes(standing) != codes(&record.denials),
        now: NowJudged::of(verdict, visit.now),
        findings: found.map(FindingRow::new).collect(),
        draft: draft(visit, &record, image.as_ref(), verdict.ok()),
        passing,
        record,
    })
}

/// Why it is denied now, where that is known: what was missing then may have come.
fn standing<'a>(record: &'a DecisionRecord, verdict: Option<&'a VerdictView>) -> &'a [DenialView] {
    let now = verdict.filter(|it| record.verdict == Outcome::Denied && !it.allowed);
    now.map_or(&record.denials, |it| &it.reasons)
}

fn codes(denials: &[DenialView]) -> BTreeSet<DenialReason> {
    denials.iter().map(|it| it.reason).collect()
}

pub(super) const fn word(verdict: Outcome) -> &'static str {
    match verdict {
        Outcome::Denied => "Denied",
        Outcome::WouldDeny => "Would be denied",
        Outcome::BreakGlass => "Let through by break-glass",
        Outcome::Allowed => "Allowed",
    }
}

/// The image by repository and digest, where the decision is on one.
fn named(record: &DecisionRecord) -> Option<NamedImage> {
    let image = ImageRef::parse(&record.image, record.upstream.as_ref()?).ok()?;
    Some(NamedImage {
        repository: image.repository().clone(),
        digest: record.digest.clone()?,
    })
}

/// The verdict on the same digest now, with every finding.
async fn verdict(visit: &Visit, record: &DecisionRecord) -> Result<VerdictView, ApiRefusal> {
    let Some(query) = record.asked_again() else {
        let told = "it was about no digest of an upstream";
        return Err(ApiRefusal::new(ErrorCode::NotFound, told, None));
    };
    visit.ask(VERDICTS, &query).await
}

async fn passing(visit: &Visit, record: &DecisionRecord, image: &NamedImage) -> PassingShown {
    let query = PassingQuery {
        image: image.whole(),
        environment: Some(record.environment.clone()),
        exposure: Some(record.exposure.value),
    };
    let Ok(list) = visit.ask::<PassingList>(PASSING, &query).await else {
        return PassingShown::Unknown;
    };
    if list.images.is_empty() {
        return PassingShown::NoneOf(list.judged, list.is_partial);
    }
    let shown = list.images.into_iter().take(MAX_PASSING_SHOWN);
    let rows = shown.map(|it| PassingRow {
        image: it.image,
        digest: it.digest,
        tag: it.tag,
        promoted: it.promoted_at.map(|at| Moment::new(at, visit.now)),
    });
    PassingShown::Found(rows.collect())
}

/// What accepts every finding that denies. Of more than the page lists there is none: nobody
/// reads so many before accepting them.
fn draft(
    visit: &Visit,
    record: &DecisionRecord,
    image: Option<&NamedImage>,
    verdict: Option<&VerdictView>,
) -> Option<DraftShown> {
    let verdict = verdict.filter(|it| it.findings.len() <= MAX_FINDINGS_LISTED)?;
    let repository = image?.repository.to_string();
    let last_day = visit.now.checked_add(DRAFT_LIFE).ok()?;
    let last_day = last_day.to_zoned(TimeZone::UTC).date().to_string();
    let toml = ExceptionDraft::of(verdict)?.toml(
        &repository,
        DraftWords {
            reason: TO_BE_WRITTEN,
            link: "https://",
            owner: TO_BE_WRITTEN,
            last_day: &last_day,
        },
    );
    let file = DraftFile {
        kind: DraftKind::Exception,
        about: &repository,
        content: &toml,
        unique: record.id.as_str(),
    };
    let template = visit.console.merge_request_url.as_deref();
    Some(DraftShown {
        address: template.and_then(|template| merge_request::address(template, &file)),
        toml,
    })
}

/// Findings that the answer has and the page leaves out.
const fn unlisted(verdict: &VerdictView) -> usize {
    verdict.findings.len().saturating_sub(MAX_FINDINGS_LISTED)
}

impl NowJudged {
    fn of(verdict: Result<&VerdictView, &ApiRefusal>, now: Timestamp) -> Self {
        match verdict {
            Ok(verdict) => Self::Known {
                allowed: verdict.allowed,
                until: verdict.valid_until.map(|at| Moment::new(at, now)),
                more_findings: verdict.more_findings + unlisted(verdict),
            },
            Err(refusal) if refusal.error.code == ErrorCode::Unauthenticated => Self::SignIn,
            Err(refusal) => Self::Unknown(refusal.error.message.clone()),
        }
    }
}

impl DecisionPage {
    fn checks(&self) -> &[CheckView] {
        &self.record.checks
    }

    fn digest(&self) -> Option<String> {
        self.record.digest.as_ref().map(ToString::to_string)
    }

    fn place(&self) -> Option<String> {
        self.record.place()
    }
}

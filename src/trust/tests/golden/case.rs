//! A case, and the one that the others are made from.

use std::sync::Arc;

use jiff::Timestamp;

use super::images::{alone, digest, runnable};
use super::sekisho::oci::Closure;
use super::sekisho::trust::{
    Advisory, DenialReason, Environment, Evidence, Exception, Exposure, ExposureRule,
    FirstReported, JudgedFinding, Rulebook, Rules, Scan, Settings, Subject, Verdict, Vouching,
};
use super::{now, production, promotion, repository, scan};

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Case {
    /// The rule of `docs/judgement.md` that it stands for.
    pub rule: u8,
    /// What becomes of the image, and why.
    pub name: &'static str,
    pub subject: Subject,
    pub evidence: Evidence,
    pub environment: Environment,
    pub exposures: Vec<ExposureRule>,
    pub vouchings: Vec<Vouching>,
    pub exceptions: Vec<Exception>,
    pub advisories: Vec<Advisory>,
    /// The listener's.
    pub exposure: Exposure,
    pub now: Timestamp,
    pub expected: Expected,
}

/// What a case comes to. Reasons are those of `enforce`, gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Allowed,
    /// Allowed for now: it says that something runs out.
    Warned,
    /// Allowed by the mode alone.
    Lifted(&'static [DenialReason]),
    Denied(&'static [DenialReason]),
}

impl Case {
    pub fn rulebook(&self) -> Rulebook {
        self.rulebook_of(1)
    }

    /// Its policy under a revision of one's own.
    pub fn rulebook_of(&self, revision: u64) -> Rulebook {
        let rules = Rules {
            environments: vec![self.environment.clone()],
            exposures: self.exposures.clone(),
            vouchings: self.vouchings.clone(),
            exceptions: self.exceptions.clone(),
            advisories: self.advisories.clone(),
        };
        Rulebook::new(revision, rules)
    }

    pub fn verdict(&self) -> Verdict {
        self.verdict_in_full().0
    }

    pub fn verdict_in_full(&self) -> (Verdict, Vec<JudgedFinding>) {
        let rulebook = self.rulebook();
        let exposure = rulebook.exposure(&self.subject.repository, self.exposure);
        rulebook.judge_in_full(&self.subject, &self.recorded(), exposure, self.now)
    }

    /// The evidence with what a ledger derives from it.
    fn recorded(&self) -> Evidence {
        let mut evidence = self.evidence.clone();
        for scan in &self.evidence.scans {
            let named = scan.findings.iter().map(|finding| FirstReported {
                manifest: scan.manifest.clone(),
                scope: scan.scope.clone(),
                received_at: scan.received_at,
                finding: finding.clone(),
            });
            evidence.first_reported.extend(named);
        }
        evidence
    }

    pub fn settings(&mut self) -> &mut Settings {
        &mut self.environment.settings
    }

    /// Pulls `closure` instead, with no evidence but a promotion.
    pub fn pull(&mut self, closure: Arc<Closure>) {
        self.subject.digest = closure.root().clone();
        self.evidence = Evidence {
            promotions: vec![promotion(1, closure.root().clone())],
            ..Evidence::none(closure)
        };
    }

    pub fn scan(&mut self, scan: Scan) {
        self.evidence.scans.push(Arc::new(scan));
    }

    /// Changes the one scan of [`good`].
    pub fn rescan(&mut self, change: impl FnOnce(&mut Scan)) {
        change(Arc::make_mut(&mut self.evidence.scans[0]));
    }
}

impl Expected {
    /// What `verdict` came to, in these words.
    pub fn holds(self, verdict: &Verdict) -> bool {
        let mut reasons: Vec<DenialReason> = verdict.denials().iter().map(|d| d.reason).collect();
        reasons.dedup();
        let warned = verdict.warnings().next().is_some();
        match self {
            Self::Allowed => verdict.is_allowed() && reasons.is_empty() && !warned,
            Self::Warned => verdict.is_allowed() && reasons.is_empty() && warned,
            Self::Lifted(expected) => verdict.is_allowed() && reasons == expected,
            Self::Denied(expected) => !verdict.is_allowed() && reasons == expected,
        }
    }
}

/// `app` for linux/amd64: cleanly scanned and promoted.
pub fn good() -> Case {
    let mut case = Case {
        rule: 0,
        name: "serves a scanned and promoted image",
        subject: Subject {
            environment: production(),
            repository: repository(),
            digest: digest("app"),
        },
        evidence: Evidence::none(alone(runnable("app", "linux/amd64"))),
        environment: Environment {
            name: production(),
            settings: Settings::default(),
            rules: Vec::new(),
            platform_images: Vec::new(),
            nodes: None,
        },
        exposures: Vec::new(),
        vouchings: Vec::new(),
        exceptions: Vec::new(),
        advisories: Vec::new(),
        exposure: Exposure::External,
        now: now(),
        expected: Expected::Allowed,
    };
    case.pull(alone(runnable("app", "linux/amd64")));
    case.scan(scan(1, "trivy", "app"));
    case
}

pub fn case(
    rule: u8,
    name: &'static str,
    expected: Expected,
    change: impl FnOnce(&mut Case),
) -> Case {
    let mut case = Case {
        rule,
        name,
        expected,
        ..good()
    };
    change(&mut case);
    case
}

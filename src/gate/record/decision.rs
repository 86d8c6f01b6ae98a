//! Builds the decision record of a request and its outcome.

use std::time::Instant;

use jiff::Timestamp;

use crate::gate::pull::Client;
use crate::oci::{Digest, RegistryHost, Repository, readable};
use crate::random;
use crate::trust::{
    Check, Decision, DecisionId, Denial, Door, EnvironmentName, Exposure, ExposureSource, Mode,
    Outcome, Verdict, WorkloadLocation,
};

/// A request, for its decision record.
pub(in crate::gate) struct RequestRecord<'a> {
    pub(in crate::gate) door: Door,
    pub(in crate::gate) client: &'a Client,
    /// Where in a cluster, if it was asked for there.
    pub(in crate::gate) place: Option<&'a WorkloadLocation>,
    /// As it was asked for.
    pub(in crate::gate) image: String,
    pub(in crate::gate) repository: Option<&'a Repository>,
    pub(in crate::gate) digest: Option<Digest>,
    pub(in crate::gate) started: Instant,
    /// Age of what is known of the ledger, in seconds, when it is not fresh.
    pub(in crate::gate) ledger_age_s: Option<i64>,
}

impl RequestRecord<'_> {
    pub(in crate::gate) fn upstream(&self) -> Option<&RegistryHost> {
        self.repository.map(Repository::host)
    }
}

/// The outcome of a request, for its decision record.
#[derive(Clone, Copy)]
pub(in crate::gate) struct JudgedRequest<'a> {
    pub(in crate::gate) environment: &'a EnvironmentName,
    /// Everything against it, gravest first.
    pub(in crate::gate) denials: &'a [Denial],
    /// The gravest that the mode does not lift.
    denial: Option<&'a Denial>,
    mode: Mode,
    exposure: Exposure,
    exposure_source: &'a ExposureSource,
    rulebook: u64,
    checks: &'a [Check],
    /// It passes by break-glass alone.
    by_break_glass: bool,
    evidence: &'a [String],
    oldest_evidence: Option<Timestamp>,
}

impl<'a> JudgedRequest<'a> {
    pub(in crate::gate) fn by(verdict: &'a Verdict) -> Self {
        Self {
            environment: &verdict.subject().environment,
            denials: verdict.denials(),
            denial: verdict.denial(),
            mode: verdict.mode(),
            exposure: verdict.exposure(),
            exposure_source: verdict.exposure_source(),
            rulebook: verdict.rulebook(),
            checks: verdict.checks(),
            by_break_glass: verdict.is_by_break_glass(),
            evidence: verdict.evidence(),
            oldest_evidence: verdict.oldest_evidence(),
        }
    }

    /// Refused before anything could be judged.
    pub(in crate::gate) fn refused(client: &'a Client, denial: &'a Denial, rulebook: u64) -> Self {
        Self {
            environment: &client.listener.environment,
            denials: std::slice::from_ref(denial),
            denial: Some(denial),
            mode: Mode::Enforce,
            exposure: client.listener.exposure,
            exposure_source: &ExposureSource::Listener,
            rulebook,
            checks: &[],
            by_break_glass: false,
            evidence: &[],
            oldest_evidence: None,
        }
    }

    /// The same in another mode, which lifts what it lifts.
    pub(in crate::gate) fn under(self, mode: Mode) -> Self {
        let lifts =
            |denial: &Denial| mode != Mode::Enforce && denial.reason.class().lifted_by_mode();
        Self {
            mode,
            denial: self.denial.filter(|denial| !lifts(denial)),
            ..self
        }
    }

    /// The same, let through whatever speaks against it: where it was decided, it was not
    /// enforced.
    pub(in crate::gate) fn let_through(self) -> Self {
        Self {
            mode: Mode::Audit,
            denial: None,
            ..self
        }
    }

    /// The same with another exposure source.
    pub(in crate::gate) fn exposed_by(self, exposure_source: &'a ExposureSource) -> Self {
        Self {
            exposure_source,
            ..self
        }
    }

    /// Why nothing is served, if nothing is.
    pub(in crate::gate) fn denial(&self) -> Option<&'a Denial> {
        self.denial
    }

    pub(in crate::gate) fn outcome(&self) -> Outcome {
        match (self.denial, self.denials) {
            (Some(_), _) => Outcome::Denied,
            (None, []) => Outcome::Allowed,
            (None, _) if self.by_break_glass => Outcome::BreakGlass,
            (None, _) => Outcome::WouldDeny,
        }
    }
}

/// The decision as it is recorded, given once.
pub(in crate::gate) fn decision(
    id: DecisionId,
    ask: &RequestRecord<'_>,
    judged: JudgedRequest<'_>,
    message: &str,
    now: Timestamp,
) -> Decision {
    let age = |from: Timestamp| now.duration_since(from).as_secs();
    Decision {
        id,
        time: now,
        count: 1,
        door: ask.door,
        location: ask.place.cloned(),
        environment: judged.environment.clone(),
        principal: ask.client.principal.name().to_owned(),
        unauthenticated: ask.client.principal.is_claimed(),
        client: ask.client.address.map(|address| address.to_string()),
        image: ask.image.clone(),
        upstream: ask.upstream().cloned(),
        digest: ask.digest.clone(),
        verdict: judged.outcome(),
        reasons: judged.denials.iter().map(|denial| denial.reason).collect(),
        denials: judged.denials.iter().map(bounded_denial).collect(),
        checks: judged
            .checks
            .iter()
            .take(MAX_CHECKS)
            .map(bounded_check)
            .collect(),
        message: message.to_owned(),
        mode: judged.mode,
        exposure: judged.exposure,
        exposure_source: judged.exposure_source.clone(),
        policy_revision: format!("{:016x}", judged.rulebook),
        evidence: judged.evidence.to_vec(),
        evidence_age_s: judged.oldest_evidence.map(age),
        ledger_age_s: ask.ledger_age_s,
        duration_us: u64::try_from(ask.started.elapsed().as_micros()).unwrap_or(u64::MAX),
    }
}

/// Checks that a decision keeps, at most.
const MAX_CHECKS: usize = 64;
/// The longest text of a decision, in characters.
const MAX_TEXT_CHARS: usize = 500;

fn bounded_denial(denial: &Denial) -> Denial {
    Denial {
        reason: denial.reason,
        detail: readable(&denial.detail, MAX_TEXT_CHARS),
        next_step: readable(&denial.next_step, MAX_TEXT_CHARS),
    }
}

fn bounded_check(check: &Check) -> Check {
    Check {
        text: readable(&check.text, MAX_TEXT_CHARS),
        ..check.clone()
    }
}

/// An id that nobody guesses.
pub(in crate::gate) fn fresh_id() -> DecisionId {
    DecisionId::from_random(u128::from_ne_bytes(random::bytes()))
}

//! A case of the table, put into a real ledger behind a real gateway.

use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use sekisho::cache::ContentUse;
use sekisho::demo::DemoRegistry;
use sekisho::ledger::{
    FactKind, NewBreakGlass, NewPromotion, NewRevocation, NewScan, NewTimedMode, PullFact,
    ScanTarget,
};
use sekisho::oci::{Closure, Digest, MediaType, Shape};
use sekisho::report::Severity;
use sekisho::tasks::Tasks;
use sekisho::trust::{
    BreakGlass, Ceilings, Environment, Evidence, Promotion, Revocation, Rulebook, Scan, Settings,
    TimeSource, TimedEvidence, TimedMode,
};

use super::golden::Case;
use super::images::{child, digest, index_of};
use crate::kit::{Setup, World};

/// Names whose bytes stand for manifests: a digest of the table is that of its name.
const NAMES: [&str; 12] = [
    "app",
    "statement",
    "both",
    "amd",
    "arm",
    "index",
    "chart",
    "signature",
    "other",
    "swapped",
    "statements",
    "base",
];

/// Where images of the table lie: at an upstream that holds nothing else, so that what they
/// refer to is not there.
fn upstream(origin: &str) -> String {
    format!("[[upstreams]]\nname = \"registry.corp\"\npath = \"table\"\nurl = \"{origin}\"\n")
}

/// Whether a ledger can come to hold what the case has: some cases are about what
/// it cannot say, and have tests of their own.
pub fn can_be_staged(case: &Case) -> bool {
    let evidence = &case.evidence;
    let closure = &evidence.closure;
    let known = |digest: &Digest| {
        closure
            .digests()
            .chain(&evidence.parents)
            .any(|it| it == digest)
    };
    let in_time =
        |scan: &Arc<Scan>| scan.scanned_at <= scan.received_at && scan.received_at <= case.now;
    let alone = matches!(closure.shape(), Shape::Image(_));
    evidence.confirmed
        && case.environment.name == case.subject.environment
        && *closure.root() == case.subject.digest
        && (evidence.parents.is_empty() || alone)
        && evidence.held_upstream == TimedEvidence::default()
        && case.vouchings.is_empty()
        && evidence.subject_permitted == TimedEvidence::default()
        && evidence.trusted_bases == TimedEvidence::default()
        && evidence.related.is_empty()
        && evidence.scans.iter().all(in_time)
        && evidence.revocations.iter().all(|it| known(&it.digest))
        && bytes_of(&case.subject.digest).is_some()
}

/// The name that a digest is of.
pub fn bytes_of(named: &Digest) -> Option<&'static str> {
    NAMES.into_iter().find(|name| digest(name) == *named)
}

/// A gateway whose ledger holds the evidence of a case.
pub struct Stage {
    pub world: World,
    pub case: Case,
    _upstream: Tasks,
}

impl Stage {
    pub async fn of(case: &Case) -> Self {
        let exposure = format!("exposure = \"{}\"", case.exposure.as_str());
        let tasks = Tasks::new();
        let registry = DemoRegistry::start(&tasks).await.unwrap();
        let table = upstream(&registry.origin());
        let setup = Setup::default().listener(&exposure).more(&table);
        let world = World::behind(registry, |_| setup).await;
        let case = moved(case, Timestamp::now());
        let stage = Self {
            world,
            case,
            _upstream: tasks,
        };
        stage.record().await;
        stage.decree(stage.case.rulebook());
        stage
    }

    /// Puts a policy in force.
    pub fn decree(&self, rulebook: Rulebook) {
        self.world.parts().gate.set_rulebook(rulebook);
    }

    async fn record(&self) {
        let evidence = &self.case.evidence;
        self.record_closures(evidence).await;
        let parts = self.world.parts();
        let ledger = &parts.ledger;
        for scan in &evidence.scans {
            ledger.submit_scan(new_scan(scan)).await.unwrap();
        }
        for promotion in &evidence.promotions {
            ledger.promote(new_promotion(promotion)).await.unwrap();
        }
        for revocation in &evidence.revocations {
            ledger.revoke(new_revocation(revocation)).await.unwrap();
        }
        for grant in &evidence.break_glass {
            ledger.grant_break_glass(new_grant(grant)).await.unwrap();
        }
        if let Some(set) = &evidence.timed_mode {
            ledger.set_mode(new_mode(set)).await.unwrap();
        }
        ledger.record_facts(&self.facts()).await.unwrap();
    }

    async fn record_closures(&self, evidence: &Evidence) {
        let parts = self.world.parts();
        let (root, repository) = (&evidence.closure, &self.case.subject.repository);
        parts.ledger.record_closure(repository, root).await.unwrap();
        for parents in &evidence.parents {
            let Shape::Image(image) = root.shape() else {
                continue;
            };
            let index: Arc<Closure> = index_of(parents.clone(), vec![child((**image).clone())]);
            parts
                .ledger
                .record_closure(repository, &index)
                .await
                .unwrap();
        }
        let bytes = bytes_of(root.root()).unwrap();
        let environment = self.case.subject.environment.clone();
        let stored = parts.cache.store_manifest(
            root.root(),
            MediaType::OCI_MANIFEST,
            Bytes::from_static(bytes.as_bytes()),
            ContentUse::of(environment, false, Timestamp::now()),
        );
        stored.await.unwrap();
    }

    fn facts(&self) -> Vec<PullFact> {
        let evidence = &self.case.evidence;
        let fact = |at: Option<Timestamp>, kind| {
            at.map(|at| PullFact {
                subject: self.case.subject.clone(),
                at,
                kind,
            })
        };
        let seen = fact(evidence.first_seen, FactKind::Seen);
        seen.into_iter()
            .chain(fact(evidence.first_served, FactKind::Served))
            .collect()
    }
}

/// The case under a policy by which next to nothing is denied.
pub fn lenient(case: &Case) -> Case {
    let mut case = case.clone();
    case.environment = Environment {
        name: case.environment.name,
        settings: Settings {
            require: Vec::new(),
            ceilings: Ceilings {
                external: Severity::Critical,
                internal: Severity::Critical,
            },
            ..Settings::default()
        },
        rules: Vec::new(),
        platform_images: Vec::new(),
        nodes: None,
    };
    case.exceptions.clear();
    case.advisories.clear();
    case.exposures.clear();
    case
}

/// The case as it would be if its moment were `now`.
fn moved(case: &Case, now: Timestamp) -> Case {
    let by = now.duration_since(case.now);
    let mut case = case.clone();
    case.now = now;
    for exception in &mut case.exceptions {
        exception.expires += by;
    }
    for advisory in &mut case.advisories {
        advisory.expires = later(advisory.expires, by);
    }
    move_evidence(&mut case.evidence, by);
    case
}

fn later(moment: Option<Timestamp>, by: SignedDuration) -> Option<Timestamp> {
    moment.map(|moment| moment + by)
}

fn move_evidence(evidence: &mut Evidence, by: SignedDuration) {
    for scan in &mut evidence.scans {
        let scan = Arc::make_mut(scan);
        scan.scanned_at += by;
        scan.received_at += by;
        scan.database_at = later(scan.database_at, by);
    }
    for promotion in &mut evidence.promotions {
        promotion.promoted_at += by;
    }
    for revocation in &mut evidence.revocations {
        revocation.revoked_at += by;
    }
    for grant in &mut evidence.break_glass {
        grant.granted_at += by;
        grant.until += by;
    }
    if let Some(set) = &mut evidence.timed_mode {
        set.set_at += by;
        set.until += by;
    }
    evidence.first_seen = later(evidence.first_seen, by);
    evidence.first_served = later(evidence.first_served, by);
}

fn new_scan(scan: &Scan) -> NewScan {
    let scan = scan.clone();
    let (scanned_at, declared_at) = match scan.time_source {
        Some(TimeSource::Submitter(declared)) => (None, Some(declared)),
        Some(TimeSource::Receipt) => (None, None),
        Some(TimeSource::Report) | None => (Some(scan.scanned_at), None),
    };
    NewScan {
        about: ScanTarget::Manifest(scan.manifest),
        format: scan.format,
        tool: scan.tool,
        binding: scan.binding,
        submitter: scan.submitter,
        scope: scan.scope,
        scanned_at,
        declared_at,
        received_at: scan.received_at,
        database_at: scan.database_at,
        incomplete: scan.incomplete,
        end_of_life: scan.end_of_life,
        malware: scan.malware,
        secrets: scan.secrets,
        findings: scan.findings,
        packages: scan.packages,
    }
}

fn new_promotion(promotion: &Promotion) -> NewPromotion {
    let promotion = promotion.clone();
    NewPromotion {
        subject: sekisho::trust::Subject {
            environment: promotion.environment,
            repository: promotion.repository,
            digest: promotion.digest,
        },
        tag: promotion.tag,
        promoter: promotion.promoter,
        promoted_at: promotion.promoted_at,
        reason: promotion.reason,
        link: promotion.link,
        forced: promotion.forced,
    }
}

fn new_revocation(revocation: &Revocation) -> NewRevocation {
    let revocation = revocation.clone();
    NewRevocation {
        digest: revocation.digest,
        environment: revocation.environment,
        repositories: revocation.repositories,
        revoker: revocation.revoker,
        revoked_at: revocation.revoked_at,
        reason: revocation.reason,
    }
}

fn new_grant(grant: &BreakGlass) -> NewBreakGlass {
    let grant = grant.clone();
    NewBreakGlass {
        environment: grant.environment,
        digest: grant.digest,
        image: grant.image,
        ticket: grant.ticket,
        reason: grant.reason,
        granted_by: grant.granted_by,
        granted_at: grant.granted_at,
        until: grant.until,
        lifts_revocation: grant.lifts_revocation,
    }
}

fn new_mode(set: &TimedMode) -> NewTimedMode {
    let set = set.clone();
    NewTimedMode {
        environment: set.environment,
        mode: set.mode,
        ticket: set.ticket,
        reason: set.reason,
        set_by: set.set_by,
        set_at: set.set_at,
        until: set.until,
    }
}

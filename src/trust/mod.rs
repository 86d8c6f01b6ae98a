//! Evidence in, verdict out.
//!
//! Pure: a verdict is a function of evidence, rulebook, exposure and time, and
//! says until when it holds. Every door, `explain` and the tests call the one
//! function `Rulebook::judge`.

mod act;
mod advisories;
mod advisory;
mod cached_verdict;
mod contents;
mod decision;
mod denial;
mod effective_finding;
mod environment;
mod evidence;
mod exception;
mod exposure;
mod heap_size;
mod image_names;
mod judge;
mod judge_overrides;
mod judged_finding;
mod judgement;
mod message;
mod nameless_check;
mod node_policy;
mod origin;
mod overrides;
mod package_pattern;
mod package_query;
mod permit;
mod placeholder;
mod promotions;
mod purl;
mod revocations;
mod rulebook;
mod scan_rank;
mod scans;
mod settings;
mod severities;
#[cfg(test)]
mod tests;
mod verdict;
mod vulnerability_policy;

pub use act::{Act, ActKind, LedgerMark, LoggedAct};
pub use advisory::{Advisory, Effect};
pub use cached_verdict::CachedVerdict;
pub use decision::{Decision, DecisionId, Door, Outcome, WorkloadLocation};
pub use denial::{BreakGlassReach, Denial, DenialReason, ReasonClass};
pub use environment::{Environment, EnvironmentName, EnvironmentNameError, PlatformImage};
pub use evidence::{
    Evidence, FirstReported, Promotion, Revocation, Scan, TimeSource, TimedEvidence, TrustedBase,
};
pub use exception::{Exception, told_end};
pub use exposure::{Exposure, ExposureRule, ExposureSource};
pub use image_names::{ImageNames, NamedImage};
pub use judged_finding::{AppliedPolicy, FindingOutcome, JudgedFinding};
pub use message::{MAX_LIST_CHARS, cut_at_words, denial_message};
pub use nameless_check::nameless_check;
pub use node_policy::NodePolicy;
pub use overrides::{BreakGlass, TimedMode};
pub use package_pattern::{PackagePattern, PackagePatternError, PackageRef};
pub use package_query::PackageQuery;
pub use permit::{ImageMember, Permit, Subject};
pub use placeholder::is_placeholder;
pub use rulebook::{Rulebook, Rules, Vouching};
pub use scan_rank::{NewerScans, ScanRank};
pub use scans::END_OF_LIFE;
pub use settings::{Ceilings, Mode, Requirement, SecretsPolicy, Settings};
pub use verdict::{Check, CheckOutcome, Verdict};

//! Evidence in, verdict out.
//!
//! Pure: a verdict is a function of evidence, rulebook, exposure and time, and
//! says until when it holds. Every door, `explain` and the tests call the one
//! function `Rulebook::judge`.

mod advisories;
mod advisory;
mod contents;
mod decision;
mod denial;
mod environment;
mod evidence;
mod exception;
mod exposure;
mod grants;
mod heap_size;
mod image_names;
mod judge;
mod judged_finding;
mod judgement;
mod leave;
mod message;
mod notices;
mod origin;
mod package_pattern;
mod permit;
mod promotions;
mod revocations;
mod rulebook;
mod scans;
mod settings;
mod severities;
mod standing;
#[cfg(test)]
mod tests;
mod verdict;
mod weight;

pub use advisory::{Advisory, Effect};
pub use decision::{Decision, DecisionId, Door, Outcome, Place};
pub use denial::{Class, Denial, DenialReason, Reach};
pub use environment::{Environment, EnvironmentName, EnvironmentNameError, PlatformImage};
pub use evidence::{Evidence, FirstNamed, Promotion, Revocation, Scan, TrustedBase};
pub use exception::Exception;
pub use exposure::{Exposure, ExposureRule, ExposureSource};
pub use grants::{BreakGlass, TimedMode};
pub use image_names::{ImageNames, NamedImage};
pub use judged_finding::{FindingOutcome, JudgedFinding, Word};
pub use message::denial_message;
pub use package_pattern::{NoPackage, PackagePattern, PackageRef};
pub use permit::{Permit, Subject};
pub use rulebook::{Rulebook, Rules, Vouching};
pub use scans::END_OF_LIFE;
pub use settings::{Ceilings, Mode, Requirement, Settings};
pub use standing::Standing;
pub use verdict::{Check, CheckOutcome, Verdict};

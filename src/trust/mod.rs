//! Evidence in, verdict out.
//!
//! Pure: a verdict is a function of evidence, rulebook, exposure and time, and
//! says until when it holds. Every door, `explain` and the tests call the one
//! function `Rulebook::judge`.

mod contents;
mod decision;
mod denial;
mod environment;
mod evidence;
mod exposure;
mod judge;
mod judgement;
mod message;
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

pub use decision::{Decision, DecisionId, Door, Outcome};
pub use denial::{Class, Denial, DenialReason};
pub use environment::{Environment, EnvironmentName, EnvironmentNameError, Mode, PlatformImage};
pub use evidence::{Evidence, Promotion, Revocation, Scan};
pub use exposure::{Exposure, ExposureRule, ExposureSource};
pub use message::denial_message;
pub use permit::{Permit, Subject};
pub use rulebook::{Rulebook, Vouching};
pub use settings::{Ceilings, Requirement, Settings};
pub use standing::Standing;
pub use verdict::{Check, CheckOutcome, Verdict};

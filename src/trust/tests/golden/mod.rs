//! The golden cases: (evidence, policy, exposure, now) and the verdict each gets.

pub mod built_from;
mod case;
pub mod contents;
mod evidence;
mod freshness;
mod lifted;
mod named;
mod origin;
pub mod overrides;
mod severities;
mod sources;
mod table;
pub mod vulnerability_policy;
mod withdrawn;

use super::{images, sekisho};

pub use case::*;
pub use evidence::{
    ago, days, finding, found, globs, now, production, promotion, repository, revocation, scan,
    vouching,
};
pub use table::cases;

//! The golden cases: (evidence, policy, exposure, now) and the verdict each gets.

mod case;
pub mod contents;
mod freshness;
pub mod leave;
mod lifted;
pub mod notices;
mod origin;
mod papers;
mod severities;
mod sources;
mod table;
mod withdrawn;

use super::{images, sekisho};

pub use case::*;
pub use papers::{
    ago, days, finding, found, globs, now, production, promotion, repository, revocation, scan,
    vouching,
};
pub use table::cases;

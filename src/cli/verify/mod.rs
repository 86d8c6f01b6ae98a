//! `sekisho verify`: every image in rendered manifests, judged like a pull.
//!
//! [`files`] reads what PATH names, [`ask`] asks the server once per image, and
//! [`answer`] is what became of each, shown by [`screen`] and [`junit`].

mod answer;
mod ask;
mod command;
mod files;
mod junit;
mod kinds;
mod screen;

pub(super) use answer::{VerifiedAs, VerifiedImage};
pub(super) use ask::{VerifyScope, all as ask_all};
pub use command::Verify;

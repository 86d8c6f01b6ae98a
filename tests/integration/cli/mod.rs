//! The commands, as people and scripts run them.

mod admin;
mod arguments;
mod as_json;
mod audit;
mod demo;
mod drafts;
mod kubernetes;
mod ledger;
mod live;
mod named;
mod nodes;
mod on_call;
mod pipes;
pub mod program;
mod promoting;
mod replaying;
mod restore;
mod tokens;
mod trusting;
mod verify;

//! `sekisho demo`.

mod command;
mod narrator;
mod stage;
mod story;

pub use command::Demo;

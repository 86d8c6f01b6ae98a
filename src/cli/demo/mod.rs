//! `sekisho demo`.

mod command;
mod printer;
mod setup;
mod story;

pub use command::Demo;

//! Certificates: those that listeners show, and the program's own authority.
//!
//! [`authority`] is the authority as a value, pure. [`manager`] keeps it in a folder
//! or a Secret and in order over time. [`listener`] is what a listener shows, replaced
//! while it runs.

pub mod authority;
pub mod listener;
pub mod manager;

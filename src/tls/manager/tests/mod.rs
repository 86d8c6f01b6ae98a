//! Where the authority lies, and how it is kept.

mod authority_manager;
mod folder;
mod rotation;

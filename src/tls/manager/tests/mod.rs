//! Where the authority lies, and how it is kept.

mod folder;
mod keeper;
mod rotation;

//! The real program while something that it needs fails: a disk, a limit, the memory. After each
//! fault no wrong byte has left, nothing that was acknowledged is lost, descriptors and memory are
//! back where they were, and it is ready again without a restart.
//!
//! `SEKISHO_FAULT_ROUNDS=300` asks for more rounds than the suite takes.

mod clock;
mod disk;
mod files;
mod limits;
mod memory;
mod server;
mod site;
mod soak;
mod weight;

/// How often each fault comes.
pub fn rounds() -> u64 {
    let asked = std::env::var("SEKISHO_FAULT_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(3)
}

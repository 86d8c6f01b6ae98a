//! The whole program: files that change, certificates, probes, ends and starts.

mod authority;
mod certificates;
mod confined;
mod counted;
mod descriptors;
mod disks;
mod ends;
mod flood;
mod follow;
mod holders;
mod hosts;
mod kills;
mod losses;
mod notices;
mod notifying;
mod policy;
mod probes;
mod program;
mod rejudging;
mod releases;
mod scraped;
mod secrets;
pub mod served;
mod server_ledger;
mod traces;
pub mod webhook;
mod well;

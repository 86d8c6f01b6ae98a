//! The registry door, through the whole program: every bypass that others left
//! open, by its number, and what nodes rely on.

mod artifacts;
mod bodies;
mod clients;
mod cold;
mod denials;
mod digests;
mod followers;
mod head;
mod indexes;
mod names;
mod ranges;
mod revocations;
mod tags;
mod upstreams;

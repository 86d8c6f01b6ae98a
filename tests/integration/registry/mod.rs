//! The registry door, through the whole program: bypasses by their numbers in
//! `docs/security.md`, and what nodes rely on.

mod artifacts;
mod audit_loss;
mod bases;
mod blob_lanes;
mod bodies;
mod causes;
mod clients;
mod clock;
mod cold;
mod credentials;
mod denials;
mod digests;
mod followers;
mod head;
mod indexes;
mod lanes;
mod leaks;
mod lifecycle;
mod lists;
mod methods;
mod modes;
mod names;
mod odd_upstreams;
mod origin;
mod overload;
mod platform_images;
mod ranges;
mod reading;
mod records;
mod revocations;
mod spoken_against;
mod tags;
mod tokens;
mod upstreams;
mod vouching;

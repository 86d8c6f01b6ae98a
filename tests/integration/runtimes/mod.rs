//! Real clients pull real images through the real binary.

mod by_name;
mod cold_start;
mod conformance;
mod controls;
mod crash;
mod evidence;
mod herd;
mod mirror;
mod revocation;
mod upstream_auth;

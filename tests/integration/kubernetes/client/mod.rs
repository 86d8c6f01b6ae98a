//! The client of Kubernetes' API, against a real API server.

mod arming;
mod denials;
mod knowledge;
mod place;
mod secret;
mod webhook;

//! The client of remote registries against a registry that counts and fails.

mod blobs;
mod budget;
mod credentials;
mod health;
mod lists;
mod manifests;
mod paths;
mod proxy;
mod redirects;
mod referrers;
mod setting;
mod tags;
mod tls;
mod tokens;

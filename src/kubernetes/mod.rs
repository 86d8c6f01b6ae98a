//! Everything that is about Kubernetes and is no door.
//!
//! [`client`] speaks to an API server and is the only room that does. The others are
//! pure: [`exposure`] finds the Pods that requests from outside reach, [`objects`] what
//! to apply to a cluster, [`images`] which images rendered manifests run, [`doctor`] what
//! is wrong in a cluster, [`names`] what they must agree on. The admission webhooks are a
//! door: `admission`.

pub mod client;
pub mod doctor;
pub mod exposure;
pub mod images;
pub mod names;
pub mod objects;

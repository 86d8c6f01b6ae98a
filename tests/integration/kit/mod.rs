//! What tests of a whole program need: the program itself with two upstreams,
//! and clients that read every byte.

mod evidence;
mod odd;
mod setup;
mod wire;
mod world;

pub use evidence::{Found, report};
pub use odd::{amd64, entry, image, image_on, index_of, manifest_of, piece};
pub use setup::Setup;
pub use wire::{Reply, Wire};
pub use world::{World, blobs, manifests};

//! What tests of a whole program need: the program itself, upstreams before it, and
//! clients that read every byte.

pub mod cluster_api;
pub mod collector;
pub mod events;
mod evidence;
mod full_pipe;
pub mod lab;
mod odd;
pub mod postgres;
pub mod receiver;
mod running;
mod setup;
mod wire;
mod world;

pub use evidence::{Found, report};
pub use full_pipe::FullPipe;
pub use odd::{amd64, entry, image, image_on, index_of, manifest_of, piece};
pub use running::{Running, eventually};
pub use setup::Setup;
pub use wire::{Reply, Wire};
pub use world::{World, blobs, manifests};

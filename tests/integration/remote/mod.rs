//! The remote tier of bytes, over a real S3 server.

mod drills;
mod herd;
mod reaching;
mod redirects;
mod sharing;
mod stage;

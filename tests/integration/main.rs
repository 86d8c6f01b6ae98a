//! The one integration-test binary. Its tree mirrors the doors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod upstream;

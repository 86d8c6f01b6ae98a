//! The one integration-test binary. Its tree mirrors the doors.
// A test that cannot go on should fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ledger;

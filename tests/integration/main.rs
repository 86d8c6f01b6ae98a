//! The one integration-test binary. Its tree mirrors the doors.

//! Why a session with a runtime cannot go on.

/// What the other side sent is no NRI, or not one that is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NriError {
    #[error("a frame of {0} bytes; none is longer than 4 MiB")]
    LongFrame(u32),
    #[error("a message of {0} bytes; none is longer than 4 MiB")]
    LongMessage(u32),
    #[error("a message of kind {0} where none is expected")]
    Kind(u8),
    #[error("a message that is no protobuf")]
    Unreadable,
}

//! An object of the store, without its bytes.

/// An object as it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundObject {
    /// In bytes.
    pub(super) size: u64,
    /// Another one for other bytes, or another write.
    pub(super) tag: Option<String>,
}

//! How far the loading of the index has come.

/// How far loading has come.
#[derive(Default)]
pub(super) struct LoadCursor {
    pub part: LoadedPart,
    pub rows: u64,
}

/// What is loaded now, and after which row.
pub(super) enum LoadedPart {
    Closures(i64),
    Aliases(String),
    Scans(i64),
    Promotions(i64),
    Done,
}

impl Default for LoadedPart {
    fn default() -> Self {
        Self::Closures(i64::MIN)
    }
}

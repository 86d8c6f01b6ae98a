//! Which authority the configuration asks for: its store and its names.

mod names;
mod opened;

#[cfg(test)]
mod tests;

pub(super) use opened::open;

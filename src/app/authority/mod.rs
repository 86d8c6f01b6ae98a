//! Which authority the configuration asks for: its store and its names.

mod names;
mod open;

#[cfg(test)]
mod tests;

pub(super) use open::open;

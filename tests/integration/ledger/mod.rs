//! The records, as the rooms above see them.

mod evidence;
mod following;
mod keeping;
mod places;
mod records;
mod standing;
mod tokens;

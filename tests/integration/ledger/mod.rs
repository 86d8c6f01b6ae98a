//! The records, as the rooms above see them.

mod due;
mod evidence;
mod following;
mod keeping;
mod leave;
mod migrating;
mod named;
mod places;
mod records;
mod resubmitting;
mod standing;
mod tokens;
mod unbound;

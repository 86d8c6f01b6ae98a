//! An authority through its years, and through its files.

mod files;
mod life;
mod stage;

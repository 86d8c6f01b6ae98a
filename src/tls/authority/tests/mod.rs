//! An authority through its years, and through its files.

mod clients;
mod files;
mod life;

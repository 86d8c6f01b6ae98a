//! The ways around the gate, by their numbers in `docs/security.md`, through HTTP: with a
//! hostile upstream, client, uploader and author of Pods. Those that belong to what a door
//! does are tests beside that door, and the table names them.

mod nested;
mod requests;
mod table;

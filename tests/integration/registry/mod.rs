//! The registry door, through the whole program: every bypass that others left
//! open, by its number, and what nodes rely on.

mod bodies;
mod cold;
mod head;
mod indexes;

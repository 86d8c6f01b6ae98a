mod containers;
mod fuzz;
mod kit;
mod sessions;

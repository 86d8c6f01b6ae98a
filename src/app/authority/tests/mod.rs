//! What is made of the configuration.

mod names;

//! What is found in manifests, and what is refused.

mod bounds;
mod kinds;
mod lacks;
mod nested;
mod others;
mod policies;
mod reading;

//! What is found in manifests, and what is refused.

mod bounds;
mod disputed;
mod kinds;
mod lacks;
mod nested;
mod others;
mod policies;
mod reading;

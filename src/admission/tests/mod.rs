//! The parts that need no gate: names, places of images, patches.

mod fuzz;
mod names;
mod places;

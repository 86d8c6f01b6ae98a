//! The parts that need no gate: names, places of images, patches.

mod names;
mod places;

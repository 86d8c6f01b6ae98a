//! Real clients pull real images through the real binary.

mod controls;

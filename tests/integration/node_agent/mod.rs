//! A node's agent between a real gateway and a real container runtime, which is asked by its
//! CRI as a kubelet asks it.

mod beside;
mod cuts;
mod doctor;
mod drill;
mod measure;
mod stage;

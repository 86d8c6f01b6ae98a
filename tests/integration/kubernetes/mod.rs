//! Clusters end to end: a real API server and a node whose images come through a
//! gateway.

mod cluster;
mod doctor;
mod generations;
mod node;

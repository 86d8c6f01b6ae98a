//! Clusters end to end: a real API server and a node whose images come through a
//! gateway.

mod cluster;
mod generations;
mod node;

//! Clusters end to end: a real API server and a node whose images come through a
//! gateway.

mod agreement;
mod chart;
mod client;
mod cluster;
mod denials;
mod doctor;
mod drills;
mod exposure;
mod fresh_node;
mod generations;
mod guarded;
mod node;
mod node_agent;
mod objects;
mod rewriting;
mod rotation;
mod running;
mod updates;

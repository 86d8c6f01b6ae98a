//! The admin API: where CI and people hand in evidence and read verdicts.
//!
//! Judges nothing itself: verdicts come from the gate, records from the ledger.
//! `router.rs` shows every route on one page, `http/stack.rs` what each request passes; the
//! OpenAPI document is made from the same lines.

mod activity;
mod acts;
mod asked_decisions;
mod asked_image;
mod audit_seals;
mod authenticate;
mod decision_stream;
mod decisions;
mod denial_groups;
mod door;
mod due;
mod error;
mod exceptions;
mod extract;
mod forecast;
mod hosts;
mod hypothetical_pull;
mod image_detail;
mod image_findings;
mod image_in_use;
mod image_lineage;
mod image_list;
mod image_matches;
mod image_names;
mod image_places;
mod image_search;
mod images;
mod images_in_use;
mod newer_scan;
mod notifications;
mod origin;
mod overrides;
mod passing;
mod promotions;
mod replays;
mod replicas;
mod repository_activity;
mod revocations;
mod revoked;
mod router;
mod running_pods;
mod scans;
mod state;
mod status;
mod submission;
mod tokens;
mod unlifted;
mod unpushed;
mod verdicts;
mod visible_images;
mod within;

pub use door::admin_door;
pub use hosts::Hosts;
pub use image_names::EnvironmentImageNames;
pub use state::{
    Admin, ClusterPods, PodReach, PodSource, PolicyReader, Pulls, ReplicaSource, StatusSource,
};

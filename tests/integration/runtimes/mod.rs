//! Real clients pull real images through the real binary.

mod by_name;
mod ci_scripts;
mod cold_start;
mod compose;
mod conformance;
mod container_image;
mod controls;
mod crash;
mod denial;
mod docker_mirror;
mod doctor;
mod doctor_containers;
mod evidence;
mod gitlab;
mod herd;
mod hosts_files;
mod mirror;
mod odd_upstreams;
mod revocation;
mod trivy;
mod trivy_formats;
mod unpushed;
mod upstream_auth;
mod upstream_paths;
mod upstreams;

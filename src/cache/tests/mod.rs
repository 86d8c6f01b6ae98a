mod disk;
mod eviction;
mod filling;
mod kit;
mod manifests;
mod sharing;
mod upstreams;

mod arming;
mod cluster;
mod denials;
mod drift;
mod kit;
mod knowledge;
mod snapshot;
mod webhook;

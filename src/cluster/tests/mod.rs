mod arming;
mod client;
mod denials;
mod drift;
mod kit;
mod knowledge;
mod webhook;

mod cluster;
mod denial_events;
mod drift;
mod exposure_watcher;
mod kit;
mod snapshot;
mod webhook;
mod webhook_reconciler;

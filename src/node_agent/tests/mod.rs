mod cri;
mod event_queue;
mod judgement;
mod keeping;
mod kit;
mod sessions;

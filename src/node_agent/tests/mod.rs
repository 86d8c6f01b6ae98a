mod cri;
mod event_queue;
mod following;
mod fuzz;
mod judgement;
mod keeping;
mod kit;
mod sessions;

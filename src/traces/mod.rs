//! Traces by OTLP: spans wait in a bounded queue, from where they are sent to a collector.
//! No request waits for it, and what finds no room is dropped and counted.

mod collector;
mod error;
mod options;
mod queue;
mod sampler;

pub use collector::TraceExport;
pub use error::TraceError;
pub use options::TraceOptions;

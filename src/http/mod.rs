//! Plumbing without business: accept, TLS, the service stack, drain.
//!
//! A door binds a listener, hands it a service for each connection, and gets
//! HTTP/1.1 with limits, a client certificate's name and an orderly end. Version
//! 1.1 alone, since only it has the reason phrase that carries a denial.

mod authorization;
mod body;
mod body_room;
mod connection;
mod entrance;
mod limits;
mod listen;
mod pace;
mod peer;
mod places;
mod reason;
mod receive;
mod request_id;
mod shares;
mod stack;

#[cfg(test)]
mod tests;

pub use authorization::{BadAuthorization, Credentials};
pub use body::Body;
pub use body_room::{BodyRoom, RoomTaken};
pub use connection::{Answering, Connection};
pub use limits::Limits;
pub use listen::{Bound, ListenError};
pub use pace::Pace;
pub use peer::Peer;
pub use reason::{MAX_REASON, reason_phrase};
pub use receive::{Received, beginning, receive};
pub use stack::{Door, Stack, StackLimits, without_body};

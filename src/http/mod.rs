//! Plumbing without business: accept, TLS, the service stack, drain.
//!
//! A door binds a listener, hands it a service for each connection, and gets
//! HTTP/1.1 with limits, a client certificate's name and an orderly end. Version
//! 1.1 alone, since only it has the reason phrase that carries a denial.

mod authorization;
mod body;
mod body_budget;
mod connection;
mod entrance;
mod head_timer;
mod limits;
mod listen;
mod pace;
mod peer;
mod places;
mod reason;
mod receive;
mod request_id;
mod routed_door;
mod shares;
mod stack;

#[cfg(test)]
mod tests;

pub use authorization::{AuthorizationError, AuthorizationHeader};
pub use body::Body;
pub use body_budget::{BodyBudget, ReservedBytes, client_network};
pub use connection::{Answering, Connection};
pub use limits::ConnectionLimits;
pub use listen::{BoundListener, ListenError};
pub use pace::Pace;
pub use peer::{LocalClient, Peer};
pub use reason::{MAX_REASON, ReasonPhrase, reason_phrase};
pub use receive::{ReceiveLimits, Received, beginning, receive};
pub use routed_door::{RoutedDoor, Unserved};
pub use stack::{Handler, Stack, StackLimits, without_body};

//! Falls of what several gateways share, while they serve: what was admitted goes on,
//! nothing that was acknowledged is lost, and all comes back by itself.

mod alike;
mod once;
mod outages;
mod propagation;
mod restored;
mod stage;
mod writers;

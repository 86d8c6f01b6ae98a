//! The console: the pages that people watch.
//!
//! Every page is the admin API's answer, drawn: the pages ask that API within the process,
//! for whoever signed in, so what a token reads there it sees here, and no more. Nothing is
//! judged or decided here. `router.rs` shows every page, `visit.rs` how one asks; templates
//! lie in `pages`, and what browsers load besides in `assets`.

mod activity_chart;
mod acts;
mod admin_api;
mod advisory_draft;
mod assets;
mod decision;
mod decision_page;
mod decision_text;
mod decisions;
mod denials;
mod download;
mod elsewhere;
mod environment_choice;
mod exceptions;
mod filters;
mod finding_rows;
mod forecast;
mod form;
mod frame;
mod image;
mod images;
mod live;
mod merge_request;
mod moment;
mod overview;
mod overview_activity;
mod overview_repositories;
mod overview_rows;
mod page;
mod page_error;
mod pod_rows;
mod quantities;
mod remedies;
mod revoke;
mod router;
mod session_layer;
mod sessions;
mod short_name;
mod sign_in;
mod state;
mod try_image;
mod visit;
mod way_back;

pub use router::console;
pub use state::ConsoleOptions;

//! Every page, and what all of them pass.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::admin_api::AdminApi;
use super::elsewhere::{elsewhere, other_method};
use super::session_layer::recognise;
use super::state::{Console, ConsoleOptions};
use super::{assets, decision, overview, sign_in};

/// The pages in front of the admin API's routes, which answer what is no page.
pub fn console(options: ConsoleOptions, api: Router) -> Router {
    let console = Console::new(options, AdminApi::new(api));
    Router::new()
        .route("/", get(overview::page))
        .route("/d/{id}", get(decision::page))
        .route(sign_in::SIGN_IN, get(sign_in::page).post(sign_in::sign_in))
        .route(sign_in::SIGN_OUT, post(sign_in::sign_out))
        .route("/assets/{name}", get(assets::asset))
        .method_not_allowed_fallback(other_method)
        .fallback(elsewhere)
        .layer(from_fn_with_state(console.clone(), recognise))
        .with_state(console)
}

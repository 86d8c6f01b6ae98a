//! Every page, and what all of them pass.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::admin_api::AdminApi;
use super::elsewhere::{elsewhere, other_method};
use super::live::{LIVE, live};
use super::session_layer::recognise;
use super::state::{Console, ConsoleOptions};
use super::way_back::SIGN_IN;
use super::{
    acts, assets, decision, decisions, denials, exceptions, forecast, image, images, overview,
    revoke, sign_in, try_image,
};

/// The pages in front of the admin API's routes, which answer what is no page.
pub fn console(options: ConsoleOptions, api: Router) -> Router {
    let console = Console::new(options, AdminApi::new(api));
    Router::new()
        .route("/", get(overview::page))
        .route("/denials", get(denials::page))
        .route(LIVE, get(live))
        .route("/d/{id}", get(decision::page))
        .route("/images", get(images::page))
        .route("/images.csv", get(images::spreadsheet))
        .route("/images/{digest}", get(image::page))
        .route("/revoke", get(revoke::page).post(revoke::revoke))
        .route("/forecast", get(forecast::page))
        .route("/forecast.csv", get(forecast::spreadsheet))
        .route("/exceptions", get(exceptions::page))
        .route("/acts", get(acts::page))
        .route("/acts.csv", get(acts::spreadsheet))
        .route("/decisions", get(decisions::page))
        .route("/decisions.csv", get(decisions::spreadsheet))
        .route("/try", get(try_image::page).post(try_image::manifest))
        .route(SIGN_IN, get(sign_in::page).post(sign_in::sign_in))
        .route(sign_in::SIGN_OUT, post(sign_in::sign_out))
        .route("/assets/{name}", get(assets::asset))
        .method_not_allowed_fallback(other_method)
        .fallback(elsewhere)
        .layer(from_fn_with_state(console.clone(), recognise))
        .with_state(console)
}

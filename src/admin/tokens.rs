//! Tokens: made, listed and revoked by admins.

use axum::Json;
use axum::extract::State;
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Admin;
use super::authenticate::{Authenticated, RequestTime, forbidden};
use super::error::AdminError;
use super::extract::{JsonBody, PathName, StrictQuery};
use super::origin::RequestOrigin;
use crate::access::{Principal, Scope};
use crate::api::{ErrorBody, TokenList, TokenRequest, TokenRevoked, TokenSecret, TokenView};
use crate::ledger::{NewToken, TokenRecord};
use crate::trust::EnvironmentName;

/// The query of `DELETE`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RevokeQuery {
    /// Also withdraw what was submitted with the token, and revoke again what it reinstated.
    #[serde(default)]
    evidence: bool,
}

/// Make a token. Its secret is shown this once.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    request_body = TokenRequest,
    responses((status = 200, body = TokenSecret), (status = 409, body = ErrorBody))
)]
pub(super) async fn create(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
    RequestTime(now): RequestTime,
    origin: RequestOrigin,
    JsonBody(request): JsonBody<TokenRequest>,
) -> Result<Json<TokenSecret>, AdminError> {
    admins_only(&principal)?;
    for name in &request.environments {
        admin.environment(Some(name.clone()))?;
    }
    if let Some(why) = request.lifeless(now) {
        return Err(AdminError::bad_request(why));
    }
    let environments = request.environments.iter().map(EnvironmentName::to_string);
    let new = NewToken {
        name: request.name,
        role: request.role,
        scope: Scope::new(request.repositories, environments.collect()),
        created_at: now,
        expires_at: request.expires_at,
    };
    let secret = admin
        .ledger
        .create_token(origin.by(&principal, new.clone()))
        .await?;
    Ok(Json(TokenSecret {
        secret: secret.expose_secret().to_owned(),
        token: view(TokenRecord {
            name: new.name,
            role: new.role,
            scope: new.scope,
            created_at: new.created_at,
            expires_at: new.expires_at,
            revoked_at: None,
        }),
    }))
}

/// List tokens, without their secrets.
#[utoipa::path(get, path = "/api/v1/tokens", responses((status = 200, body = TokenList)))]
pub(super) async fn list(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
) -> Result<Json<TokenList>, AdminError> {
    admins_only(&principal)?;
    let tokens = admin.ledger.tokens().await?;
    Ok(Json(TokenList {
        tokens: tokens.into_iter().map(view).collect(),
    }))
}

/// Revoke a token.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{name}",
    params(("name" = String, Path), RevokeQuery),
    responses((status = 200, body = TokenRevoked), (status = 404, body = ErrorBody))
)]
pub(super) async fn revoke(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
    RequestTime(now): RequestTime,
    origin: RequestOrigin,
    PathName(name): PathName,
    StrictQuery(withdrawal): StrictQuery<RevokeQuery>,
) -> Result<Json<TokenRevoked>, AdminError> {
    admins_only(&principal)?;
    let revoked_before = admin.ledger.token_revoked_at(&name).await?;
    let withdrawn = admin
        .ledger
        .revoke_token(
            origin.by(&principal, name.as_str()),
            withdrawal.evidence,
            now,
        )
        .await?;
    let tokens_made = admin.ledger.good_tokens_made_with(&name, now).await?;
    Ok(Json(TokenRevoked {
        name,
        withdrawn_scans: withdrawn.scans,
        withdrawn_unbound_scans: withdrawn.unbound_scans,
        withdrawn_promotions: withdrawn.promotions,
        revoked_before,
        withdrawn_break_glass: withdrawn.break_glass,
        withdrawn_modes: withdrawn.modes,
        withdrawn_reinstatements: withdrawn.reinstatements,
        tokens_made,
    }))
}

fn admins_only(principal: &Principal) -> Result<(), AdminError> {
    if !principal.role().may_manage_tokens() {
        return Err(forbidden(principal, "manage tokens"));
    }
    // One token could make another that reaches further.
    if !principal.scope().is_everything() {
        return Err(forbidden(principal, "manage tokens beyond its own scope"));
    }
    Ok(())
}

fn view(record: TokenRecord) -> TokenView {
    TokenView {
        repositories: record.scope.repositories().to_vec(),
        environments: record.scope.environments().to_vec(),
        name: record.name,
        role: record.role,
        created_at: record.created_at,
        expires_at: record.expires_at,
        revoked_at: record.revoked_at,
    }
}

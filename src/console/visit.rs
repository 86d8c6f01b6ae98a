//! One request for a page: who asks, when, and of what the page is made.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Extensions, HeaderMap, Uri, header};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::admin_api::{ApiRefusal, address};
use super::frame::Frame;
use super::page_error::PageError;
use super::sessions::{CurrentSession, HeldBack};
use super::state::Console;
use super::way_back::{self, SIGN_IN};
use crate::access::SignedIn;
use crate::api::ErrorCode;
use crate::clock::ReceivedAt;
use crate::http::{LocalClient, Peer};

/// Somebody who opens a page.
#[derive(Clone)]
pub(super) struct Visit {
    pub console: Console,
    pub now: Timestamp,
    pub uri: Uri,
    context: Extensions,
    wanted: Wanted,
}

/// What a client understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A browser.
    Html,
    /// A program that says so.
    Json,
    /// curl, and all else.
    Text,
}

impl FromRequestParts<Console> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Infallible> {
        let context = context(&parts.extensions);
        // Every request has passed the door, which reads the clock.
        let now = context.get::<ReceivedAt>().map(|ReceivedAt(now)| *now);
        let now = now.unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(Self {
            console: console.clone(),
            now,
            uri: parts.uri.clone(),
            wanted: Wanted::by(&parts.headers),
            context,
        })
    }
}

/// What a question to the API has of the page's request: who asks, from where, and when;
/// and nothing of how that one was routed.
pub(super) fn context(of: &Extensions) -> Extensions {
    let mut context = Extensions::new();
    keep::<ReceivedAt>(of, &mut context);
    keep::<Peer>(of, &mut context);
    keep::<LocalClient>(of, &mut context);
    keep::<SignedIn>(of, &mut context);
    keep::<CurrentSession>(of, &mut context);
    keep::<HeldBack>(of, &mut context);
    context
}

fn keep<T: Clone + Send + Sync + 'static>(of: &Extensions, context: &mut Extensions) {
    if let Some(value) = of.get::<T>() {
        context.insert(value.clone());
    }
}

impl Visit {
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }

    pub fn session(&self) -> Option<&CurrentSession> {
        self.context.get()
    }

    /// What the admin API says to whoever asks.
    ///
    /// # Errors
    /// The page that tells why it says nothing: a form to sign in, where that helps.
    pub async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, PageError> {
        let asked = self.ask(path, query).await;
        asked.map_err(|refusal| self.refused(refusal))
    }

    /// The same at an address with its query.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_at<T: DeserializeOwned>(&self, address: &str) -> Result<T, PageError> {
        let asked = self.get(address).await;
        asked.map_err(|refusal| self.refused(refusal))
    }

    /// The same as [`Self::read`], where the page goes on without it.
    ///
    /// # Errors
    /// What the admin API refuses, in its words.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, ApiRefusal> {
        self.get(&address(path, query)).await
    }

    /// Who is shown a page may look for images next. Programs, and who may not read, do not
    /// come here.
    async fn get<T: DeserializeOwned>(&self, address: &str) -> Result<T, ApiRefusal> {
        let answer = self.console.api.get(&self.context, address).await?;
        self.console.ledger.expect_catalogue(self.now);
        Ok(answer)
    }

    /// Writes at the admin API, for whoever sent a form of this site.
    ///
    /// # Errors
    /// The page that tells what was refused.
    pub async fn write<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, PageError> {
        let written = self.console.api.post(&self.context, path, body).await;
        written.map_err(|refusal| self.refused(refusal))
    }

    /// The same visit, once its form is known to come from a page of its own session.
    pub fn of_own_form(mut self) -> Self {
        if let Some(HeldBack(signed_in)) = self.context.get::<HeldBack>().cloned() {
            self.context.insert(signed_in);
        }
        self
    }

    /// What surrounds a page.
    pub fn frame(&self, title: &str) -> Frame {
        let frame = Frame::new(title, self.uri.path(), self.session());
        let place = match self.uri.path() {
            SIGN_IN => way_back::asked(&self.uri),
            _ => self.here(),
        };
        frame.coming_back_to(&place)
    }

    /// What the API refused, as a page.
    pub fn refused(&self, refusal: ApiRefusal) -> PageError {
        PageError {
            frame: self.frame("Not shown"),
            here: self.here(),
            status: refusal.status,
            error: refusal.error,
        }
    }

    pub fn bad_request(&self, message: &str) -> PageError {
        self.refused(ApiRefusal::bad_request(message))
    }

    /// What only somebody may do who is signed in.
    pub fn sign_in_first(&self) -> PageError {
        let told = "this needs somebody who signed in";
        self.refused(ApiRefusal::new(ErrorCode::Unauthenticated, told, None))
    }

    /// A form that this site did not send.
    pub fn foreign(&self) -> PageError {
        let told = "that form was not sent from a page of this session";
        let next = Some("open the page again, and send it from there");
        self.refused(ApiRefusal::new(ErrorCode::Forbidden, told, next))
    }

    /// Path and query of the page itself.
    fn here(&self) -> String {
        let here = self.uri.path_and_query();
        here.map_or_else(|| "/".to_owned(), ToString::to_string)
    }
}

impl Wanted {
    fn by(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter();
        let accepted: Vec<&str> = accepted.filter_map(|it| it.to_str().ok()).collect();
        let names = |media_type: &str| accepted.iter().any(|it| it.contains(media_type));
        match (names("text/html"), names("application/json")) {
            (true, _) => Self::Html,
            (false, true) => Self::Json,
            (false, false) => Self::Text,
        }
    }
}

//! Tokens (distribution token specification): requested once, cached until they expire,
//! sent only to the upstream that required them.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use url::Url;

use crate::flight::SingleFlight;
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::oci::RepositoryName;

use super::api_root::ApiRoot;
use super::challenge::{self, Challenge};
use super::credential_source::{HeldCredentials, ShownCredentials};
use super::health::CallKind;
use super::transport::Transport;
use super::{UpstreamCredentials, UpstreamError, answer};

/// Bytes of tokens, and of challenges, remembered at most. A token may be long.
const MAX_BYTES: u64 = 8 << 20;
/// Bytes of a token server's answer.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
/// Seconds that a token lasts when its server says less, or nothing.
const MIN_LIFE_SECONDS: u64 = 60;
/// Seconds that a token is kept at most.
const MAX_LIFE_SECONDS: u64 = 24 * 3600;
/// Seconds before its end at which a token is asked for anew.
const RENEWAL_MARGIN_SECONDS: u64 = 10;

/// Tokens and credentials for calls to one upstream.
pub(super) struct Tokens {
    transport: Arc<Transport>,
    root: ApiRoot,
    credentials: HeldCredentials,
    /// What each repository was last challenged for.
    wanted: BoundedMemory<RepositoryName, WantedAuthorization>,
    tokens: BoundedMemory<OwnToken, Token>,
    flights: SingleFlight<OwnToken, Result<Token, UpstreamError>>,
}

#[derive(Clone)]
enum WantedAuthorization {
    Basic,
    Token(TokenKey),
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct TokenKey {
    realm: Url,
    service: Option<String>,
    scope: String,
    /// Asked for without credentials.
    anonymous: bool,
}

/// A token, and which generation of credentials it was got with; 0: none.
#[derive(Clone, PartialEq, Eq, Hash)]
struct OwnToken {
    key: TokenKey,
    generation: u64,
}

impl HeapSize for OwnToken {
    fn heap_size(&self) -> usize {
        self.key.heap_size()
    }
}

impl HeapSize for TokenKey {
    fn heap_size(&self) -> usize {
        let texts = self.realm.as_str().heap_size() + self.service.heap_size();
        texts + self.scope.heap_size()
    }
}

impl HeapSize for WantedAuthorization {
    fn heap_size(&self) -> usize {
        match self {
            Self::Basic => 0,
            Self::Token(key) => key.heap_size(),
        }
    }
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    fresh_until: Instant,
}

impl HeapSize for Token {
    fn heap_size(&self) -> usize {
        self.header.len()
    }
}

impl Tokens {
    pub(super) fn new(
        transport: Arc<Transport>,
        root: ApiRoot,
        credentials: HeldCredentials,
    ) -> Self {
        Self {
            transport,
            root,
            credentials,
            wanted: BoundedMemory::new(MAX_BYTES),
            tokens: BoundedMemory::new(MAX_BYTES),
            flights: SingleFlight::default(),
        }
    }

    pub(super) fn replace_credentials(&self, credentials: &UpstreamCredentials) {
        self.credentials.replace(credentials);
    }

    /// What `repository` wanted last time, so that most calls are not
    /// challenged at all.
    pub(super) async fn known(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<HeaderValue>, UpstreamError> {
        match self.wanted.last(repository) {
            None => Ok(None),
            Some(WantedAuthorization::Basic) => {
                let shown = self.credentials.at(Instant::now()).await?;
                Ok(shown.map(|shown| shown.basic))
            }
            Some(WantedAuthorization::Token(key)) => self.token(&key, None).await.map(Some),
        }
    }

    /// Answers the challenge in `headers`. What was `refused` just now is not
    /// shown again.
    pub(super) async fn answer(
        &self,
        repository: &RepositoryName,
        headers: &HeaderMap,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, UpstreamError> {
        let wanted = self.choose(repository, headers)?;
        let (name, validity) = (repository.clone(), Validity::ALWAYS);
        self.wanted.insert(name, wanted.clone(), validity);
        match wanted {
            WantedAuthorization::Token(key) => self.token(&key, refused).await,
            WantedAuthorization::Basic => self.untried(refused).await,
        }
    }

    /// The credentials themselves, if they are not those that were `refused`.
    async fn untried(&self, refused: Option<&HeaderValue>) -> Result<HeaderValue, UpstreamError> {
        let now = Instant::now();
        let shown = self.credentials.at(now).await?;
        let shown = shown.ok_or(UpstreamError::Unauthorized)?;
        if refused != Some(&shown.basic) {
            return Ok(shown.basic);
        }
        let others = self.credentials.instead_of(&shown, now).await?;
        others
            .map(|others| others.basic)
            .ok_or(UpstreamError::Unauthorized)
    }

    /// Answers the challenge in `headers` of the listed host `at`, where a redirect led:
    /// by a token that is asked for without credentials, or not at all. What was
    /// `refused` just now is not shown again.
    pub(super) async fn anonymous(
        &self,
        repository: &RepositoryName,
        headers: &HeaderMap,
        at: &Url,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, UpstreamError> {
        let Challenge::Bearer {
            realm,
            service,
            scope,
        } = preferred(headers)?
        else {
            return Err(UpstreamError::Unauthorized);
        };
        let realm = parse_realm(&realm)?;
        let allowed = &self.transport.allowed_hosts;
        allowed.check_anonymous_realm(at, &realm)?;
        let key = TokenKey {
            realm,
            service,
            scope: scope_elsewhere(repository, scope),
            anonymous: true,
        };
        self.token(&key, refused).await
    }

    fn choose(
        &self,
        repository: &RepositoryName,
        headers: &HeaderMap,
    ) -> Result<WantedAuthorization, UpstreamError> {
        let Challenge::Bearer {
            realm,
            service,
            scope,
        } = preferred(headers)?
        else {
            return Ok(WantedAuthorization::Basic);
        };
        let realm = parse_realm(&realm)?;
        self.transport.allowed_hosts.check_realm(&realm)?;
        Ok(WantedAuthorization::Token(TokenKey {
            realm,
            service,
            scope: scope_for(&self.root, repository, scope.as_deref()),
            anonymous: false,
        }))
    }

    /// A token for `key`, not the one that was `refused` just now. Where its server
    /// refuses our credentials, others are tried if there are any.
    async fn token(
        &self,
        key: &TokenKey,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, UpstreamError> {
        let now = Instant::now();
        let shown = match key.anonymous {
            true => None,
            false => self.credentials.at(now).await?,
        };
        let outcome = self.token_by(key, shown.as_ref(), refused).await;
        let (Err(UpstreamError::Unauthorized), Some(shown)) = (&outcome, &shown) else {
            return outcome;
        };
        match self.credentials.instead_of(shown, now).await? {
            Some(others) => self.token_by(key, Some(&others), refused).await,
            None => outcome,
        }
    }

    async fn token_by(
        &self,
        key: &TokenKey,
        shown: Option<&ShownCredentials>,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, UpstreamError> {
        let own = OwnToken {
            key: key.clone(),
            generation: shown.map_or(0, |shown| shown.generation),
        };
        let good =
            |token: &Token| token.fresh_until > Instant::now() && refused != Some(&token.header);
        if let Some(token) = self.tokens.last(&own).filter(good) {
            return Ok(token.header);
        }
        let basic = shown.map(|shown| shown.basic.clone());
        let start = || fetch(self.transport.clone(), basic, key.clone());
        let token = self.flights.join(&own, start).await?;
        self.tokens.insert(own, token.clone(), Validity::ALWAYS);
        Ok(token.header)
    }
}

/// Bearer before Basic: a token is worth less than a password.
fn preferred(headers: &HeaderMap) -> Result<Challenge, UpstreamError> {
    let lines = headers.get_all(header::WWW_AUTHENTICATE).into_iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let challenges = texts.flat_map(challenge::parse);
    let preferred = challenges.min_by_key(|challenge| *challenge == Challenge::Basic);
    preferred.ok_or(UpstreamError::Unauthorized)
}

fn parse_realm(text: &str) -> Result<Url, UpstreamError> {
    Url::parse(text).map_err(|_| UpstreamError::protocol("its realm is no URL"))
}

/// The upstream's scope if it only reads this very repository, else our own:
/// no upstream makes us ask for a token that does more.
fn scope_for(root: &ApiRoot, repository: &RepositoryName, asked: Option<&str>) -> String {
    let own = |asked: &&str| read_only(asked).is_some_and(|name| root.is_name(name, repository));
    match asked.filter(own) {
        Some(asked) => asked.to_owned(),
        None => format!("repository:{}:pull", root.name(repository)),
    }
}

/// The scope at another host, where the repository may have another name. Its token
/// holds no rights of ours; it only reads all the same.
fn scope_elsewhere(repository: &RepositoryName, asked: Option<String>) -> String {
    let reads = |asked: &String| read_only(asked).is_some_and(|name| !name.contains(' '));
    let asked = asked.filter(reads);
    asked.unwrap_or_else(|| format!("repository:{}:pull", repository.as_str()))
}

/// The name in a scope that only reads one repository.
fn read_only(scope: &str) -> Option<&str> {
    let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
    let mut actions = actions.split(',');
    let reads = actions.all(|it| matches!(it, "pull" | "metadata_read" | "content_read"));
    reads.then_some(name)
}

async fn fetch(
    transport: Arc<Transport>,
    basic: Option<HeaderValue>,
    key: TokenKey,
) -> Result<Token, UpstreamError> {
    let mut headers = HeaderMap::new();
    if let Some(basic) = basic {
        headers.insert(header::AUTHORIZATION, basic);
    }
    let asked_at = Instant::now();
    let (asked, url) = ((CallKind::Token, &key.scope), key.url());
    let response = transport.ask(asked, &Method::GET, &url, headers).await?;
    let response = answer::accept(response, &Method::GET, false).map_err(of_token_server)?;
    let body = answer::read(response, MAX_ANSWER_BYTES).await?;
    Token::read(&body, asked_at)
}

/// That a token server lacks a page does not say that an image is gone.
fn of_token_server(error: UpstreamError) -> UpstreamError {
    match error {
        UpstreamError::NotFound
        | UpstreamError::UnexpectedStatus(_)
        | UpstreamError::Protocol(_) => UpstreamError::protocol("its token server gives no token"),
        other => other,
    }
}

impl TokenKey {
    fn url(&self) -> Url {
        let mut url = self.realm.clone();
        let service = self.service.as_deref();
        url.query_pairs_mut()
            .extend_pairs(service.map(|service| ("service", service)))
            .append_pair("scope", &self.scope);
        url
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    /// Seconds; whatever else stands there, numbers that no type holds among it, counts
    /// as the shortest life.
    expires_in: Option<Box<RawValue>>,
}

impl Token {
    fn read(body: &[u8], asked_at: Instant) -> Result<Self, UpstreamError> {
        let wrong = || UpstreamError::protocol("its token server's answer holds no token");
        let answer: TokenAnswer = serde_json::from_slice(body).map_err(|_| wrong())?;
        let text = answer.token.filter(|token| !token.is_empty());
        let text = text.or(answer.access_token).ok_or_else(wrong)?;
        let mut header = HeaderValue::try_from(format!("Bearer {text}")).map_err(|_| wrong())?;
        header.set_sensitive(true);
        let life = answer
            .expires_in
            .and_then(|it| it.get().parse::<u64>().ok())
            .unwrap_or_default();
        let life = life.clamp(MIN_LIFE_SECONDS, MAX_LIFE_SECONDS) - RENEWAL_MARGIN_SECONDS;
        Ok(Self {
            header,
            fresh_until: asked_at + Duration::from_secs(life),
        })
    }
}

#[cfg(test)]
mod tests;

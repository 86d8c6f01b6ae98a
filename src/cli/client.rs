//! The admin API's client.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};
use rustls::CertificateError;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::{Host, ParseError, Url};

use super::arguments::SharedArgs;
use super::aside::say_aside;
use super::event_stream::EventStream;
use super::failure::Failure;
use super::sent_token::SentToken;
use super::upload;
use crate::api::{ErrorBody, ErrorCode};
use crate::app::bounded;
use crate::app::config::{AdminAccess, Problems};
use crate::http_client::{self, TrustedServers};
use crate::tls::manager::bundle_in;

/// The longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 32 << 20;
/// A stream of events is begun anew after this long.
const STREAM_TIME: Duration = Duration::from_secs(24 * 3600);

/// Arguments: which server, and with which token.
#[derive(Clone, Debug, Args)]
pub struct RemoteArgs {
    /// The admin API; by default the one that the configuration names
    #[arg(
        long,
        env = "SEKISHO_SERVER",
        hide_env_values = true,
        value_name = "URL",
        value_parser = server_url
    )]
    server: Option<Url>,
    /// A token; on the gateway's own machine, the first one is found by itself
    #[arg(long, env = "SEKISHO_TOKEN", hide_env_values = true)]
    token: Option<SecretString>,
    /// A PEM file of authorities to trust besides the public ones, or of the server's own
    /// certificate
    #[arg(long, env = "SEKISHO_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// An address with its scheme: which of the two is spoken there, nobody can tell.
fn server_url(text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|error| match error {
        ParseError::RelativeUrlWithoutBase => {
            "it has no scheme; write http:// or https:// before it".to_owned()
        }
        error => format!("{error}; write it as https://sekisho.example"),
    })
}

impl RemoteArgs {
    /// Whether a server or a token was named.
    pub fn is_named(&self) -> bool {
        self.server.is_some() || self.token.is_some()
    }

    /// The same with another token.
    pub fn with_token(&self, token: SecretString) -> Self {
        Self {
            token: Some(token),
            ..self.clone()
        }
    }

    /// The client. Of the configuration it needs the address and the token alone, and
    /// neither where they are named. The token below the configuration's data directory
    /// goes to that configuration's own address, and to no other.
    pub fn client(&self, shared: &SharedArgs) -> Result<ApiClient, Failure> {
        let access = shared.admin_access();
        let (server, own) = match &self.server {
            Some(server) => {
                let own = access.ok().filter(|access| access.is_at(server));
                (server.clone(), own)
            }
            None => {
                let own = access.map_err(|problems| unknown_server(&problems))?;
                if let Some(problem) = &own.broken {
                    say_aside(&format!(
                        "sekisho: {problem}; asking {} all the same",
                        own.url
                    ));
                }
                (own.url.clone(), Some(own))
            }
        };
        let found = || own.as_ref().and_then(SentToken::first);
        let token = self.token.clone().map(SentToken::named).or_else(found);
        let authority = own.as_ref().and_then(own_authority);
        ApiClient::new(server, token, self.ca.as_ref(), authority.as_deref())
    }
}

fn unknown_server(problems: &Problems) -> Failure {
    Failure::config(problems)
        .next("or name the gateway: --server URL and --token, or SEKISHO_SERVER and SEKISHO_TOKEN")
}

/// Whom to trust for a certificate that the server made itself.
fn own_authority(own: &AdminAccess) -> Option<String> {
    let folder = own.authority_dir().filter(|_| own.is_auto)?;
    bundle_in(&folder).ok().flatten()
}

/// A client of one server.
pub struct ApiClient {
    http: reqwest::Client,
    server: Url,
    token: Option<SentToken>,
}

/// An answer, read and as it came.
pub struct ApiAnswer<T> {
    pub body: T,
    pub raw: String,
}

impl ApiClient {
    /// `ca`, a file, and `authority`, PEM, are trusted besides the public authorities.
    fn new(
        server: Url,
        token: Option<SentToken>,
        ca: Option<&PathBuf>,
        authority: Option<&str>,
    ) -> Result<Self, Failure> {
        if !matches!(server.scheme(), "http" | "https") || !server.has_host() {
            let message = format!(
                "--server is no web address: its scheme is {}",
                server.scheme()
            );
            return Err(Failure::usage(message).next("write it as https://sekisho.example"));
        }
        if !server.username().is_empty() || server.password().is_some() {
            let message = "--server holds a user name or password, which nobody asks for";
            return Err(Failure::usage(message).next("write it as https://sekisho.example"));
        }
        if server.query().is_some() || server.fragment().is_some() {
            let message = "--server holds a query or a fragment, which no server has";
            return Err(Failure::usage(message).next("write it as https://sekisho.example"));
        }
        let builder = http_client::client(tls(&server, ca, authority)?)
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(300));
        let near = is_loopback(&server);
        if token.is_some() && server.scheme() == "http" && !near {
            tracing::warn!(server = %server, "the token travels in the clear; use https");
        }
        let builder = match near {
            true => builder.no_proxy(),
            false => builder,
        };
        let http = builder
            .build()
            .map_err(|error| Failure::new(format!("cannot make an HTTP client: {error}")))?;
        Ok(Self {
            http,
            server,
            token,
        })
    }

    pub fn server(&self) -> &Url {
        &self.server
    }

    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<ApiAnswer<T>, Failure> {
        let mut url = self.url(&[path])?;
        append_query(&mut url, query)?;
        self.send(self.http.request(Method::GET, url)).await
    }

    /// Begins to read server-sent events, behind the one of that id.
    pub async fn events(
        &self,
        path: &str,
        query: &impl Serialize,
        last_id: Option<&str>,
    ) -> Result<EventStream, Failure> {
        let mut url = self.url(&[path])?;
        append_query(&mut url, query)?;
        let request = self.http.request(Method::GET, url).timeout(STREAM_TIME);
        let request = request.header(ACCEPT, EventStream::MEDIA_TYPE);
        let request = match last_id {
            Some(id) => request.header("Last-Event-ID", id),
            None => request,
        };
        let response = self.authorized(request).send().await;
        let response = response.map_err(|error| self.broken(&error))?;
        let status = response.status();
        if !status.is_success() {
            let raw = self.text(response).await?;
            return Err(self.refusal(status.as_u16(), raw));
        }
        EventStream::of(response).ok_or_else(|| self.strange("it sends no events"))
    }

    /// The resource `name` below `path`.
    pub async fn get_one<T: DeserializeOwned>(
        &self,
        path: &str,
        name: &str,
    ) -> Result<ApiAnswer<T>, Failure> {
        let url = self.url(&[path, name])?;
        self.send(self.http.request(Method::GET, url)).await
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<ApiAnswer<T>, Failure> {
        let url = self.url(&[path])?;
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::new(format!("cannot write the request: {error}")))?;
        let request = self.http.request(Method::POST, url);
        let request = request.header(CONTENT_TYPE, "application/json");
        self.send(request.body(upload::body(body))).await
    }

    pub async fn delete<T: DeserializeOwned>(
        &self,
        path: &str,
        name: &str,
        query: &impl Serialize,
    ) -> Result<ApiAnswer<T>, Failure> {
        let mut url = self.url(&[path, name])?;
        append_query(&mut url, query)?;
        self.send(self.http.request(Method::DELETE, url)).await
    }

    /// `parts` below the server's own path; what follows the first is one segment
    /// each, whatever it holds.
    fn url(&self, parts: &[&str]) -> Result<Url, Failure> {
        let mut url = self.server.clone();
        let (path, names) = parts.split_first().unwrap_or((&"", &[]));
        url.path_segments_mut()
            .map_err(|()| Failure::usage(format!("--server {} has no path", self.server)))?
            .pop_if_empty()
            .extend(path.split('/').filter(|segment| !segment.is_empty()))
            .extend(names);
        Ok(url)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<ApiAnswer<T>, Failure> {
        let response = self.authorized(request).send().await;
        let response = response.map_err(|error| self.broken(&error))?;
        let status = response.status();
        let raw = self.text(response).await?;
        match status.is_success() {
            true => self.read(raw),
            false => Err(self.refusal(status.as_u16(), raw)),
        }
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token.secret()),
            None => request,
        }
    }

    async fn text(&self, mut response: reqwest::Response) -> Result<String, Failure> {
        let mut raw = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.broken(&error))?
        {
            if raw.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(self.strange("its answer is over 32 MiB"));
            }
            raw.extend_from_slice(&chunk);
        }
        String::from_utf8(raw).map_err(|_| self.strange("its answer is no text"))
    }

    fn read<T: DeserializeOwned>(&self, raw: String) -> Result<ApiAnswer<T>, Failure> {
        match serde_json::from_str(&raw) {
            Ok(body) => Ok(ApiAnswer { body, raw }),
            Err(error) => Err(self.strange(&format!("its answer cannot be read ({error})"))),
        }
    }

    fn refusal(&self, status: u16, raw: String) -> Failure {
        let Ok(body) = serde_json::from_str::<ErrorBody>(&raw) else {
            return self.strange(&format!("it answered {status}"));
        };
        let unauthenticated = body.error.code == ErrorCode::Unauthenticated;
        let failure = Failure::refused(body, raw);
        match unauthenticated {
            true => self.without_access(failure),
            false => failure,
        }
    }

    /// The token is none that holds, or there is none: says which one it was, and how to
    /// come to another.
    pub fn without_access(&self, failure: Failure) -> Failure {
        match &self.token {
            Some(token) => token.refused(failure),
            None => failure.next("set --token or SEKISHO_TOKEN; `sekisho token create` makes one"),
        }
    }

    fn broken(&self, error: &reqwest::Error) -> Failure {
        let causes = || http_client::causes(error);
        if let Some(why) = causes().find_map(distrusted) {
            return distrust(&self.server, why);
        }
        let cause = causes()
            .last()
            .map_or_else(|| error.to_string(), ToString::to_string);
        let failure = Failure::new(format!("cannot reach {}: {cause}", self.server));
        let scheme = self.server.scheme();
        if let Some(unspoken) = http_client::unspoken(scheme, &cause) {
            let other = match scheme {
                "https" => "where it is on this machine, write http://; elsewhere give it tls",
                _ => "where it has tls, write https://",
            };
            return failure.next(format!("{unspoken}: {other}"));
        }
        failure.next("is `sekisho serve` running there? name it by --server or SEKISHO_SERVER")
    }

    fn strange(&self, what: &str) -> Failure {
        Failure::new(format!(
            "{} is no Sekisho of this version: {what}",
            self.server
        ))
        .next("--server must name the admin API (port 5081), not the registry")
    }
}

fn distrusted<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a CertificateError> {
    match cause.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(why) => Some(why),
        _ => None,
    }
}

/// It answers, with a certificate that proves nothing to us.
fn distrust(server: &Url, why: &CertificateError) -> Failure {
    use CertificateError as Wrong;
    let (told, next) = match why {
        Wrong::Expired | Wrong::ExpiredContext { .. } => (
            "has expired",
            "renew it there, or mend the clock of this machine",
        ),
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            ("does not hold yet", "is the clock right, here and there?")
        }
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => (
            "is for another name",
            "name the server as its certificate does, by --server or SEKISHO_SERVER",
        ),
        _ => (
            "is of no authority that is trusted here",
            "name a PEM file of its authority, or of that certificate itself, by --ca or SEKISHO_CA",
        ),
    };
    Failure::new(format!("cannot trust {server}: its certificate {told}")).next(next)
}

fn append_query(url: &mut Url, query: &impl Serialize) -> Result<(), Failure> {
    let value = serde_json::to_value(query)
        .map_err(|error| Failure::new(format!("cannot write the query: {error}")))?;
    for (name, value) in value.as_object().into_iter().flatten() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        url.query_pairs_mut().append_pair(name, &text);
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A client of servers on this machine, without TLS.
pub fn loopback() -> Result<reqwest::Client, Failure> {
    let failed = |error: reqwest::Error| Failure::new(format!("no HTTP client: {error}"));
    let nowhere =
        Url::parse("http://localhost").map_err(|error| Failure::new(error.to_string()))?;
    http_client::client(tls(&nowhere, None, None)?)
        .no_proxy()
        .build()
        .map_err(failed)
}

fn tls(
    server: &Url,
    ca: Option<&PathBuf>,
    authority: Option<&str>,
) -> Result<rustls::ClientConfig, Failure> {
    // Reading those of the system takes a while.
    let mut trusted = match server.scheme() {
        "https" => TrustedServers::public(),
        _ => TrustedServers::none(),
    };
    if let Some(file) = ca {
        let unread = |error| Failure::usage(format!("--ca {}: {error}", file.display()));
        let pem = bounded::bytes(file).map_err(|error| unread(error.to_string()))?;
        trusted
            .add(&pem)
            .map_err(|error| unread(error.to_string()))?;
    }
    // What the program keeps for itself is there from its first start on.
    let _ = trusted.add(authority.unwrap_or_default().as_bytes());
    let config = trusted
        .tls()
        .map_err(|error| Failure::new(format!("cannot set up TLS: {error}")))?;
    Ok(config.with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(server: &str) -> ApiClient {
        ApiClient::new(Url::parse(server).unwrap(), None, None, None).unwrap()
    }

    #[test]
    fn a_name_is_one_segment_whatever_it_holds() {
        let url = client("https://a.example/sekisho/")
            .url(&["/api/v1/tokens", "../x?y"])
            .unwrap();
        assert_eq!(
            url.as_str(),
            "https://a.example/sekisho/api/v1/tokens/..%2Fx%3Fy"
        );
    }

    #[test]
    fn a_query_is_encoded_and_leaves_out_what_is_absent() {
        #[derive(Serialize)]
        struct Query {
            image: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            environment: Option<&'static str>,
            limit: usize,
        }
        let mut url = Url::parse("http://a/").unwrap();
        let query = Query {
            image: "app:1@sha256:00&x",
            environment: None,
            limit: 5,
        };
        append_query(&mut url, &query).unwrap();
        assert_eq!(url.query(), Some("image=app%3A1%40sha256%3A00%26x&limit=5"));
    }

    #[test]
    fn refuses_a_server_that_is_no_web_address() {
        for server in [
            "file:///hunter2",
            "http://a/?t=hunter2",
            "http://a/#hunter2",
        ] {
            let refused = ApiClient::new(Url::parse(server).unwrap(), None, None, None);
            let message = refused.err().unwrap().to_string();
            assert!(message.contains("--server"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}

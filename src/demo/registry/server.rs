//! The running registry, and the verbs that fill, watch and trouble it.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::demo::{SampleContent, SampleImage, SampleIndex};
use crate::oci::Digest;
use crate::tasks::Tasks;

use super::answer::{self, DemoAnswer, DemoBody, page};
use super::auth::{DemoAuth, IssuedTokens};
use super::content::DemoContent;
use super::fault::{Fault, Faults, Hold};
use super::request_log::{RequestLog, SeenRequest};
use super::route::{DemoRoute, RequestKind};

/// A registry in memory. Cloning shares it; it runs as long as its tasks.
#[derive(Clone)]
pub struct DemoRegistry(Arc<Shared>);

struct Shared {
    address: SocketAddr,
    /// Before every path: empty, or as in `/repository/docker`.
    below: String,
    auth: DemoAuth,
    content: DemoContent,
    faults: Faults,
    issued: IssuedTokens,
    log: RequestLog,
}

impl DemoRegistry {
    /// Starts an open registry on a free port of 127.0.0.1.
    pub async fn start(tasks: &Tasks) -> io::Result<Self> {
        Self::start_with(tasks, DemoAuth::Open).await
    }

    /// Starts one that authenticates.
    pub async fn start_with(tasks: &Tasks, auth: DemoAuth) -> io::Result<Self> {
        Self::start_below(tasks, auth, "").await
    }

    /// Starts one whose API lies below a path, as in `/repository/docker`.
    pub async fn start_below(tasks: &Tasks, auth: DemoAuth, path: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let registry = Self(Arc::new(Shared {
            address: listener.local_addr()?,
            below: path.to_owned(),
            auth,
            content: DemoContent::default(),
            faults: Faults::default(),
            issued: IssuedTokens::default(),
            log: RequestLog::default(),
        }));
        let running = registry.clone().accept(listener, tasks.clone());
        tasks.spawn("demo registry", running);
        Ok(registry)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// `http://127.0.0.1:port`, and the path below which it lies.
    pub fn origin(&self) -> String {
        self.0.origin()
    }

    /// Serves a connection that was accepted elsewhere, for instance over TLS.
    pub async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let service =
            service_fn(|request| async move { Ok::<_, Infallible>(self.0.respond(request).await) });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // A client that hangs up, and a body cut on purpose, end here.
        let _ = connection.await;
    }

    async fn accept(self, listener: TcpListener, tasks: Tasks) {
        let mut cancelled = Box::pin(tasks.cancelled());
        loop {
            let accepted = tokio::select! {
                () = &mut cancelled => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // Out of descriptors, most likely: some will be closed.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (registry, cancelled) = (self.clone(), tasks.cancelled());
            tasks.spawn_isolated("demo connection", async move {
                tokio::select! {
                    () = cancelled => {}
                    () = registry.serve(stream) => {}
                }
            });
        }
    }
}

/// What it holds.
impl DemoRegistry {
    pub fn put_manifest(&self, name: &str, piece: &SampleContent) {
        self.0.content.put_manifest(name, piece.clone());
    }

    pub fn put_blob(&self, name: &str, piece: &SampleContent) {
        self.0.content.put_blob(name, piece.clone());
    }

    /// Points `tag` at `digest`, wherever it pointed before.
    pub fn tag(&self, name: &str, tag: &str, digest: &Digest) {
        self.0.content.tag(name, tag, digest);
    }

    /// Removes a tag, a manifest or a blob.
    pub fn delete(&self, name: &str, reference: &str) {
        self.0.content.delete(name, reference);
    }

    /// Puts an image with its blobs.
    pub fn put_image(&self, name: &str, image: &SampleImage) {
        for blob in image.blobs() {
            self.put_blob(name, blob);
        }
        self.put_manifest(name, &image.manifest);
    }

    /// Puts an index with everything below it.
    pub fn put_index(&self, name: &str, index: &SampleIndex) {
        for image in index.images.iter().chain(&index.attestations) {
            self.put_image(name, image);
        }
        self.put_manifest(name, &index.manifest);
    }
}

/// What it was asked.
impl DemoRegistry {
    /// Requests of this method and kind so far.
    pub fn count(&self, method: &Method, kind: RequestKind) -> usize {
        self.0.log.count(method, kind, None)
    }

    /// Those of them for one repository and reference.
    pub fn count_of(
        &self,
        method: &Method,
        kind: RequestKind,
        name: &str,
        reference: &str,
    ) -> usize {
        self.0.log.count(method, kind, Some((name, reference)))
    }

    /// All requests so far.
    pub fn total(&self) -> usize {
        self.0.log.total()
    }

    /// The latest requests in their order, 1024 at most.
    pub fn seen(&self) -> Vec<SeenRequest> {
        self.0.log.latest()
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        self.0.log.clear();
    }
}

/// What goes wrong.
impl DemoRegistry {
    /// The next `times` requests whose path and query hold `fragment` go wrong so.
    /// Several faults on one path all strike.
    pub fn inject(&self, fragment: &str, times: usize, fault: Fault) {
        self.0.faults.arm(fragment, times, fault);
    }

    /// Requests whose path holds `fragment` wait until released.
    pub fn hold(&self, fragment: &str) -> Hold {
        let hold = Hold::new();
        self.inject(fragment, usize::MAX, Fault::Held(hold.clone()));
        hold
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.0.faults.clear();
    }

    /// Forgets every token it gave, so that each is challenged again.
    pub fn revoke_tokens(&self) {
        self.0.issued.clear();
    }
}

impl Shared {
    fn origin(&self) -> String {
        format!("http://{}{}", self.address, self.below)
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<DemoBody> {
        let (parts, _) = request.into_parts();
        let below = parts.uri.path().strip_prefix(&self.below);
        let route = DemoRoute::parse(below.unwrap_or_default());
        self.log.add(&parts, &route);
        let path = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
        let faults = self.faults.take(&parts.method, path);
        for fault in &faults {
            if let Fault::Held(hold) = fault {
                hold.wait().await;
            }
        }
        let spoiled = faults
            .iter()
            .find_map(|fault| answer::instead(fault, &parts));
        let mut answer = spoiled.unwrap_or_else(|| self.answer(&parts, &route));
        if !faults
            .iter()
            .any(|fault| matches!(fault, Fault::IgnoreRange))
        {
            answer = answer::ranged(answer, &parts);
        }
        answer::send(answer, parts.method == Method::HEAD, &faults)
    }

    fn answer(&self, parts: &Parts, route: &DemoRoute) -> DemoAnswer {
        if route.kind == RequestKind::Token {
            return self.auth.token(parts, &self.issued);
        }
        let challenge = self
            .auth
            .challenge(parts, route, &self.issued, &self.origin());
        match challenge.map(|text| text.parse()) {
            None => answer::answer(&self.content, parts, route),
            Some(challenge) => {
                let mut answer = page(StatusCode::UNAUTHORIZED, "");
                if let Ok(challenge) = challenge {
                    answer
                        .headers_mut()
                        .insert(header::WWW_AUTHENTICATE, challenge);
                }
                answer
            }
        }
    }
}

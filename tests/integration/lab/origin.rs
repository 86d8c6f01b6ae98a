//! An upstream: Debian's `docker-registry` with the images of the tests, and
//! its access log as the count of what was asked of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Image, Missing, Part, TokenServer, images, installed, outcome};

/// What `htpasswd -nbBC 5 robot tegata` prints.
const HTPASSWD: &str = "robot:$2y$05$j5IxDmca7sY0ocgLfdFT...YhrDsm3k2IuJufmlaq0lkNU0lJsPu.\n";

/// How an origin knows its clients.
#[derive(Clone, Copy, Debug)]
pub enum Auth<'a> {
    Anyone,
    /// User `robot`, password `tegata`.
    Basic,
    Token(&'a TokenServer),
}

/// A line of the access log.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// With its query.
    pub path: String,
    pub agent: String,
}

impl Request {
    pub fn is_for_blob(&self, digest: &str) -> bool {
        self.path.contains(&format!("/blobs/{digest}"))
    }
}

#[derive(Debug)]
pub struct Origin {
    part: Part,
    address: String,
    folder: TempDir,
}

impl Origin {
    /// One that lets anyone pull, with the images of the tests.
    pub fn start() -> Result<Self, Missing> {
        Self::start_with(Auth::Anyone)
    }

    pub fn start_with(auth: Auth) -> Result<Self, Missing> {
        Self::serve(&images::storage()?, &auth_section(auth), "")
    }

    /// One that speaks TLS with this certificate and key, given as PEM files.
    pub fn start_tls(certificate: &Path, key: &Path) -> Result<Self, Missing> {
        let tls = format!(
            ", tls: {{certificate: {}, key: {}}}",
            certificate.display(),
            key.display()
        );
        Self::serve(&images::storage()?, "", &tls)
    }

    /// One whose API lies below a path, as in `/repository/docker/`.
    pub fn start_below(path: &str) -> Result<Self, Missing> {
        Self::serve(&images::storage()?, "", &format!(", prefix: {path}"))
    }

    /// One on this folder, so that what it holds may be changed.
    pub fn on_storage(storage: &Path) -> Result<Self, Missing> {
        Self::serve(storage, "", "")
    }

    /// One with a copy of the images, so that what it holds may be changed.
    pub fn on_copy(folder: &Path) -> Result<Self, Missing> {
        installed("docker-registry")?;
        let storage = images::storage()?;
        outcome(
            Command::new("cp")
                .arg("-a")
                .arg(storage.join("docker"))
                .arg(folder),
        )
        .expect_ok();
        Self::on_storage(folder)
    }

    fn serve(storage: &Path, auth: &str, http: &str) -> Result<Self, Missing> {
        let program = installed("docker-registry")?;
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yml");
        let auth = auth.replace("FOLDER", &folder.path().display().to_string());
        fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        fs::write(&config, configuration(storage, &auth, http)).unwrap();
        let mut command = Command::new(program);
        command.arg("serve").arg(&config);
        let mut part = Part::start("docker-registry", &command, &folder.path().join("log"));
        let log = folder.path().join("log");
        let port = part.ready(|| listening_port(&fs::read_to_string(&log).ok()?));
        Ok(Self {
            part,
            address: format!("127.0.0.1:{port}"),
            folder,
        })
    }

    /// Of its configuration and log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `127.0.0.1:port`
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn port(&self) -> u16 {
        self.address.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// The image `repository:tag`, read straight from the origin.
    pub fn image(&self, repository: &str, tag: &str) -> Image {
        Image::read(&self.address, repository, tag)
    }

    /// All requests since the start, in order, except those of the harness.
    pub fn requests(&self) -> Vec<Request> {
        self.part
            .log()
            .lines()
            .filter_map(parse)
            .filter(|request| !request.agent.is_empty())
            .collect()
    }

    /// The requests whose User-Agent begins so.
    pub fn requests_by(&self, agent: &str) -> Vec<Request> {
        self.requests()
            .into_iter()
            .filter(|request| request.agent.starts_with(agent))
            .collect()
    }

    /// How often this blob was asked for by GET.
    pub fn fetches_of(&self, digest: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.method == "GET" && request.is_for_blob(digest))
            .count()
    }

    /// Stops answering; the folder stays until the value goes.
    pub fn stop(&mut self) {
        self.part.kill();
    }
}

fn configuration(storage: &Path, auth: &str, http: &str) -> String {
    let storage = storage.display();
    format!(
        "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {storage}}}, delete: {{enabled: true}}}}\n\
         http: {{addr: '127.0.0.1:0', secret: lab{http}}}\n{auth}"
    )
}

fn auth_section(auth: Auth) -> String {
    match auth {
        Auth::Anyone => String::new(),
        Auth::Basic => "auth: {htpasswd: {realm: lab, path: FOLDER/htpasswd}}\n".to_owned(),
        Auth::Token(server) => format!(
            "auth: {{token: {{realm: '{}', service: lab, issuer: lab, rootcertbundle: {}}}}}\n",
            server.realm(),
            server.certificate().display()
        ),
    }
}

fn listening_port(log: &str) -> Option<u16> {
    let (_, rest) = log.split_once("listening on 127.0.0.1:")?;
    rest.split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// `… "GET /v2/ HTTP/1.1" 200 2 "" "agent"`, the combined log format.
fn parse(line: &str) -> Option<Request> {
    let (_, rest) = line.split_once("] \"")?;
    let (request, rest) = rest.split_once(" HTTP/1.1\" ")?;
    let (method, path) = request.split_once(' ')?;
    let (_, agent) = rest.trim_end().strip_suffix('"')?.rsplit_once(" \"")?;
    let [method, path, agent] = [method, path, agent].map(str::to_owned);
    Some(Request {
        method,
        path,
        agent,
    })
}

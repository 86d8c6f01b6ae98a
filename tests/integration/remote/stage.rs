//! An upstream, an S3 server, and gateways that share it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::{
    ACCESS_KEY, Answer, Gateway, Image, Missing, Origin, S3Server, SECRET_KEY, Setup, digest_of,
    eventually, get,
};

/// Within this all happens, also on a busy machine.
pub const SOON: Duration = Duration::from_secs(60);

pub struct Stage {
    pub origin: Origin,
    pub s3: S3Server,
    folder: TempDir,
}

impl Stage {
    pub fn open() -> Result<Self, Missing> {
        Self::over(S3Server::start()?)
    }

    pub fn over(s3: S3Server) -> Result<Self, Missing> {
        let stage = Self {
            origin: Origin::start()?,
            s3,
            folder: tempfile::tempdir().unwrap(),
        };
        stage.write_credentials(SECRET_KEY);
        Ok(stage)
    }

    pub fn write_credentials(&self, secret: &str) {
        let keys = format!(
            "[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {secret}\n"
        );
        // As an editor does it, and as a mounted secret comes.
        let new = self.folder.path().join("new");
        fs::write(&new, keys).unwrap();
        fs::rename(new, self.credentials()).unwrap();
    }

    pub fn credentials(&self) -> PathBuf {
        self.folder.path().join("credentials")
    }

    /// Another replica, with a cache and a ledger of its own.
    pub fn gateway(&self, keys: &str) -> Gateway {
        self.gateway_by(self.s3.address(), keys)
    }

    /// The same, and it reaches the store at this address.
    pub fn gateway_by(&self, address: &str, keys: &str) -> Gateway {
        let credentials = self.credentials();
        let file = format!("remote_credentials = \"{}\"\n", credentials.display());
        self.gateway_with(&format!("http://{address}"), &(file + keys))
    }

    /// With these keys alone beside the address.
    pub fn gateway_with(&self, endpoint: &str, keys: &str) -> Gateway {
        let cache = format!(
            "remote = \"{}\"\nremote_endpoint = \"{endpoint}\"\nremote_wait = \"5s\"\n{keys}",
            self.s3.url(),
        );
        let address = self.origin.address();
        let setup = Setup::new().upstream("development", address, address);
        Gateway::start(&setup.cache(&cache))
    }

    /// With the upstream behind `link`, and these tables of its own.
    pub fn replica(&self, link: &str, tables: &str) -> Gateway {
        let cache = format!(
            "remote = \"{}\"\nremote_endpoint = \"http://{}\"\nremote_wait = \"5s\"\n\
             remote_credentials = \"{}\"\n",
            self.s3.url(),
            self.s3.address(),
            self.credentials().display()
        );
        let upstream = Setup::new().upstream("development", self.origin.address(), link);
        Gateway::start(&upstream.cache(&cache).tables(tables))
    }

    /// An image that this gateway admits.
    pub fn admitted(&self, gateway: &Gateway, repository: &str) -> Image {
        let image = self.origin.image(repository, "1");
        gateway.admit(self.origin.address(), &image);
        image
    }

    /// Waits until all layers lie in the bucket.
    pub fn holds(&self, image: &Image) {
        for layer in &image.layers {
            let object = self.s3.object(layer);
            eventually("the upload", SOON, || object.exists().then_some(()));
        }
    }

    pub fn fetches(&self, image: &Image) -> usize {
        let layers = image.layers.iter();
        layers.map(|layer| self.origin.fetches_of(layer)).sum()
    }
}

pub fn blob_path(image: &Image, digest: &str) -> String {
    format!("/v2/development/{}/blobs/{digest}", image.repository)
}

/// Pulls an image as a node does, and looks at each byte.
#[track_caller]
pub fn pull(gateway: &Gateway, image: &Image) {
    let path = format!(
        "/v2/development/{}/manifests/{}",
        image.repository, image.tag
    );
    let manifest = gateway.get(&path);
    assert_eq!(manifest.status, 200, "{}", manifest.text());
    for digest in image.layers.iter().chain([&image.config]) {
        whole(&gateway.get(&blob_path(image, digest)), digest);
    }
}

#[track_caller]
pub fn whole(blob: &Answer, digest: &str) {
    assert_eq!(blob.status, 200, "{}", blob.text());
    assert_eq!(digest_of(&blob.body), *digest);
}

/// What `/readyz` says of the remote tier; nothing: it is well.
pub fn problem(gateway: &Gateway) -> Option<String> {
    let admin = gateway.server();
    let ready = get(admin.strip_prefix("http://").unwrap(), "/readyz").unwrap();
    assert_eq!(ready.status, 200, "it serves: {}", ready.text());
    let told = ready.json();
    let degraded: &Vec<Value> = told["degraded"].as_array().unwrap();
    let remote = degraded.iter().find(|part| part["name"] == "remote")?;
    assert_eq!(remote["health"], "degraded");
    Some(remote["detail"].as_str().unwrap().to_owned())
}

/// The remote requests that ended so.
pub fn requests(gateway: &Gateway, operation: &str, result: &str) -> f64 {
    let metrics = gateway.metrics();
    let wanted = [
        format!("operation=\"{operation}\""),
        format!("result=\"{result}\""),
    ];
    let series = metrics.lines().filter(|line| {
        line.starts_with("sekisho_remote_requests_total")
            && wanted.iter().all(|label| line.contains(label.as_str()))
    });
    series
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

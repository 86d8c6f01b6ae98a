//! The smallest token server that `docker-registry` believes: RS256 tokens with
//! the certificate in the header, for whatever scope the robot asks.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize, SigningKey};
use serde_json::json;
use tempfile::TempDir;

/// `robot:tegata`, as Basic sends it.
const ROBOT: &str = "Basic cm9ib3Q6dGVnYXRh";
const VALID_SECONDS: i64 = 300;

#[derive(Debug)]
pub struct TokenServer {
    address: String,
    folder: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TokenServer {
    pub fn start() -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = CertificateParams::new(["lab".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("issuer.pem"), certificate.pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let issuer = Issuer {
            key,
            chain: STANDARD.encode(certificate.der()),
            asked: asked.clone(),
        };
        // Ends with the test process: it holds nothing but a socket of loopback.
        thread::spawn(move || {
            listener
                .incoming()
                .flatten()
                .for_each(|stream| issuer.answer(stream))
        });
        Self {
            address,
            folder,
            asked,
        }
    }

    pub fn realm(&self) -> String {
        format!("http://{}/token", self.address)
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("issuer.pem")
    }

    /// The scopes asked for so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

struct Issuer {
    key: KeyPair,
    chain: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Issuer {
    fn answer(&self, mut stream: TcpStream) {
        let mut head = BufReader::new(stream.try_clone().unwrap())
            .lines()
            .map_while(Result::ok);
        let request = head.next().unwrap_or_default();
        let known = head.take_while(|line| !line.is_empty()).any(|line| {
            line.split_once(": ").is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("authorization") && value == ROBOT
            })
        });
        let scope = scope(&request);
        let (status, body) = if known {
            (
                "200 OK",
                json!({"token": self.token(&scope), "expires_in": VALID_SECONDS}),
            )
        } else {
            ("401 Unauthorized", json!({"details": "who are you?"}))
        };
        self.asked.lock().unwrap().push(scope);
        let body = body.to_string();
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }

    fn token(&self, scope: &str) -> String {
        let now = Timestamp::now().as_second();
        let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [self.chain]});
        let claims = json!({
            "iss": "lab", "sub": "robot", "aud": "lab", "jti": "1",
            "nbf": now - 10, "iat": now, "exp": now + VALID_SECONDS, "access": access(scope),
        });
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn encode(value: &serde_json::Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The `scope` of `GET /token?scope=repository%3Ateam%2Fapp%3Apull&service=lab HTTP/1.1`.
fn scope(request: &str) -> String {
    let target = request.split(' ').nth(1).unwrap_or_default();
    let pairs =
        url::form_urlencoded::parse(target.split_once('?').unwrap_or_default().1.as_bytes());
    pairs
        .filter(|(key, _)| key == "scope")
        .map(|(_, value)| value.into_owned())
        .next()
        .unwrap_or_default()
}

fn access(scope: &str) -> serde_json::Value {
    let mut parts = scope.splitn(2, ':');
    let kind = parts.next().unwrap_or_default();
    let Some((name, actions)) = parts.next().and_then(|rest| rest.rsplit_once(':')) else {
        return json!([]);
    };
    json!([{"type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>()}])
}

//! One HTTP/1.1 exchange read to its end, with the reason phrase that client
//! libraries hide.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Every manifest type that clients ask for.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*";

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub phrase: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// GET of a path on loopback. None when nobody listens or the answer breaks off.
pub fn get(address: &str, path: &str) -> Option<Answer> {
    request(address, "GET", path, &[])
}

pub fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .ok()?;
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {MANIFESTS}\r\nConnection: close\r\n"
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    read(BufReader::new(stream), method == "HEAD")
}

fn read(mut stream: BufReader<TcpStream>, no_body: bool) -> Option<Answer> {
    let status_line = line(&mut stream)?;
    let mut words = status_line.splitn(3, ' ').skip(1);
    let status = words.next()?.parse().ok()?;
    let phrase = words.next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let header = line(&mut stream)?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut answer = Answer {
        status,
        phrase,
        headers,
        body: Vec::new(),
    };
    if !no_body {
        answer.body = body(stream, &answer)?;
    }
    Some(answer)
}

fn body(mut stream: BufReader<TcpStream>, answer: &Answer) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if answer.header("transfer-encoding").is_some() {
        while let Ok(size @ 1..) = usize::from_str_radix(&line(&mut stream)?, 16) {
            (&mut stream)
                .take(size as u64)
                .read_to_end(&mut body)
                .ok()?;
            line(&mut stream)?;
        }
        return Some(body);
    }
    let length = answer
        .header("content-length")
        .and_then(|length| length.parse().ok());
    stream
        .take(length.unwrap_or(u64::MAX))
        .read_to_end(&mut body)
        .ok()?;
    length
        .is_none_or(|length| length == body.len() as u64)
        .then_some(body)
}

fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    Some(line.trim_end().to_owned())
}

//! What may be named where: pure rooms, and libraries with one home.

use super::source::{Source, Spelled};

const PURE: [&str; 16] = [
    "diagnosis",
    "storage_fault",
    "oci",
    "kubernetes::names",
    "trust",
    "report",
    "nodes",
    "node_snapshot",
    "nri",
    "kubernetes::exposure",
    "kubernetes::objects",
    "kubernetes::images",
    "kubernetes::doctor",
    "tls::authority",
    "access",
    "api",
];
const DOORS: [&str; 8] = [
    "http",
    "registry",
    "admission",
    "admin",
    "agents",
    "console",
    "ops",
    "demo",
];
const FILES: [&str; 9] = [
    "file_access",
    "cache",
    "audit",
    "ledger",
    "uploads",
    "tls::manager",
    "node_agent",
    "app",
    "cli",
];
/// A file that `cache` has opened, and hands to `stream` to be read.
const HANDLE: [&str; 3] = ["std", "fs", "File"];

/// What only these rooms may name.
const HOMES: [(&[&str], &[&str]); 11] = [
    (
        &[
            "opentelemetry",
            "opentelemetry_sdk",
            "opentelemetry_otlp",
            "tracing_opentelemetry",
        ],
        &["spans", "traces"],
    ),
    (&["sqlx"], &["ledger"]),
    // `cache` hands one to the client of its object store.
    (
        &["reqwest"],
        &[
            "http_client",
            "upstream",
            "notify",
            "node_agent",
            "cli",
            "cache",
            "traces",
        ],
    ),
    (&["webpki_roots", "rustls_native_certs"], &["http_client"]),
    (&["object_store"], &["cache"]),
    (&["kube", "k8s_openapi"], &["kubernetes::client"]),
    (&["hyper", "hyper_util", "axum", "utoipa_axum"], &DOORS),
    (&["hashlink"], &["memory"]),
    (&["tokio_rustls"], &["http"]),
    (&["std::fs", "tokio::fs", "rustix::fs"], &FILES),
    (
        &[
            "tokio::spawn",
            "tokio::task::JoinSet",
            "tokio::task::spawn_local",
            "std::thread::spawn",
            "std::thread::Builder",
        ],
        &["tasks"],
    ),
];

/// What a pure room may not begin a path with.
const IMPURE: [&str; 13] = [
    "tokio",
    "futures_util",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::time::SystemTime",
    "std::time::Instant",
    "rustix",
];
/// What it may not end one with: clocks, under whatever import.
const CLOCKS: [&str; 5] = [
    "Timestamp::now",
    "Zoned::now",
    "SystemTime::now",
    "Instant::now",
    "TimeZone::system",
];

pub fn broken(source: &Source) -> Vec<String> {
    let room = source.room().unwrap_or_default();
    let mut found = Vec::new();
    for path in source.paths() {
        if let Some(name) = away_from_home(&room, &path) {
            found.push(report(source, &name, path.line));
        }
    }
    if PURE.contains(&room.as_str()) {
        found.extend(impure(source));
    }
    found
}

fn away_from_home(room: &str, path: &Spelled) -> Option<String> {
    if room == "stream" && path.segments == HANDLE {
        return None;
    }
    let named = |name: &&&str| path.starts_with(name);
    let lost = HOMES
        .iter()
        .filter(|(_, rooms)| !rooms.contains(&room))
        .find_map(|(names, _)| names.iter().find(named));
    let spawns = room != "tasks" && path.ends_with("task::spawn");
    lost.map(|name| (*name).to_owned())
        .or_else(|| spawns.then(|| path.segments.join("::")))
}

fn impure(source: &Source) -> Vec<String> {
    let named = source.paths().into_iter().filter(|path| {
        IMPURE.iter().any(|name| path.starts_with(name))
            || CLOCKS.iter().any(|name| path.ends_with(name))
    });
    let mut found: Vec<String> = named
        .map(|path| report(source, &path.segments.join("::"), path.line))
        .collect();
    let words = source.tokens.iter();
    let waits = words.filter(|token| matches!(token.text.as_str(), "async" | "await"));
    found.extend(waits.map(|token| report(source, &token.text, token.line)));
    found
}

fn report(source: &Source, name: &str, line: usize) -> String {
    let room = source.room().unwrap_or_default();
    format!("{room} names {name} in {}:{line}", source.path)
}

#[test]
fn keeps_libraries_at_home() {
    for (path, text, expected) in [
        ("src/ledger/a.rs", "use sqlx::Row; use std::fs;", None),
        (
            "src/gate/a.rs",
            "use http::StatusCode; use tokio::sync;",
            None,
        ),
        ("src/gate/a.rs", "tokio::task::spawn_blocking(f)", None),
        ("src/gate/a.rs", "sqlx::query()", Some("sqlx")),
        ("src/gate/a.rs", "use std::{io, fs::File};", Some("std::fs")),
        ("src/stream/a.rs", "use std::fs::File;", None),
        ("src/stream/a.rs", "use std::fs::rename;", Some("std::fs")),
        ("src/gate/a.rs", "use axum::Json;", Some("axum")),
        ("src/gate/a.rs", "tokio::spawn(f)", Some("tokio::spawn")),
        ("src/gate/a.rs", "task::spawn(f)", Some("task::spawn")),
        ("src/gate/a.rs", "use reqwest as r;", Some("reqwest")),
        (
            "src/cache/remote/a.rs",
            "use object_store::path::Path;",
            None,
        ),
        (
            "src/app/a.rs",
            "use object_store::path::Path;",
            Some("object_store"),
        ),
        ("src/kubernetes/client/a.rs", "use kube::Client;", None),
        (
            "src/kubernetes/doctor/a.rs",
            "use kube::Client;",
            Some("kube"),
        ),
        ("src/tls/manager/a.rs", "use std::fs;", None),
        ("src/tls/listener/a.rs", "use std::fs;", Some("std::fs")),
        ("src/app/a.rs", "use kube::Client;", Some("kube")),
    ] {
        check(path, text, expected);
    }
}

#[test]
fn keeps_pure_rooms_pure() {
    for (path, text, expected) in [
        (
            "src/trust/a.rs",
            "use std::time::Duration; use jiff::Timestamp;",
            None,
        ),
        ("src/gate/a.rs", "async fn f() { x.await }", None),
        ("src/trust/a.rs", "async fn f() {}", Some("async")),
        (
            "src/trust/a.rs",
            "use tokio::sync::Mutex;",
            Some("tokio::sync::Mutex"),
        ),
        ("src/oci/a.rs", "Timestamp::now()", Some("Timestamp::now")),
        (
            "src/oci/a.rs",
            "use std::time::Instant;",
            Some("std::time::Instant"),
        ),
        ("src/kubernetes/client/a.rs", "async fn f() {}", None),
        (
            "src/kubernetes/doctor/a.rs",
            "async fn f() {}",
            Some("async"),
        ),
        (
            "src/oci/a.rs",
            "#[cfg(test)] mod tests { use tokio::x; }",
            None,
        ),
    ] {
        check(path, text, expected);
    }
}

fn check(path: &str, text: &str, expected: Option<&str>) {
    let source = Source::new(path, text);
    let expected: Vec<String> = expected
        .map(|name| report(&source, name, 1))
        .into_iter()
        .collect();
    assert_eq!(broken(&source), expected, "{path}: {text}");
}

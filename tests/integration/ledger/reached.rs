//! How a server is reached: TLS, certificates, and what is refused.

use std::path::PathBuf;

use sekisho::ledger::{
    Ledger, LedgerAccess, LedgerError, LedgerLocation, LedgerOptions, PostgresOptions, PostgresUrl,
};
use sekisho::storage_fault::StorageFault;

use super::records::*;
use crate::kit::postgres::{Postgres, Settings, USER};
use crate::lab::{Authority, or_skip};

async fn open(options: PostgresOptions) -> Result<Ledger, LedgerError> {
    let options = LedgerOptions::of(LedgerLocation::Server(options));
    Ledger::open(options, LedgerAccess::Serve, now()).await
}

fn reached(
    place: &Place,
    server: &Postgres,
    sslmode: &str,
    ca: Option<PathBuf>,
) -> PostgresOptions {
    let location = server_location(server.port(), "trust", &place.file("password"));
    let LedgerLocation::Server(options) = location else {
        unreachable!("it is a server");
    };
    let url = format!(
        "postgres://{USER}@127.0.0.1:{}/trust?sslmode={sslmode}",
        server.port()
    );
    PostgresOptions {
        url: PostgresUrl::parse(&url).unwrap(),
        ca,
        ..options
    }
}

#[tokio::test]
async fn only_a_server_of_the_known_authority_is_told_anything() {
    let authority = Authority::create();
    let server = or_skip!(Postgres::start_with(Settings::default().tls(&authority)));
    server.sql("postgres", "CREATE DATABASE trust OWNER sekisho");
    let place = Place::new();
    for (sslmode, ca, fault) in [
        ("verify-full", None, Some(StorageFault::Unreachable)),
        (
            "verify-full",
            Some(Authority::create().certificate()),
            Some(StorageFault::Unreachable),
        ),
        ("disable", None, Some(StorageFault::Refused)),
        ("verify-ca", Some(authority.certificate()), None),
        ("verify-full", Some(authority.certificate()), None),
    ] {
        let opened = open(reached(&place, &server, sslmode, ca)).await;
        let found = opened.err().map(|error| error.fault().unwrap());
        assert_eq!(found, fault, "{sslmode}");
    }
}

#[tokio::test]
async fn a_client_certificate_stands_for_the_password() {
    let authority = Authority::create();
    let settings = Settings::default().client_certificates(&authority);
    let server = or_skip!(Postgres::start_with(settings));
    server.sql("postgres", "CREATE DATABASE trust OWNER sekisho");
    let place = Place::new();
    let known = reached(
        &place,
        &server,
        "verify-full",
        Some(authority.certificate()),
    );
    let without = PostgresOptions {
        password_file: None,
        ..known
    };
    assert!(open(without.clone()).await.is_err());
    let with = PostgresOptions {
        client_certificate: Some(authority.client(USER)),
        ..without
    };
    let ledger = open(with).await.unwrap();
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
}

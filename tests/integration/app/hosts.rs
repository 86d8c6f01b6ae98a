//! Every door wants one host (RFC 9112, 3.2).

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kit::{Setup, World};

#[tokio::test]
async fn every_door_answers_400_to_two_hosts_and_to_none() {
    let setup = Setup::default().more("[ops]\naddress = \"127.0.0.1:0\"\n");
    let world = World::of(setup).await;
    let app = world.app();
    let doors = [
        (app.registries()[0], "/v2/"),
        (app.admin(), "/api/v1/openapi.json"),
        (app.ops().unwrap(), "/livez"),
    ];
    for (address, path) in doors {
        let host = format!("Host: {address}\r\n");
        for (hosts, status) in [
            (host.clone(), "200"),
            (String::new(), "400"),
            (format!("{host}{host}"), "400"),
            (format!("{host}Host: other.example\r\n"), "400"),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer.split(' ').nth(1), Some(status), "{path} {hosts:?}");
        }
    }
}

#[tokio::test]
async fn the_admin_address_does_not_answer_to_the_host_of_an_absolute_target() {
    let world = World::of(Setup::default()).await;
    let address = world.app().admin();
    for (target, status) in [
        (format!("http://{address}/api/v1/status"), "200"),
        ("http://evil.example/api/v1/status".to_owned(), "403"),
        (
            format!("http://{address}@evil.example/api/v1/status"),
            "400",
        ),
        ("http://evil.example/denials".to_owned(), "403"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{target}");
    }
}

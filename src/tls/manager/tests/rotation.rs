//! A live listener through years of rotation, under clients that never stop.
//!
//! The clients' clock is the one that drives the keeper, so their TLS verifies what
//! they would see on that day.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

use super::authority_manager::{after, over_folder};
use crate::http::{BoundListener, ConnectionLimits};
use crate::tasks::Tasks;

const STEP: i32 = 10;
/// Two changes of the CA.
const DAYS: i32 = 8 * 365;

/// The day it is, for all clients.
#[derive(Clone, Debug, Default)]
struct Clock(Arc<AtomicI64>);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = self.0.load(Ordering::SeqCst).unsigned_abs();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

impl Clock {
    fn set(&self, day: i32) {
        self.0.store(after(day).as_second(), Ordering::SeqCst);
    }

    fn day(&self) -> i64 {
        (self.0.load(Ordering::SeqCst) - after(0).as_second()) / 86_400
    }
}

fn client(bundle: &str, clock: &Clock) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(root.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(clock.clone()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn ask(client: &TlsConnector, address: SocketAddr) -> std::io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::from(address.ip());
    let mut stream = client.connect(name, stream).await?;
    let request = b"GET / HTTP/1.1\r\nhost: gate\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    Ok(())
}

/// Asks on fresh connections until it is told to stop; reads the bundle
/// again every `reads` days. Counts what it asked; ends at the first failure.
async fn ask_on(
    address: SocketAddr,
    clock: Clock,
    reads: i64,
    stop: Arc<AtomicBool>,
    bundle: watch::Receiver<Arc<str>>,
    asked: watch::Sender<u64>,
) -> Result<(), String> {
    let mut trusted = (clock.day(), client(&bundle.borrow(), &clock));
    while !stop.load(Ordering::SeqCst) {
        let day = clock.day();
        if day - trusted.0 >= reads {
            trusted = (day, client(&bundle.borrow(), &clock));
        }
        let answer = ask(&trusted.1, address).await;
        answer.map_err(|error| format!("day {day}, read on {}: {error}", trusted.0))?;
        asked.send_modify(|asked| *asked += 1);
    }
    Ok(())
}

async fn serve(tasks: &Tasks, manager: &crate::tls::manager::AuthorityManager) -> SocketAddr {
    let bound = BoundListener::bind("test", "127.0.0.1:0".parse().unwrap());
    let bound = bound.await.unwrap();
    let address = bound.local_addr();
    let tls = Some(manager.certificates());
    bound.serve(tasks, ConnectionLimits::default(), tls, |_| {
        service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) })
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_of_who_reads_the_bundle_fails_while_leafs_and_authorities_change() {
    let (tasks, scratch, clock) = (Tasks::new(), TempDir::new().unwrap(), Clock::default());
    clock.set(0);
    let manager = over_folder(scratch.path(), &[], after(0)).await;
    let address = serve(&tasks, &manager).await;
    let (mut clients, stop) = (Vec::new(), Arc::new(AtomicBool::new(false)));
    // One follows at once, one asks now and then, one is configured by hand, and one
    // never again.
    for reads in [0, 30, 170, i64::MAX] {
        let (asked, count) = watch::channel(0);
        let (clock, stop) = (clock.clone(), stop.clone());
        let asking = ask_on(address, clock, reads, stop, manager.bundle(), asked);
        clients.push((tokio::spawn(asking), count));
    }
    let (mut changes, mut leafs) = (0, 0);
    for day in (0..DAYS).step_by(usize::try_from(STEP).unwrap()) {
        let (bundle, until) = (manager.bundle(), manager.certificates().not_after());
        let before = bundle.borrow().to_string();
        clock.set(day);
        manager.once(after(day)).await;
        changes += usize::from(*before != **bundle.borrow());
        leafs += usize::from(until != manager.certificates().not_after());
        for (_, count) in &mut clients {
            // Two: the first may have begun on the day before.
            let enough = *count.borrow_and_update() + 2;
            // An error: the client ended, which is told below.
            let _ = count.wait_for(|asked| *asked >= enough).await;
        }
    }
    stop.store(true, Ordering::SeqCst);
    let (stranded, _) = clients.pop().unwrap();
    let error = stranded.await.unwrap().unwrap_err();
    assert!(error.starts_with("day 1400, read on 0"), "{error}");
    for (client, count) in clients {
        assert_eq!(client.await.unwrap(), Ok(()));
        assert!(*count.borrow() >= u64::try_from(DAYS / STEP).unwrap());
    }
    assert_eq!(changes, 6, "twice: announced, changed, retired");
    assert!(leafs > 40, "{leafs}");
    assert_eq!(manager.problem(), None);
    tasks.drain(Duration::from_secs(5)).await;
}

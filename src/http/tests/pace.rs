//! How slowly clients may take an answer.

use super::*;

#[tokio::test]
async fn ends_a_transfer_that_a_client_takes_byte_by_byte() {
    let (tasks, authority) = (Tasks::new(), Authority::new());
    for tls in [None, Some(authority.files(false))] {
        let limits = ConnectionLimits {
            connections: 1,
            pace: Pace {
                minimum_rate: 1 << 20,
                window: Duration::from_millis(50),
            },
            ..defaults()
        };
        let address = serve(&tasks, limits, tls.as_ref()).await;
        let stream = TcpStream::connect(address).await.unwrap();
        let client = authority.client(None);
        let slow = tokio::spawn(read_slowly(stream, tls.as_ref().map(|_| client.clone())));
        // The only place becomes free when the slow reader has lost it.
        let next = async {
            match tls {
                None => ask(address, "GET", "/").await,
                Some(_) => ask_tls(address, client).await.unwrap(),
            }
        };
        let next = tokio::time::timeout(SOON, next).await.expect("a place");
        assert!(next.contains(" 200 "), "{next}");
        slow.abort();
    }
}

/// The client takes eight times the minimum, for longer than several windows.
#[tokio::test]
async fn serves_a_slow_client_that_keeps_above_the_minimum_rate() {
    let (tasks, authority) = (Tasks::new(), Authority::new());
    for tls in [None, Some(authority.files(false))] {
        let pace = Pace {
            minimum_rate: 256 << 10,
            window: Duration::from_millis(400),
        };
        let address = serve(
            &tasks,
            ConnectionLimits { pace, ..defaults() },
            tls.as_ref(),
        )
        .await;
        let stream = TcpStream::connect(address).await.unwrap();
        let client = tls.map(|_| authority.client(None));
        let mut io = ask_endless(stream, client).await;
        let mut piece = vec![0; 32 << 10];
        for _ in 0..128 {
            io.read_exact(&mut piece).await.unwrap();
            tokio::time::sleep(Duration::from_millis(16)).await;
        }
    }
}

/// Asks for what never ends, and takes a byte now and then.
async fn read_slowly(stream: TcpStream, tls: Option<TlsConnector>) {
    let mut io = ask_endless(stream, tls).await;
    while io.read_u8().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn ask_endless(stream: TcpStream, tls: Option<TlsConnector>) -> Box<dyn Connected> {
    let request = b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut io: Box<dyn Connected> = match tls {
        None => Box::new(stream),
        Some(client) => {
            let name = ServerName::try_from("localhost").unwrap();
            Box::new(client.connect(name, stream).await.unwrap())
        }
    };
    io.write_all(request).await.unwrap();
    io
}

trait Connected: AsyncRead + AsyncWrite + Unpin + Send {}
impl<I: AsyncRead + AsyncWrite + Unpin + Send> Connected for I {}

#[tokio::test]
async fn never_ends_a_transfer_that_is_taken() {
    let tasks = Tasks::new();
    let limits = ConnectionLimits {
        pace: Pace {
            minimum_rate: 1,
            window: SOON,
        },
        first_request: SHORT,
        idle: SHORT,
        ..defaults()
    };
    let address = serve(&tasks, limits, None).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let (mut piece, mut read) = (vec![0; 256 << 10], 0);
    loop {
        match stream.read(&mut piece).await.unwrap() {
            0 => break,
            more => read += more as u64,
        }
        // Slower than the idle time, and yet never idle.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(read > LENGTH, "{read}");
}

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aisix_server::serve::Limits;
use aisix_server::tls::{Pem, Tls, TlsError};
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Running, ask, drain_limits, limits, rest, start, status, within};

fn certificate() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

fn pem(certified: &CertifiedKey<KeyPair>) -> Pem {
    Pem {
        certificates: certified.cert.pem().into_bytes(),
        key: certified.signing_key.serialize_pem().into_bytes(),
    }
}

fn fixed(certified: &CertifiedKey<KeyPair>) -> Tls {
    let pem = pem(certified);
    Tls::new(move || Ok(pem.clone())).unwrap()
}

async fn connect(
    server: &Running,
    trusted: &CertifiedKey<KeyPair>,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    within(TlsConnector::from(Arc::new(config)).connect(name, server.connect().await)).await
}

async fn ask_http2(stream: TlsStream<TcpStream>) -> (Version, String) {
    let (mut sender, connection) =
        within(hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/").body(Empty::<bytes::Bytes>::new()).unwrap();
    let response = within(sender.send_request(request)).await.unwrap();
    let version = response.version();
    let body = within(response.into_body().collect()).await.unwrap().to_bytes();
    (version, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_client_chooses_the_protocol() {
    let certificate = certificate();
    let server = start(limits(), drain_limits(), Some(fixed(&certificate)));
    let mut http1 = connect(&server, &certificate, b"http/1.1").await.unwrap();
    assert_eq!(status(&ask(&mut http1, "/").await), "200");
    let http2 = connect(&server, &certificate, b"h2").await.unwrap();
    assert_eq!(ask_http2(http2).await, (Version::HTTP_2, "worker 0".to_owned()));
}

#[tokio::test]
async fn draining_says_goodbye_to_idle_http2_connections() {
    let certificate = certificate();
    let server = start(limits(), drain_limits(), Some(fixed(&certificate)));
    let http2 = connect(&server, &certificate, b"h2").await.unwrap();
    ask_http2(http2).await;
    server.triggers.send(()).unwrap();
    server.ended().await;
}

#[tokio::test]
async fn a_handshake_has_the_time_of_headers() {
    let short = Limits { header_timeout: Duration::from_millis(100), ..limits() };
    let server = start(short, drain_limits(), Some(fixed(&certificate())));
    assert_eq!(rest(&mut server.connect().await).await, "");
}

#[tokio::test]
async fn an_idle_http2_connection_is_closed() {
    let certificate = certificate();
    let short = Limits { idle_timeout: Duration::from_millis(100), ..limits() };
    let server = start(short, drain_limits(), Some(fixed(&certificate)));
    let stream = connect(&server, &certificate, b"h2").await.unwrap();
    let (mut sender, connection) =
        within(hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("https://localhost/").body(Empty::<bytes::Bytes>::new()).unwrap();
    within(sender.send_request(request)).await.unwrap();
    within(connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart() {
    let (old, new) = (certificate(), certificate());
    let files = Arc::new(Mutex::new(pem(&old)));
    let read = files.clone();
    let tls = Tls::new(move || Ok(read.lock().unwrap().clone())).unwrap();
    let server = start(limits(), drain_limits(), Some(tls.clone()));
    connect(&server, &old, b"http/1.1").await.unwrap();
    assert!(!tls.reload().unwrap());

    files.lock().unwrap().certificates = b"half written".to_vec();
    assert!(matches!(tls.reload(), Err(TlsError::Certificates)));
    connect(&server, &old, b"http/1.1").await.unwrap();

    *files.lock().unwrap() = pem(&new);
    assert!(tls.reload().unwrap());
    connect(&server, &new, b"http/1.1").await.unwrap();
    assert!(connect(&server, &old, b"http/1.1").await.is_err());
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let (one, other) = (pem(&certificate()), pem(&certificate()));
    let cases = [
        (
            Pem { certificates: Vec::new(), ..one.clone() },
            "cert_file holds no PEM certificate, or more than 32",
        ),
        (Pem { key: b"canary".to_vec(), ..one.clone() }, "key_file holds no PEM private key"),
        (Pem { key: other.key, ..one }, "certificate and key cannot be used together: "),
    ];
    for (pem, expected) in cases {
        let error = Tls::new(move || Ok(pem.clone())).err().unwrap().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("canary"));
    }
}

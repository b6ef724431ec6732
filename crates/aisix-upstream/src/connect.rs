use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aisix_adapters::Origin;
use aisix_adapters::base_url::host::HostClass;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::SendError;

/// A connection with or without TLS.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub(crate) async fn connect(origin: &Origin, tls: &Arc<ClientConfig>) -> Result<Stream, SendError> {
    let addresses = resolve(origin).await?;
    let tcp = TcpStream::connect(&addresses[..]).await.map_err(SendError::Connect)?;
    tcp.set_nodelay(true).map_err(SendError::Connect)?;
    if !origin.tls {
        return Ok(Stream::Plain(tcp));
    }
    let name = ServerName::try_from(origin.host.clone()).map_err(|e| SendError::Tls(io::Error::other(e)))?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await.map_err(SendError::Tls)?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// The addresses that may be connected to. A name can be made to resolve to anything, so what was checked when
/// the provider key was stored is checked again where it counts.
async fn resolve(origin: &Origin) -> Result<Vec<SocketAddr>, SendError> {
    // An address needs no resolver, which would occupy a blocking thread.
    let resolved: Vec<_> = match origin.host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, origin.port)],
        Err(_) => {
            let found = lookup_host((origin.host.as_str(), origin.port)).await;
            found.map_err(SendError::Connect)?.collect()
        }
    };
    let allowed = |address: &SocketAddr| HostClass::of_ip(address.ip()) != HostClass::Forbidden;
    let addresses: Vec<_> = resolved.into_iter().filter(allowed).collect();
    if addresses.is_empty() { Err(SendError::Forbidden) } else { Ok(addresses) }
}

// === impl AsyncRead, AsyncWrite for Stream ===

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn forbidden_addresses_are_not_connected_to() {
        for host in ["169.254.169.254", "::ffff:169.254.169.254", "0.0.0.0", "fe80::1"] {
            let origin = Origin { tls: false, host: host.to_owned(), port: 80 };
            assert!(matches!(resolve(&origin).await, Err(SendError::Forbidden)), "{host}");
        }
        let origin = Origin { tls: false, host: "localhost".to_owned(), port: 80 };
        assert!(resolve(&origin).await.unwrap().iter().all(|address| address.ip().is_loopback()));
    }
}

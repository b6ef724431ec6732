//! Binding sockets.
//!
//! Several sockets may share one port so that each worker accepts on its own, yet a second process on that
//! port must fail. So the first socket is bound and listening without `SO_REUSEPORT`, which the kernel grants
//! to one process only, and gets the option afterwards; the others join it then.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// Connections that the kernel may hold before they are accepted.
pub const BACKLOG: i32 = 4096;

const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);

/// A socket could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.advice())]
pub struct ListenError {
    key: &'static str,
    addr: SocketAddr,
    #[source]
    cause: io::Error,
}

/// One socket. `key` is the name of the address in the configuration, for the error.
///
/// # Errors
/// [`ListenError`], which says what to do.
pub fn bind(key: &'static str, addr: SocketAddr) -> Result<TcpListener, ListenError> {
    exclusive(addr).map(TcpListener::from).map_err(|cause| ListenError { key, addr, cause })
}

/// As many sockets on one address as there are workers. With port 0 all share the port that the first one got.
///
/// # Errors
/// [`ListenError`], which says what to do.
pub fn bind_shared(
    key: &'static str,
    addr: SocketAddr,
    count: usize,
) -> Result<Vec<TcpListener>, ListenError> {
    shared(addr, count).map_err(|cause| ListenError { key, addr, cause })
}

/// Where a socket listens: with port 0 in the configuration, the port that it got.
///
/// # Errors
/// When the system does not say.
pub fn bound(listener: &TcpListener) -> Result<SocketAddr, ListenError> {
    let unknown = (Ipv4Addr::UNSPECIFIED, 0).into();
    listener.local_addr().map_err(|cause| ListenError { key: "a listener", addr: unknown, cause })
}

fn shared(addr: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    let first = exclusive(addr)?;
    first.set_reuse_port(true)?;
    let first = TcpListener::from(first);
    let addr = first.local_addr()?;
    let mut listeners = vec![first];
    while listeners.len() < count {
        let socket = socket(addr)?;
        socket.set_reuse_port(true)?;
        listeners.push(listening(socket, addr)?.into());
    }
    Ok(listeners)
}

fn exclusive(addr: SocketAddr) -> io::Result<Socket> {
    listening(socket(addr)?, addr)
}

/// Accepted sockets inherit the options of the listening one.
fn socket(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_IDLE))?;
    Ok(socket)
}

fn listening(socket: Socket, addr: SocketAddr) -> io::Result<Socket> {
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

// === impl ListenError ===

impl ListenError {
    fn advice(&self) -> String {
        let Self { key, addr, cause } = self;
        match cause.kind() {
            io::ErrorKind::AddrInUse => {
                format!("{key}: {addr} is in use; stop the process that listens there or set another {key}")
            }
            io::ErrorKind::AddrNotAvailable => {
                format!("{key}: {} is no address of this machine; set another {key}", addr.ip())
            }
            io::ErrorKind::PermissionDenied => {
                format!("{key}: no permission to listen on {addr}; set a port above 1023 or grant it")
            }
            _ => format!("{key}: cannot listen on {addr}: {cause}"),
        }
    }
}

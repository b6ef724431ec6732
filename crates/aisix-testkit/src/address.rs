use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range from which the kernel gives outgoing connections their ports.
const PORTS: std::ops::Range<u32> = 10_000..32_000;
/// Tests run in processes of their own with neighbouring ids: each begins at a distance from the others.
const PORTS_PER_PROCESS: u32 = 37;

/// A loopback address that nothing listens on, for a program that must be told its port.
///
/// # Panics
/// When every port is taken.
pub fn free_address() -> SocketAddr {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(PORTS_PER_PROCESS);
    let count = PORTS.end - PORTS.start;
    let ports =
        (0..count).map(|_| PORTS.start + begin.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % count);
    let mut addresses =
        ports.filter_map(|port| Some(SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).ok()?))));
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("loopback has a free port")
}

//! What the kernel and a plain socket can tell about a process from outside.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::param::clock_ticks_per_second;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const PROBE_MAX: Duration = Duration::from_secs(1);
const HEAD_BYTES_MAX: u64 = 64;

/// 1 000 streams are 2 000 sockets here and 2 000 in the proxy, which inherits this limit.
pub(super) fn raise_open_files_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .context("the limit of open files could not be raised")
}

/// An address nobody listens on at the moment.
pub(super) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

pub(super) fn answers_ok(addr: SocketAddr, path: &str) -> bool {
    status_line(addr, path).is_some_and(|line| line.starts_with("HTTP/1.1 200"))
}

fn status_line(addr: SocketAddr, path: &str) -> Option<String> {
    let mut socket = TcpStream::connect_timeout(&addr, PROBE_MAX).ok()?;
    socket.set_read_timeout(Some(PROBE_MAX)).ok()?;
    write!(socket, "GET {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n").ok()?;
    let mut head = Vec::new();
    socket.take(HEAD_BYTES_MAX).read_to_end(&mut head).ok()?;
    String::from_utf8(head).ok()
}

/// User and system time of all threads of a process, those that ended included.
pub(super) fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = cpu_ticks(&stat).with_context(|| format!("/proc/{pid}/stat is not as proc(5) says"))?;
    Ok(Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64))
}

fn cpu_ticks(stat: &str) -> Option<u64> {
    // The second field, the command in parentheses, may itself hold spaces and parentheses.
    let (_, after_command) = stat.rsplit_once(')')?;
    let mut fields = after_command.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Resident memory now, in KiB.
pub(super) fn resident_kib(pid: u32) -> Result<u64> {
    status_kib(pid, "VmRSS:")
}

/// The highest resident memory since [`forget_peak`], in KiB.
pub(super) fn peak_resident_kib(pid: u32) -> Result<u64> {
    status_kib(pid, "VmHWM:")
}

/// Sets the peak back to what is resident now.
pub(super) fn forget_peak(pid: u32) -> Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5")
        .context("the peak of resident memory could not be reset")
}

fn status_kib(pid: u32, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = status.lines().find_map(|line| line.strip_prefix(field));
    let number =
        value.and_then(|value| value.trim().strip_suffix("kB")).context("/proc/…/status lacks a field")?;
    Ok(number.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_ticks_are_counted_behind_the_last_parenthesis() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 70 5 9 9 20 0 1 0 100 0 0";
        assert_eq!(cpu_ticks(stat), Some(75));
        assert_eq!(cpu_ticks("42 (short) S 1"), None);
    }

    #[test]
    fn the_own_process_has_memory_and_a_peak() {
        let pid = std::process::id();
        assert!(resident_kib(pid).unwrap() > 0);
        assert!(peak_resident_kib(pid).unwrap() >= resident_kib(pid).unwrap() / 2);
    }
}

//! A real etcd of one member, with its commits on disk.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::Result;

use super::lab::Lab;
use super::probe;
use super::process::Process;

#[derive(Debug)]
pub(super) struct Etcd {
    pub(super) addr: SocketAddr,
    _process: Process,
}

// === impl Etcd ===

impl Etcd {
    pub(super) fn start(lab: &Lab) -> Result<Self> {
        let directory = lab.directory("etcd-")?;
        let addr = probe::free_address()?;
        let (client, peer) = (format!("http://{addr}"), format!("http://{}", probe::free_address()?));
        let mut command = Command::new("etcd");
        command
            .args(["--name", "bench", "--data-dir", "data", "--log-level", "warn"])
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("bench={peer}")]);
        let mut process = Process::spawn("etcd", &mut command, &directory)?;
        process.await_ready(addr, "/health")?;
        Ok(Self { addr, _process: process })
    }
}

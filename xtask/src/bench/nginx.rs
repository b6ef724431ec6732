//! nginx in its two parts here: the static upstream, and the proxy that the product is compared with.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::Result;

use super::lab::Lab;
use super::process::Process;
use super::{chat, probe};

const READY_PATH: &str = "/nginx-is-ready";
const READY: &str = "location = /nginx-is-ready { return 200; }";

#[derive(Debug)]
pub(super) struct Nginx {
    pub(super) addr: SocketAddr,
    process: Process,
}

/// Whether the proxy may collect an answer before passing it on, as nginx does by default.
#[derive(Clone, Copy, Debug)]
pub(super) enum Relay {
    Buffered,
    Streamed,
}

// === impl Nginx ===

impl Nginx {
    /// Answers every request with the same chat completion, as the upstream of [`chat::UPSTREAM_MODEL`].
    pub(super) fn static_upstream(lab: &Lab) -> Result<Self> {
        let answer = chat::answer_body(chat::UPSTREAM_MODEL, chat::CONTENT);
        Self::start(lab, |addr, _| {
            format!(
                "access_log off;
                 server {{ listen {addr} backlog=4096; default_type application/json; {READY}
                     location / {{ return 200 '{answer}'; }} }}"
            )
        })
    }

    /// `proxy_pass` as an operator would write it for many keep-alive connections.
    pub(super) fn proxy(lab: &Lab, upstream: SocketAddr, relay: Relay) -> Result<Self> {
        let buffering = match relay {
            Relay::Buffered => "on",
            Relay::Streamed => "off",
        };
        Self::start(lab, |addr, directory| {
            format!(
                "access_log {directory}/access.log combined;
                 upstream static {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; }}
                 server {{ listen {addr} backlog=4096; {READY}
                     location / {{
                         proxy_pass http://static; proxy_http_version 1.1; proxy_set_header Connection '';
                         proxy_buffering {buffering};
                     }} }}",
                directory = directory.display(),
            )
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn start(lab: &Lab, servers: impl FnOnce(SocketAddr, &Path) -> String) -> Result<Self> {
        let directory = lab.directory("nginx-")?;
        let addr = probe::free_address()?;
        let configuration = configuration(&directory, &servers(addr, &directory))?;
        fs::write(directory.join("nginx.conf"), configuration)?;
        let mut command = Command::new(executable());
        command.arg("-p").arg(&directory).args(["-c", "nginx.conf", "-e", "error.log"]);
        let mut process = Process::spawn("nginx", &mut command, &directory)?;
        process.await_ready(addr, READY_PATH)?;
        Ok(Self { addr, process })
    }
}

/// One process that is its own only worker: nothing but that worker's work is counted, and one signal ends it.
fn configuration(directory: &Path, servers: &str) -> Result<String> {
    let mut text = String::from(
        "daemon off; master_process off;\npid nginx.pid;\nevents { worker_connections 8192; }\nhttp {\n",
    );
    for purpose in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "{purpose}_temp_path {}/{purpose};", directory.display())?;
    }
    writeln!(text, "keepalive_requests 1000000000; keepalive_timeout 600s;\n{servers}\n}}")?;
    Ok(text)
}

/// Debian keeps nginx out of an ordinary user's search path.
pub(super) fn executable() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories =
        env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    directories
        .map(|directory| directory.join("nginx"))
        .find(|file| file.is_file())
        .unwrap_or_else(|| "nginx".into())
}

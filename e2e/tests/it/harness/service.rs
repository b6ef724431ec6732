//! One of the two services as a real process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use aisix_testkit::{Process, eventually, free_address};
use http::Method;

use super::client::{Client, Seen};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Which service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Admin,
    Proxy,
}

/// A running service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) kind: Kind,
    pub(crate) process: Process,
    /// Where callers or operators reach it.
    pub(crate) address: SocketAddr,
    /// Where its metrics and its status are.
    pub(crate) status_address: SocketAddr,
}

impl Kind {
    pub(crate) fn program(self) -> PathBuf {
        let name = match self {
            Self::Admin => "aisix-admin",
            Self::Proxy => "aisix-proxy",
        };
        // This test lies in `target/debug/deps`, the services one above.
        let path = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join(name);
        assert!(
            path.exists(),
            "{} is not there; `cargo nextest run` and `cargo xtask test` build it",
            path.display()
        );
        path
    }
}

impl Service {
    /// Starts it on ports of its own, which override those of the file.
    pub(crate) fn start(kind: Kind, directory: &Path, admin_key: &str) -> Self {
        let (address, status_address) = (free_address(), free_address());
        let mut command = command(kind, directory, admin_key);
        match kind {
            Kind::Admin => command.env("AISIX_ADMIN__ADDR", address.to_string()),
            Kind::Proxy => command
                .env("AISIX_PROXY__ADDR", address.to_string())
                .env("AISIX_STATUS__ADDR", status_address.to_string()),
        };
        let process = Process::start(command).unwrap();
        let status_address = if kind == Kind::Admin { address } else { status_address };
        Self { kind, process, address, status_address }
    }

    pub(crate) fn client(&self, key: &str, tls: Option<Arc<rustls::ClientConfig>>, seen: &Seen) -> Client {
        Client { address: self.address, tls, key: key.to_owned(), seen: seen.clone() }
    }

    /// Waits until `/readyz` answers with `status`.
    ///
    /// # Panics
    /// When it never does, or the process ends first.
    pub(crate) async fn answers_readyz(&mut self, client: &Client, status: u16) {
        let what = format!("/readyz of {:?} answers {status}", self.kind);
        eventually(&what, async || {
            let end = self.process.ended();
            assert!(
                end.is_none(),
                "{:?} ended: {end:?} {}{}",
                self.kind,
                self.process.stdout(),
                self.process.stderr()
            );
            let answer = client.call(Method::GET, "/readyz").anonymous().try_send().await.ok()?;
            (answer.status == status).then_some(())
        })
        .await;
    }

    /// All it wrote.
    pub(crate) fn output(&self) -> String {
        self.process.stdout() + &self.process.stderr()
    }
}

/// The service with the `config.yaml` in `directory`, and nothing of the environment of the developer.
pub(crate) fn command(kind: Kind, directory: &Path, admin_key: &str) -> Command {
    let mut command = Command::new(kind.program());
    command.env_clear().env("AISIX_ADMIN_KEY", admin_key);
    command.arg("--config").arg("config.yaml").current_dir(directory);
    command
}

impl Service {
    /// Its metrics and status at the end of a run, read without a runtime because a `Drop` asks for them.
    /// Nothing when it is gone or speaks TLS there.
    pub(crate) fn last_words(&self, has_tls: bool) -> String {
        if has_tls && self.kind == Kind::Admin {
            return String::new();
        }
        ["/metrics", "/status/config"]
            .map(|path| blocking_get(self.status_address, path).unwrap_or_default())
            .concat()
    }
}

fn blocking_get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

//! The two services with a configuration and a store of their own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::time::sleep;

use super::admin::{ADMIN_KEY, Admin};
use super::client::{self, Connection};
use super::etcd::Etcd;
use super::lab::Lab;
use super::process::Process;
use super::{chat, probe};

const SERVED_MAX: Duration = Duration::from_secs(10);
const SERVED_INTERVAL: Duration = Duration::from_millis(5);

/// Where both services keep their configuration.
#[derive(Debug)]
pub(super) enum Store {
    Embedded,
    Etcd(Etcd),
}

/// A configuration file and the addresses in it; the services are started one by one.
#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) admin_addr: SocketAddr,
    pub(super) proxy_addr: SocketAddr,
    directory: PathBuf,
    pub(super) store: Store,
}

/// Both services running, with one model in front of one upstream.
#[derive(Debug)]
pub(super) struct Gateway {
    proxy: Process,
    _admin: Process,
    deployment: Deployment,
}

// === impl Store ===

impl Store {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Etcd(_) => "etcd",
        }
    }

    fn section(&self) -> String {
        match self {
            Self::Embedded => "embedded:\n  path: ./aisix.db".to_owned(),
            Self::Etcd(etcd) => format!("etcd:\n  endpoints: [\"http://{}\"]", etcd.addr),
        }
    }
}

// === impl Deployment ===

impl Deployment {
    pub(super) fn new(lab: &Lab, store: Store) -> Result<Self> {
        let directory = lab.directory("aisix-")?;
        let (admin_addr, proxy_addr) = (probe::free_address()?, probe::free_address()?);
        let configuration = format!(
            "{store}
admin:
  addr: {admin_addr}
  admin_keys: [\"{ADMIN_KEY}\"]
proxy:
  addr: {proxy_addr}
  workers: 1
status:
  addr: {status_addr}
observability:
  access_log: true
",
            store = store.section(),
            status_addr = probe::free_address()?,
        );
        fs::write(directory.join("config.yaml"), configuration)?;
        Ok(Self { admin_addr, proxy_addr, directory, store })
    }

    pub(super) fn start_admin(&self, lab: &Lab) -> Result<Process> {
        let mut admin = self.spawn("aisix-admin", &lab.binaries()?.admin)?;
        admin.await_ready(self.admin_addr, "/readyz")?;
        Ok(admin)
    }

    /// Starts the proxy and tells how long it took to become ready.
    pub(super) fn start_proxy(&self, lab: &Lab) -> Result<(Process, Duration)> {
        let mut proxy = self.spawn("aisix-proxy", &lab.binaries()?.proxy)?;
        let took = proxy.await_ready(self.proxy_addr, "/readyz")?;
        Ok((proxy, took))
    }

    /// The proxy's access log goes where its standard output goes: to a file.
    fn spawn(&self, name: &'static str, executable: &Path) -> Result<Process> {
        let mut command = Command::new(executable);
        command.args(["--config", "config.yaml"]);
        Process::spawn(name, &mut command, &self.directory)
    }
}

// === impl Gateway ===

impl Gateway {
    /// Starts both services on the embedded store and returns when the model is served.
    pub(super) fn start(lab: &Lab, upstream: SocketAddr) -> Result<Self> {
        let deployment = Deployment::new(lab, Store::Embedded)?;
        let admin = deployment.start_admin(lab)?;
        let (proxy, _) = deployment.start_proxy(lab)?;
        client::runtime()?.block_on(async {
            create_resources(deployment.admin_addr, upstream).await?;
            await_served(deployment.proxy_addr).await
        })?;
        Ok(Self { proxy, _admin: admin, deployment })
    }

    pub(super) fn proxy_addr(&self) -> SocketAddr {
        self.deployment.proxy_addr
    }

    pub(super) fn proxy_pid(&self) -> u32 {
        self.proxy.pid()
    }
}

async fn create_resources(admin: SocketAddr, upstream: SocketAddr) -> Result<()> {
    let mut admin = Admin::open(admin).await?;
    let provider_key_id = admin.create_provider_key("bench", upstream).await?;
    admin.create_model(chat::ALIAS, &provider_key_id).await?;
    admin.create_caller_key().await
}

/// Waits for the first answer and checks that it is the gateway's: the alias, not the upstream's model.
async fn await_served(proxy: SocketAddr) -> Result<()> {
    let mut connection = Connection::open(proxy).await?;
    let began_at = Instant::now();
    while began_at.elapsed() < SERVED_MAX {
        let answer = connection.exchange(chat::request(chat::request_body(chat::ALIAS))?).await?;
        if answer.status.is_success() {
            let model = serde_json::from_slice::<serde_json::Value>(&answer.body)?["model"].take();
            ensure!(model == chat::ALIAS, "the answer names the model {model}");
            return Ok(());
        }
        sleep(SERVED_INTERVAL).await;
    }
    bail!("the model is not served after {SERVED_MAX:?}")
}

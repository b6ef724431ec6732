use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::Duration;

use aisix_testkit::{Process, free_address, within};
use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::guide::Subject;
use crate::workspace;

const ADMIN_PORT_DEFAULT: u16 = 3001;
const PROXY_PORT_DEFAULT: u16 = 3000;
const STATUS_PORT_DEFAULT: u16 = 9090;

/// A debug build on a busy machine starts slowly.
const READY_WAIT_MAX: Duration = Duration::from_secs(30);
const STOP_WAIT_MAX: Duration = Duration::from_secs(5);
const LOG_LINES_SHOWN_MAX: usize = 20;

/// Both services of the product, on the embedded store in a directory of their own.
pub(super) struct Services {
    directory: TempDir,
    environment: Vec<(&'static str, String)>,
    admin: SocketAddr,
    proxy: SocketAddr,
    status: SocketAddr,
    running: Vec<Service>,
}

struct Service {
    name: &'static str,
    process: Process,
}

impl Services {
    /// Chooses ports and writes the configuration.
    pub(super) fn prepare(subject: &Subject) -> Result<Self> {
        let directory = TempDir::with_prefix("aisix-quickstart-").context("no temporary directory")?;
        let admin_key = format!("admin-{}", uuid::Uuid::new_v4().simple());
        let services = Self {
            environment: vec![("AISIX_ADMIN_KEY", admin_key), ("OPENAI_API_KEY", subject.key.clone())],
            admin: address(ADMIN_PORT_DEFAULT),
            proxy: address(PROXY_PORT_DEFAULT),
            status: address(STATUS_PORT_DEFAULT),
            directory,
            running: Vec::new(),
        };
        let path = services.directory.path().join("config.yaml");
        std::fs::write(path, services.configuration()).context("the configuration cannot be written")?;
        Ok(services)
    }

    pub(super) async fn start(&mut self) -> Result<()> {
        for (name, _) in workspace::SERVICES {
            let process =
                Process::start(self.command(name)?).with_context(|| format!("{name} cannot be started"))?;
            self.running.push(Service { name, process });
        }
        for url in [self.admin_url("/readyz"), self.proxy_url("/readyz")] {
            self.wait_until_ready(&url).await?;
        }
        Ok(())
    }

    pub(super) fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    pub(super) fn proxy_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.proxy)
    }

    pub(super) fn status_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.status)
    }

    /// What the guide's command lines expect to find exported.
    pub(super) fn environment(&self) -> &[(&'static str, String)] {
        &self.environment
    }

    pub(super) fn directory(&self) -> std::path::Display<'_> {
        self.directory.path().display()
    }

    /// Returns only when a service ends by itself, which it should not.
    pub(super) async fn watch(&mut self) -> Result<()> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            self.check_alive()?;
        }
    }

    /// Asks both services to end, and kills those that do not.
    pub(super) async fn stop(mut self, keep_directory: bool, show_logs: bool) -> Result<()> {
        self.running.iter_mut().for_each(|service| service.process.terminate());
        within(STOP_WAIT_MAX, async || self.have_all_ended().then_some(())).await;
        if show_logs {
            self.running.iter().for_each(Service::show_end_of_log);
        }
        if keep_directory {
            self.write_logs()?;
            println!("kept: {}", self.directory.keep().display());
        }
        Ok(())
    }

    fn command(&self, name: &str) -> Result<Command> {
        let mut command = Command::new(workspace::service(name)?);
        // The user's own deployment must not shine through.
        let foreign = std::env::vars_os().map(|(name, _)| name);
        foreign.filter(|name| name.to_string_lossy().starts_with("AISIX_")).for_each(|name| {
            command.env_remove(name);
        });
        command
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .env_remove("OPENAI_API_KEY");
        command.arg("--config").arg("config.yaml").current_dir(self.directory.path());
        Ok(command)
    }

    fn configuration(&self) -> String {
        let Self { admin, proxy, status, .. } = self;
        format!(
            "\
embedded:
  path: ./aisix.db
admin:
  addr: {admin}
  admin_keys: [\"${{AISIX_ADMIN_KEY}}\"]
proxy:
  addr: {proxy}
  workers: 2
status:
  addr: {status}
"
        )
    }

    async fn wait_until_ready(&mut self, url: &str) -> Result<()> {
        let ready = within(READY_WAIT_MAX, async || match self.check_alive() {
            Err(ended) => Some(Err(ended)),
            Ok(()) => answers(url).then_some(Ok(())),
        });
        ready.await.unwrap_or_else(|| bail!("{url} was not there within {} s", READY_WAIT_MAX.as_secs()))
    }

    fn check_alive(&mut self) -> Result<()> {
        for service in &mut self.running {
            if let Some(status) = service.process.ended() {
                bail!("{} ended by itself: {status}", service.name);
            }
        }
        Ok(())
    }

    fn have_all_ended(&mut self) -> bool {
        self.running.iter_mut().all(|service| service.process.ended().is_some())
    }

    fn write_logs(&self) -> Result<()> {
        for service in &self.running {
            let path = self.directory.path().join(format!("{}.log", service.name));
            std::fs::write(path, service.log()).context("the logs cannot be written")?;
        }
        Ok(())
    }
}

impl Service {
    fn log(&self) -> String {
        self.process.stdout() + &self.process.stderr()
    }

    fn show_end_of_log(&self) {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN_MAX)..];
        eprintln!("--- the end of the log of {} ---\n{}", self.name, shown.join("\n"));
    }
}

/// The port that the documents use, or any other when that one is taken.
fn address(port: u16) -> SocketAddr {
    let documented = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if TcpListener::bind(documented).is_ok() { documented } else { free_address() }
}

fn answers(url: &str) -> bool {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--noproxy", "*", "--max-time", "1", "--output", "/dev/null", url]);
    curl.stdin(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

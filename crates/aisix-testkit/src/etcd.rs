//! A real etcd, from `PATH`, on loopback ports of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use etcd_client::{
    Certificate, Client, ConnectOptions, Error, Identity, Permission, PermissionType, TlsOptions,
};
use tempfile::TempDir;

use crate::{Authority, Process, WAIT_MAX, free_address, within};

/// Another process may take a port before etcd does.
const START_ATTEMPTS: usize = 5;
/// etcd withholds its answer to some requests while it has no leader.
const READY_ANSWER_WITHIN: Duration = Duration::from_secs(1);
const ROOT_PASSWORD: &str = "root-password";

/// An etcd with its data in a temporary directory. Killed when dropped.
#[derive(Debug)]
pub struct Etcd {
    process: Option<Process>,
    directory: TempDir,
    client_address: SocketAddr,
    peer_address: SocketAddr,
    arguments: Vec<String>,
    certificates: Option<Certificates>,
    auth_enabled: bool,
}

/// What a client of [`Etcd::start_with_tls`] needs: PEM files.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority of both sides.
    pub ca_file: PathBuf,
    /// The client's certificate.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

impl Etcd {
    /// Starts one and waits until it serves.
    ///
    /// # Panics
    /// When `etcd` is not installed or does not come up, as all functions here.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with more arguments.
    pub async fn start_with(arguments: &[&str]) -> Self {
        Self::first_to_come_up(|| Self::new(arguments, None)).await
    }

    /// Starts one that speaks TLS and wants a client certificate.
    pub async fn start_with_tls() -> Self {
        Self::first_to_come_up(|| Self::new(&[], Some(Authority::new()))).await
    }

    async fn first_to_come_up(prepare: impl Fn() -> Self) -> Self {
        for _ in 0..START_ATTEMPTS {
            let mut etcd = prepare();
            if etcd.try_restart().await {
                return etcd;
            }
        }
        panic!("etcd does not come up");
    }

    fn new(arguments: &[&str], authority: Option<Authority>) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let mut arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let certificates = authority.map(|authority| {
            let [server, client] = ["server", "client"].map(|name| {
                let directory = directory.path().join(name);
                fs::create_dir(&directory).expect("the directory is writable");
                authority.write_files(&directory)
            });
            let files = ["--trusted-ca-file", "--cert-file", "--key-file"].into_iter().zip(server);
            arguments.extend(files.map(|(argument, file)| format!("{argument}={}", file.display())));
            arguments.push("--client-cert-auth".to_owned());
            let [ca_file, cert_file, key_file] = client;
            Certificates { ca_file, cert_file, key_file }
        });
        let (client_address, peer_address) = (free_address(), free_address());
        Self {
            process: None,
            directory,
            client_address,
            peer_address,
            arguments,
            certificates,
            auth_enabled: false,
        }
    }

    /// Where clients reach it.
    pub fn client_url(&self) -> String {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.client_address)
    }

    /// The address in [`Self::client_url`].
    pub fn client_address(&self) -> SocketAddr {
        self.client_address
    }

    /// The files for clients of [`Self::start_with_tls`].
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// Kills it without warning. Its data stay.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
            process.wait().await;
        }
    }

    /// Kills it if it runs, starts it on the same ports and data, and waits until it serves.
    pub async fn restart(&mut self) {
        assert!(self.try_restart().await, "etcd does not come up again: {}", self.output());
    }

    /// A client with every permission.
    pub async fn client(&self) -> Client {
        self.try_client().await.expect("etcd is there")
    }

    /// Forgets all history but the newest revision.
    pub async fn compact(&self) {
        let mut client = self.client().await;
        let newest = client.get("-", None).await.expect("etcd is there");
        let newest = newest.header().expect("an answer has a header").revision();
        client.compact(newest, None).await.expect("etcd is there");
    }

    /// Adds a user who may read and write under `prefix`; from now on nobody gets in without a password.
    pub async fn enable_auth(&mut self, user: &str, password: &str, prefix: &str) {
        let done = self.try_enable_auth(user, password, prefix).await;
        done.expect("etcd is there");
        self.auth_enabled = true;
    }

    async fn try_enable_auth(&self, user: &str, password: &str, prefix: &str) -> Result<(), Error> {
        let mut client = self.client().await;
        client.role_add("root").await?;
        client.user_add("root", ROOT_PASSWORD, None).await?;
        client.user_grant_role("root", "root").await?;
        client.role_add("tenant").await?;
        let permission = Permission::new(PermissionType::Readwrite, prefix).with_prefix();
        client.role_grant_permission("tenant", permission).await?;
        client.user_add(user, password, None).await?;
        client.user_grant_role(user, "tenant").await?;
        client.auth_enable().await.map(drop)
    }

    async fn try_client(&self) -> Result<Client, Error> {
        let mut options = ConnectOptions::new();
        if self.auth_enabled {
            options = options.with_user("root", ROOT_PASSWORD);
        }
        if let Some(certificates) = &self.certificates {
            options = options.with_tls(certificates.client_options());
        }
        Client::connect([self.client_url()], Some(options)).await
    }

    /// Whether it serves afterwards; `false` when it has ended by itself.
    async fn try_restart(&mut self) -> bool {
        self.stop().await;
        self.process = Some(Process::start(self.command()).expect("etcd is installed (Debian: etcd-server)"));
        let ready = within(WAIT_MAX, async || match self.is_ready().await {
            true => Some(true),
            false => self.has_ended().then_some(false),
        });
        ready.await.unwrap_or(false)
    }

    fn command(&self) -> Command {
        let (client, peer) = (self.client_url(), format!("http://{}", self.peer_address));
        let mut command = Command::new("etcd");
        command.arg("--data-dir").arg(self.directory.path().join("data"));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}")]);
        // One member elects itself: there is nobody to wait for.
        command.args(["--heartbeat-interval", "10", "--election-timeout", "100"]);
        command.args(&self.arguments);
        command
    }

    /// Whether it answers a read that needs a leader; to refuse it is an answer too.
    async fn is_ready(&self) -> bool {
        let read = async { self.try_client().await?.get("-", None).await };
        match tokio::time::timeout(READY_ANSWER_WITHIN, read).await {
            Ok(Err(Error::GRpcStatus(status))) => status.message().contains("user name is empty"),
            Ok(answer) => answer.is_ok(),
            Err(_) => false,
        }
    }

    fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(|process| process.ended().is_some())
    }

    fn output(&self) -> String {
        self.process.as_ref().map(Process::stderr).unwrap_or_default()
    }
}

impl Certificates {
    fn client_options(&self) -> TlsOptions {
        let [ca, cert, key] = [&self.ca_file, &self.cert_file, &self.key_file]
            .map(|file| fs::read(file).expect("the file was written at the start"));
        TlsOptions::new().ca_certificate(Certificate::from_pem(ca)).identity(Identity::from_pem(cert, key))
    }
}

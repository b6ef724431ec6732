//! A gateway of real processes, in front of a scripted upstream.
//!
//! Whatever a test does, when its [`Gateway`] goes out of scope everything that the run left behind is
//! searched for the secrets in it: outputs, answers, metrics, status, and what reached the upstream.

mod canary;
mod client;
mod service;

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aisix_testkit::etcd::Etcd;
use aisix_testkit::{Authority, Upstream, eventually};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;

use self::canary::Canary;
pub(crate) use self::client::{Answer, Client, Coming, End, Seen};
pub(crate) use self::service::{Kind, Service, command};

/// Characters that need escaping in JSON, in URLs and in base64, so that a leak in any of them is a leak
/// that the search must know.
const PROVIDER_SECRET: &str = r#"sk-7Qz9"Xv\K2/m+w==4tR8uYpL"#;
const ADMIN_KEY: &str = "Adm1n+Vj3/kQ8=zWc5Hn0dRb";
const CALLER_KEY: &str = "sk-Ca11er+Fg6/tB2=xMq9Je4s";

/// The alias that [`Gateway::provision`] makes.
pub(crate) const ALIAS: &str = "my-model";
/// What stands behind it.
pub(crate) const UPSTREAM_MODEL: &str = "gpt-4o-mini";
pub(crate) const CHAT: &str = "/v1/chat/completions";

const END_PATIENCE: Duration = Duration::from_secs(5);

/// Where the services of a gateway meet.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Embedded,
    Etcd(Arc<Mutex<Etcd>>),
}

/// A gateway before anything of it runs.
#[derive(Debug)]
pub(crate) struct Setup {
    store: Store,
    authority: Option<Authority>,
    /// Lines of `config.yaml`, by section.
    settings: Vec<(&'static str, String)>,
}

/// A store, an upstream and any number of services.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) upstream: Upstream,
    pub(crate) directory: TempDir,
    /// Dropped with the rest, after the services have ended.
    _store: Store,
    authority: Option<Authority>,
    services: Vec<Service>,
    canaries: Vec<Canary>,
    seen: Seen,
}

/// The ids of what [`Gateway::provision`] made.
#[derive(Debug)]
pub(crate) struct Provisioned {
    pub(crate) provider_key: String,
    pub(crate) model: String,
    pub(crate) caller_key: String,
}

// === impl Store ===

impl Store {
    /// A new etcd with nothing in it.
    pub(crate) async fn etcd() -> Self {
        Self::Etcd(Arc::new(Mutex::new(Etcd::start().await)))
    }

    async fn setting(&self) -> (&'static str, String) {
        match self {
            Self::Embedded => ("embedded", "path: ./aisix.db".to_owned()),
            Self::Etcd(etcd) => ("etcd", format!("endpoints: [\"{}\"]", etcd.lock().await.client_url())),
        }
    }
}

// === impl Setup ===

impl Setup {
    pub(crate) fn new(store: Store) -> Self {
        let settings = vec![
            ("admin", "admin_keys: [\"${AISIX_ADMIN_KEY}\"]".to_owned()),
            ("proxy", "workers: 2".to_owned()),
            ("observability", "log_level: debug".to_owned()),
        ];
        Self { store, authority: None, settings }
    }

    /// Adds `key: value` to a section of `config.yaml`.
    pub(crate) fn with(mut self, section: &'static str, line: &str) -> Self {
        self.settings.push((section, line.to_owned()));
        self
    }

    /// TLS on both listeners and at the upstream, all by one authority.
    pub(crate) fn with_tls(mut self) -> Self {
        self.authority = Some(Authority::new());
        let files = "tls: { cert_file: cert.pem, key_file: key.pem }";
        self.with("admin", files).with("proxy", files).with("upstream", "ca_file: ca.pem")
    }

    /// Writes the configuration and starts the upstream, but no service.
    pub(crate) async fn prepare(mut self) -> Gateway {
        self.settings.push(self.store.setting().await);
        let directory = TempDir::with_prefix("aisix-e2e-").unwrap();
        std::fs::write(directory.path().join("config.yaml"), self.yaml()).unwrap();
        let upstream = match &self.authority {
            None => Upstream::start().await,
            Some(authority) => {
                authority.write_files(directory.path());
                Upstream::start_tls(authority).await
            }
        };
        upstream.accept_only(&[PROVIDER_SECRET]);
        let known = [("provider key", PROVIDER_SECRET), ("admin key", ADMIN_KEY), ("caller key", CALLER_KEY)];
        let canaries = known.map(|(name, value)| Canary { name, value: value.to_owned() }).to_vec();
        let Self { store, authority, .. } = self;
        Gateway {
            upstream,
            directory,
            _store: store,
            authority,
            services: Vec::new(),
            canaries,
            seen: Seen::default(),
        }
    }

    /// A gateway with both services ready.
    pub(crate) async fn start(self) -> Gateway {
        let mut gateway = self.prepare().await;
        gateway.start_service(Kind::Admin).await;
        gateway.start_service(Kind::Proxy).await;
        gateway
    }

    /// A gateway with both services ready and one model that works.
    pub(crate) async fn provisioned(self) -> (Gateway, Provisioned) {
        let gateway = self.start().await;
        let provisioned = gateway.provision().await;
        (gateway, provisioned)
    }

    fn yaml(&self) -> String {
        let mut sections: Vec<&str> = self.settings.iter().map(|(section, _)| *section).collect();
        sections.sort_unstable();
        sections.dedup();
        sections.iter().fold(String::new(), |mut yaml, section| {
            writeln!(yaml, "{section}:").unwrap();
            let lines = self.settings.iter().filter(|(of, _)| of == section);
            lines.for_each(|(_, line)| writeln!(yaml, "  {line}").unwrap());
            yaml
        })
    }
}

// === impl Gateway ===

impl Gateway {
    /// Starts one more service and waits until it is ready. The number is for [`Self::service`].
    pub(crate) async fn start_service(&mut self, kind: Kind) -> usize {
        let number = self.launch(kind);
        self.wait_for_readyz(number, 200).await;
        number
    }

    /// Starts one more service without waiting for it.
    pub(crate) fn launch(&mut self, kind: Kind) -> usize {
        self.services.push(Service::start(kind, self.directory.path(), ADMIN_KEY));
        self.services.len() - 1
    }

    pub(crate) async fn wait_for_readyz(&mut self, number: usize, status: u16) {
        let client = self.client(number, "");
        self.services[number].answers_readyz(&client, status).await;
    }

    pub(crate) fn service(&mut self, number: usize) -> &mut Service {
        &mut self.services[number]
    }

    /// The number of the first service of a kind.
    pub(crate) fn number(&self, kind: Kind) -> usize {
        self.services.iter().position(|service| service.kind == kind).unwrap()
    }

    /// An operator at the admin service.
    pub(crate) fn admin(&self) -> Client {
        self.client(self.number(Kind::Admin), ADMIN_KEY)
    }

    /// An application at the proxy, with the caller key of [`Self::provision`].
    pub(crate) fn proxy(&self) -> Client {
        self.client(self.number(Kind::Proxy), CALLER_KEY)
    }

    /// An application at the service with this number.
    pub(crate) fn caller_of(&self, number: usize) -> Client {
        self.client(number, CALLER_KEY)
    }

    /// Whoever looks at the metrics and the status of a service.
    pub(crate) fn observer(&self, number: usize) -> Client {
        let service = &self.services[number];
        let tls = (service.kind == Kind::Admin).then(|| self.tls()).flatten();
        Client { address: service.status_address, tls, key: ADMIN_KEY.to_owned(), seen: self.seen.clone() }
    }

    /// The key that works at the upstream.
    pub(crate) fn provider_secret(&self) -> &'static str {
        PROVIDER_SECRET
    }

    pub(crate) fn admin_key(&self) -> &'static str {
        ADMIN_KEY
    }

    pub(crate) fn caller_key(&self) -> &'static str {
        CALLER_KEY
    }

    /// Has everything searched for one more secret.
    pub(crate) fn keep_secret(&mut self, name: &'static str, value: &str) {
        self.canaries.push(Canary { name, value: value.to_owned() });
    }

    /// A part of the run that the harness did not see itself.
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.seen.add(text);
    }

    /// Creates a provider key, a model and a caller key, and waits until the proxy serves them.
    pub(crate) async fn provision(&self) -> Provisioned {
        let admin = self.admin();
        let provider_key = admin.post("/admin/v1/provider_keys", &self.provider_key()).await.expect(201).id();
        let model =
            json!({"display_name": ALIAS, "model_name": UPSTREAM_MODEL, "provider_key_id": provider_key});
        let model = admin.post("/admin/v1/models", &model).await.expect(201).id();
        let caller_key =
            json!({"display_name": "my-application", "key": CALLER_KEY, "allowed_models": ["*"]});
        let caller_key = admin.post("/admin/v1/api_keys", &caller_key).await.expect(201);
        let proxies = (0..self.services.len()).filter(|number| self.services[*number].kind == Kind::Proxy);
        for number in proxies {
            self.wait_until_applied(number, &caller_key).await;
        }
        Provisioned { provider_key, model, caller_key: caller_key.id() }
    }

    /// The body that creates a provider key for the upstream.
    pub(crate) fn provider_key(&self) -> Value {
        json!({
            "display_name": "openai-prod", "provider": "openai", "adapter": "openai",
            "secret": PROVIDER_SECRET, "api_base": self.upstream.api_base(),
        })
    }

    /// Waits until the proxy serves what an answer of the admin service says it stored.
    pub(crate) async fn wait_until_applied(&self, proxy: usize, written: &Answer) {
        let revision: u64 = written.header("x-aisix-config-revision").parse().expect("a config revision");
        let observer = self.observer(proxy);
        let what = format!("the proxy serves revision {revision}");
        eventually(&what, async || {
            let status = observer.call(Method::GET, "/status/config").try_send().await.ok()?.json();
            (status["applied_revision"].as_u64()? >= revision).then_some(())
        })
        .await;
    }

    fn client(&self, number: usize, key: &str) -> Client {
        self.services[number].client(key, self.tls(), &self.seen)
    }

    fn tls(&self) -> Option<Arc<rustls::ClientConfig>> {
        self.authority.as_ref().map(Authority::client_config)
    }

    /// Where each piece of text was found, and the text.
    fn remains(&self) -> Vec<(String, String)> {
        let outputs =
            self.services.iter().map(|service| (format!("output of {:?}", service.kind), service.output()));
        let seen = self.seen.all().into_iter().map(|text| ("an answer".to_owned(), text));
        outputs.chain(seen).collect()
    }

    /// The upstream may know the secret of the provider key and nothing else; the database may, too.
    fn remains_beyond_the_credential(&self) -> Vec<(String, String)> {
        let requests = self.upstream.requests().into_iter();
        let requests = requests.map(|request| {
            let text = format!("{} {:?} {}", request.target, request.headers, request.text());
            ("a request to the upstream".to_owned(), text)
        });
        requests.chain(stored(self.directory.path())).collect()
    }

    fn leaks(&self) -> Vec<String> {
        let found = |canary: &Canary, remains: &[(String, String)]| -> Vec<String> {
            let telling = remains.iter().filter(|(_, text)| canary.sings_in(text));
            telling.map(|(place, text)| format!("{} in {place}: {text}", canary.name)).collect()
        };
        let everywhere = self.remains();
        let beyond = self.remains_beyond_the_credential();
        let all = self.canaries.iter().flat_map(|canary| found(canary, &everywhere));
        let others = self.canaries.iter().filter(|canary| canary.value != PROVIDER_SECRET);
        all.chain(others.flat_map(|canary| found(canary, &beyond))).collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.services.iter_mut().for_each(|service| {
            self.seen.add(service.last_words(self.authority.is_some()));
            service.process.end(END_PATIENCE);
        });
        let leaks = self.leaks();
        if !std::thread::panicking() {
            assert!(leaks.is_empty(), "secrets got out:\n{}", leaks.join("\n"));
            return;
        }
        self.services
            .iter()
            .for_each(|service| eprintln!("--- {:?} ---\n{}", service.kind, service.output()));
    }
}

/// The files of the embedded store, as far as they can be read as text.
fn stored(directory: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let databases = files.filter(|path| path.to_string_lossy().contains("aisix.db"));
    let read = databases.filter_map(|path| Some(("the database".to_owned(), std::fs::read(path).ok()?)));
    read.map(|(place, bytes)| (place, String::from_utf8_lossy(&bytes).into_owned())).collect()
}

//! The three stores, as the conformance suite needs them.

use std::sync::Arc;
use std::time::Duration;

use aisix_store::{
    EmbeddedOptions, EmbeddedStore, EtcdOptions, EtcdStore, EtcdTls, Layout, MemoryStore, Store,
};
use aisix_testkit::etcd::Etcd;
use tempfile::TempDir;

pub(crate) const PREFIX: &str = "/aisix";

/// A store that two processes could share.
pub(crate) trait Backend: Sized {
    async fn create() -> Self;

    /// A handle of its own, as another process would have.
    fn open(&self) -> Arc<dyn Store>;

    /// Forgets all history but the newest revision.
    async fn compact(&self);
}

pub(crate) struct Memory(MemoryStore);

pub(crate) struct Embedded {
    directory: TempDir,
}

impl Backend for Memory {
    async fn create() -> Self {
        Self(MemoryStore::new(Layout::new(PREFIX)))
    }

    fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }

    async fn compact(&self) {
        self.0.compact(self.0.current_revision().await.unwrap());
    }
}

impl Embedded {
    pub(crate) fn options(&self) -> EmbeddedOptions {
        EmbeddedOptions { path: self.directory.path().join("aisix.db"), prefix: PREFIX.into() }
    }
}

impl Backend for Embedded {
    async fn create() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    fn open(&self) -> Arc<dyn Store> {
        Arc::new(EmbeddedStore::new(self.options()).unwrap())
    }

    async fn compact(&self) {
        let store = EmbeddedStore::new(self.options()).unwrap();
        store.compact(store.current_revision().await.unwrap()).await.unwrap();
    }
}

impl Backend for Etcd {
    async fn create() -> Self {
        Self::start().await
    }

    fn open(&self) -> Arc<dyn Store> {
        Arc::new(EtcdStore::new(etcd_options(self)).unwrap())
    }

    async fn compact(&self) {
        self.compact().await;
    }
}

/// How to reach it.
pub(crate) fn etcd_options(etcd: &Etcd) -> EtcdOptions {
    let pem = |path: &std::path::Path| Some(std::fs::read(path).unwrap());
    let tls = |files: &aisix_testkit::etcd::Certificates| EtcdTls {
        ca: pem(&files.ca_file),
        cert: pem(&files.cert_file),
        key: pem(&files.key_file),
    };
    EtcdOptions {
        endpoints: vec![etcd.client_url()],
        prefix: PREFIX.into(),
        user: None,
        password: None,
        tls: etcd.certificates().map(tls),
        dial_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(5),
    }
}

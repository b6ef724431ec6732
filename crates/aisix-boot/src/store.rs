use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aisix_config::{Config, Etcd};
use aisix_server::config_file::{ConfigError, Loaded};
use aisix_server::exit::Failure;
use aisix_server::tls::{Pem, TlsError, check_client};
use aisix_store::{EmbeddedOptions, EmbeddedStore, EtcdOptions, EtcdStore, EtcdTls, Store};

use crate::boot::read;

/// Both stores lay their rows out alike; only etcd's prefix can be chosen, because it shares a keyspace.
const EMBEDDED_PREFIX: &str = "/aisix";

/// A store whose files have been read, and which has not been opened.
#[derive(Clone, Debug)]
pub(crate) enum Prepared {
    Etcd(EtcdOptions),
    Embedded(EmbeddedOptions),
}

// === impl Prepared ===

impl Prepared {
    pub(crate) fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        Ok(match self.clone() {
            Self::Etcd(options) => Arc::new(EtcdStore::new(options).map_err(Failure::usage)?),
            Self::Embedded(options) => Arc::new(EmbeddedStore::new(options).map_err(Failure::software)?),
        })
    }
}

pub(crate) fn prepare(loaded: &Loaded<Config>) -> Result<Prepared, ConfigError> {
    let Some(etcd) = &loaded.value.etcd else {
        let path = loaded.value.embedded.path.clone();
        return Ok(Prepared::Embedded(EmbeddedOptions { path, prefix: EMBEDDED_PREFIX.to_owned() }));
    };
    let problem = |error: TlsError| loaded.problem("etcd.tls", &error.to_string());
    etcd_options(etcd).map(Prepared::Etcd).map_err(problem)
}

fn etcd_options(etcd: &Etcd) -> Result<EtcdOptions, TlsError> {
    Ok(EtcdOptions {
        endpoints: etcd.endpoints.clone(),
        prefix: etcd.prefix.clone(),
        user: etcd.user.clone(),
        password: etcd.password.clone(),
        tls: etcd.tls.as_ref().map(tls).transpose()?,
        dial_timeout: Duration::from_millis(etcd.dial_timeout_ms),
        request_timeout: Duration::from_millis(etcd.request_timeout_ms),
    })
}

fn tls(files: &aisix_config::EtcdTls) -> Result<EtcdTls, TlsError> {
    let ca = pem(files.ca_file.as_deref(), "ca_file")?;
    let cert = pem(files.cert_file.as_deref(), "cert_file")?;
    let key = pem(files.key_file.as_deref(), "key_file")?;
    let identity = cert.clone().zip(key.clone()).map(|(certificates, key)| Pem { certificates, key });
    check_client(ca.as_deref(), identity.as_ref())?;
    Ok(EtcdTls { ca, cert, key })
}

fn pem(path: Option<&Path>, key: &str) -> Result<Option<Vec<u8>>, TlsError> {
    path.map(|path| read(path, key)).transpose()
}

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aisix_config::{Config, Etcd};
use aisix_server::exit::Failure;
use aisix_store::{EmbeddedOptions, EmbeddedStore, EtcdOptions, EtcdStore, EtcdTls, Store};

/// Both stores lay their rows out alike; only etcd's prefix can be chosen, because it shares a keyspace.
const EMBEDDED_PREFIX: &str = "/aisix";

pub(crate) fn open(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    match &config.etcd {
        Some(etcd) => {
            let store = EtcdStore::new(etcd_options(etcd)?).map_err(Failure::usage)?;
            Ok(Arc::new(store))
        }
        None => {
            let options =
                EmbeddedOptions { path: config.embedded.path.clone(), prefix: EMBEDDED_PREFIX.to_owned() };
            Ok(Arc::new(EmbeddedStore::new(options).map_err(Failure::software)?))
        }
    }
}

fn etcd_options(etcd: &Etcd) -> Result<EtcdOptions, Failure> {
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

fn tls(files: &aisix_config::EtcdTls) -> Result<EtcdTls, Failure> {
    Ok(EtcdTls {
        ca: pem(files.ca_file.as_deref(), "etcd.tls.ca_file")?,
        cert: pem(files.cert_file.as_deref(), "etcd.tls.cert_file")?,
        key: pem(files.key_file.as_deref(), "etcd.tls.key_file")?,
    })
}

fn pem(path: Option<&Path>, key: &str) -> Result<Option<Vec<u8>>, Failure> {
    let read = |path: &Path| {
        std::fs::read(path)
            .map_err(|cause| Failure::usage(format!("{key} ({}): cannot be read: {cause}", path.display())))
    };
    path.map(read).transpose()
}

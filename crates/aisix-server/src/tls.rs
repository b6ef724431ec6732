//! Certificates: from PEM to what a listener needs, and again when the files change.

use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use parking_lot::{Mutex, RwLock};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// How often [`Tls::follow`] looks for new files.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(30);

const CERTIFICATES_MAX: usize = 32;

/// The two files, as read.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// The certificate and its chain.
    pub certificates: Vec<u8>,
    /// The private key.
    pub key: Vec<u8>,
}

/// What stands in the way of TLS. Never shows the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("{file}: cannot be read: {cause}")]
    Read {
        /// Which one.
        file: String,
        /// Why.
        cause: io::Error,
    },
    /// The certificate file holds no usable certificates.
    #[error("cert_file holds no PEM certificate, or more than {CERTIFICATES_MAX}")]
    Certificates,
    /// The key file holds no usable key.
    #[error("key_file holds no PEM private key")]
    Key,
    /// The file of trust roots holds no usable certificates.
    #[error("ca_file holds no PEM certificate, or one that cannot be used")]
    Roots,
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("certificate and key cannot be used together: {0}")]
    Rejected(#[from] rustls::Error),
}

/// How a listener ends TLS. Clones share the certificate.
#[derive(Clone)]
pub struct Tls {
    current: Arc<RwLock<TlsAcceptor>>,
    source: Arc<Source>,
}

struct Source {
    read: Box<dyn Fn() -> Result<Pem, TlsError> + Send + Sync>,
    last: Mutex<Pem>,
}

// === impl Tls ===

impl Tls {
    /// Reads the files once, by a closure because only a binary touches files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(read: impl Fn() -> Result<Pem, TlsError> + Send + Sync + 'static) -> Result<Self, TlsError> {
        let pem = read()?;
        let acceptor = acceptor(&pem)?;
        let source = Source { read: Box::new(read), last: Mutex::new(pem) };
        Ok(Self { current: Arc::new(RwLock::new(acceptor)), source: Arc::new(source) })
    }

    /// Reads the files again, and uses them from the next connection on. Whether they had changed.
    ///
    /// # Errors
    /// [`TlsError`]; the certificate from before stays in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let pem = (self.source.read)()?;
        if *self.source.last.lock() == pem {
            return Ok(false);
        }
        *self.current.write() = acceptor(&pem)?;
        *self.source.last.lock() = pem;
        Ok(true)
    }

    /// Reloads whenever the files have changed, for ever.
    pub async fn follow(self) {
        let mut interval = tokio::time::interval(RELOAD_INTERVAL);
        loop {
            interval.tick().await;
            match self.reload() {
                Ok(false) => {}
                Ok(true) => tracing::info!("the certificate was renewed"),
                Err(error) => tracing::warn!(%error, "the certificate was not renewed"),
            }
        }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.current.read().clone()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

fn acceptor(pem: &Pem) -> Result<TlsAcceptor, TlsError> {
    let certificates = certificates(&pem.certificates)?;
    let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(|_| TlsError::Key)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Whether a client could use these files, which a library would find out when it first connects.
///
/// # Errors
/// [`TlsError`].
pub fn check_client(ca: Option<&[u8]>, identity: Option<&Pem>) -> Result<(), TlsError> {
    let roots = ca.map(roots).transpose()?.unwrap_or_else(RootCertStore::empty);
    let Some(pem) = identity else { return Ok(()) };
    let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(|_| TlsError::Key)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(&pem.certificates)?, key)?;
    Ok(())
}

fn roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| TlsError::Roots)?;
        roots.add(certificate).map_err(|_| TlsError::Roots)?;
    }
    if roots.is_empty() { Err(TlsError::Roots) } else { Ok(roots) }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).take(CERTIFICATES_MAX + 1).collect();
    parsed
        .ok()
        .filter(|certificates| (1..=CERTIFICATES_MAX).contains(&certificates.len()))
        .ok_or(TlsError::Certificates)
}

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate authority of one test, with certificates for `localhost` and the loopback addresses.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its private key, as PEM.
#[derive(Debug)]
struct Identity {
    certificate: String,
    key: String,
}

impl Authority {
    /// A new authority that nobody trusts yet.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key pair");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a self-signed certificate");
        Self { issuer }
    }

    /// The authority's own certificate, as PEM.
    pub fn certificate_pem(&self) -> String {
        self.issuer.pem()
    }

    /// Writes `ca.pem`, `cert.pem` and `key.pem` into `directory` and returns their paths in this order.
    pub fn write_files(&self, directory: &Path) -> [PathBuf; 3] {
        let identity = self.identity();
        let contents = [
            ("ca.pem", self.certificate_pem()),
            ("cert.pem", identity.certificate),
            ("key.pem", identity.key),
        ];
        contents.map(|(name, text)| {
            let path = directory.join(name);
            std::fs::write(&path, text).expect("the directory is writable");
            path
        })
    }

    /// What a server needs to present a certificate of this authority.
    pub fn server_config(&self) -> Arc<rustls::ServerConfig> {
        let identity = self.identity();
        let certificate =
            CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a private key");
        let config = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("certificate and key belong together");
        Arc::new(config)
    }

    /// What a client needs to trust this authority and nobody else.
    pub fn client_config(&self) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a usable root");
        let config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }

    fn identity(&self) -> Identity {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        let params = CertificateParams::new(names).expect("valid names");
        let key = KeyPair::generate().expect("a key pair");
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority can sign");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

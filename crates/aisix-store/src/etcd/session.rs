use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::failure::Failure;
use super::{EtcdOptions, EtcdTls};
use crate::StoreError;

/// The connection to one of the endpoints, made when it is needed and made anew after it has failed: with it
/// go a stale token and an endpoint that does not answer.
pub(super) struct Sessions {
    options: EtcdOptions,
    current: Mutex<Option<Arc<Session>>>,
    /// Counts the attempts to connect; each begins at the next endpoint.
    attempts: AtomicUsize,
}

/// One authenticated connection.
pub(super) struct Session {
    pub(super) client: Client,
    number: usize,
}

impl Sessions {
    pub(super) fn new(options: EtcdOptions) -> Result<Self, StoreError> {
        check(&options)?;
        Ok(Self { options, current: Mutex::default(), attempts: AtomicUsize::default() })
    }

    pub(super) fn request_timeout(&self) -> Duration {
        self.options.request_timeout
    }

    /// Sends a request, a second time when the session's token was stale.
    pub(super) async fn request<T, F>(
        &self,
        operation: &'static str,
        call: impl Fn(Arc<Session>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        match self.request_once(operation, &call).await {
            Err(Failure::StaleToken) => self.request_once(operation, &call).await,
            answer => answer,
        }
    }

    async fn request_once<T, F>(
        &self,
        operation: &'static str,
        call: impl Fn(Arc<Session>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let session = self.session().await.map_err(Failure::NotSent)?;
        let answer =
            within(self.options.request_timeout, operation, Box::pin(call(Arc::clone(&session)))).await;
        if answer.as_ref().is_err_and(Failure::ends_session) {
            self.discard(&session).await;
        }
        answer
    }

    /// The session, connected if there is none.
    async fn session(&self) -> Result<Arc<Session>, StoreError> {
        let after = self.options.dial_timeout.saturating_mul(self.endpoints());
        let waited = timeout(after, self.current.lock()).await;
        let mut current = waited.map_err(|_| StoreError::Timeout { operation: "connecting", after })?;
        if let Some(session) = current.as_ref() {
            return Ok(Arc::clone(session));
        }
        Ok(Arc::clone(current.insert(Box::pin(self.connect()).await?)))
    }

    /// Forgets a session that has failed, unless that was done already.
    pub(super) async fn discard(&self, failed: &Session) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|session| session.number == failed.number) {
            *current = None;
        }
    }

    async fn connect(&self) -> Result<Arc<Session>, StoreError> {
        let mut last_error = StoreError::Options("etcd has no endpoints".into());
        for _ in 0..self.endpoints() {
            let number = self.attempts.fetch_add(1, Ordering::Relaxed);
            let endpoint = &self.options.endpoints[number % self.options.endpoints.len()];
            match within(self.options.dial_timeout, "connecting", self.dial(endpoint)).await {
                Ok(client) => return Ok(Arc::new(Session { client, number })),
                Err(failure) => last_error = failure.into_read_error(),
            }
        }
        Err(last_error)
    }

    /// Connecting is lazy and need not authenticate: one small request proves that the endpoint answers.
    async fn dial(&self, endpoint: &str) -> Result<Client, etcd_client::Error> {
        let options = Some(self.connect_options(endpoint));
        let mut client = Client::connect([endpoint], options).await?;
        client.status().await?;
        Ok(client)
    }

    fn connect_options(&self, endpoint: &str) -> ConnectOptions {
        let options =
            ConnectOptions::new().with_connect_timeout(self.options.dial_timeout).with_require_leader(true);
        let options = match (&self.options.user, &self.options.password) {
            (Some(user), Some(password)) => options.with_user(user, password.expose_secret()),
            _ => options,
        };
        match &self.options.tls {
            Some(tls) => options.with_tls(tls_options(tls)),
            None if endpoint.starts_with("https://") => options.with_tls(tls_options(&EtcdTls::default())),
            None => options,
        }
    }

    fn endpoints(&self) -> u32 {
        u32::try_from(self.options.endpoints.len()).unwrap_or(u32::MAX)
    }
}

async fn within<T>(
    after: Duration,
    operation: &'static str,
    request: impl Future<Output = Result<T, etcd_client::Error>>,
) -> Result<T, Failure> {
    match timeout(after, request).await {
        Ok(answer) => answer.map_err(Failure::from),
        Err(_) => Err(Failure::Unanswered(StoreError::Timeout { operation, after })),
    }
}

fn check(options: &EtcdOptions) -> Result<(), StoreError> {
    let refuse = |why: &str| Err(StoreError::Options(why.into()));
    if options.endpoints.is_empty() {
        return refuse("etcd needs at least one endpoint");
    }
    if options.user.is_some() != options.password.is_some() {
        return refuse("etcd user and password belong together");
    }
    let Some(tls) = &options.tls else { return Ok(()) };
    if options.endpoints.iter().any(|endpoint| endpoint.starts_with("http://")) {
        return refuse("etcd tls is set, but an endpoint begins with http://: write https://");
    }
    if tls.cert.is_some() != tls.key.is_some() {
        return refuse("etcd tls certificate and key belong together");
    }
    Ok(())
}

fn tls_options(tls: &EtcdTls) -> TlsOptions {
    let options = match &tls.ca {
        Some(ca) => TlsOptions::new().ca_certificate(Certificate::from_pem(ca)),
        None => TlsOptions::new().with_native_roots(),
    };
    match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => options.identity(Identity::from_pem(cert, key)),
        _ => options,
    }
}

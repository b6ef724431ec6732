use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aisix_adapters::Usage;
use aisix_domain::{Dialect, ResourceId};
use http::HeaderValue;

use crate::Gateway;
use crate::access_log;
use crate::problem::Problem;
use crate::routing::Target;

/// What is known of one request. Whoever drops it ends the request: it is counted and logged right then,
/// exactly once, whether it was answered or the caller went away.
pub(crate) struct Record {
    gateway: Arc<Gateway>,
    started: Instant,
    sent: Option<Instant>,
    pub(crate) request_id: HeaderValue,
    pub(crate) operation: &'static str,
    pub(crate) caller_key: Option<ResourceId>,
    pub(crate) alias: Option<String>,
    pub(crate) target: Option<Target>,
    pub(crate) status: u16,
    pub(crate) stream: bool,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) usage: Usage,
    /// From the request's arrival to the first byte of the answer that goes to the caller.
    pub(crate) first_byte: Option<Duration>,
    /// From the sending of the request to the end of the upstream's answer.
    pub(crate) upstream: Option<Duration>,
    pub(crate) upstream_status: Option<u16>,
    pub(crate) upstream_request_id: Option<HeaderValue>,
    /// Why it failed, as a stable code.
    pub(crate) code: Option<Cow<'static, str>>,
    /// Why it failed, for the operator.
    pub(crate) cause: Option<String>,
}

/// The longest alias in a log line.
const ALIAS_BYTES_MAX: usize = 1024;
/// The status of a request whose caller went away before the answer was complete.
const CLIENT_CLOSED: u16 = 499;
const CLIENT_CLOSED_CODE: &str = "client_closed";

impl Record {
    /// Begins with the request. Until an answer is complete, what happens is that the caller went away.
    pub(crate) fn new(gateway: &Arc<Gateway>, request_id: HeaderValue) -> Box<Self> {
        gateway.metrics.started();
        Box::new(Self {
            gateway: Arc::clone(gateway),
            started: Instant::now(),
            sent: None,
            request_id,
            operation: "",
            caller_key: None,
            alias: None,
            target: None,
            status: CLIENT_CLOSED,
            stream: false,
            bytes_in: 0,
            bytes_out: 0,
            usage: Usage::default(),
            first_byte: None,
            upstream: None,
            upstream_status: None,
            upstream_request_id: None,
            code: Some(Cow::Borrowed(CLIENT_CLOSED_CODE)),
            cause: None,
        })
    }

    /// The request goes to the upstream now.
    pub(crate) fn sending(&mut self) {
        self.sent = Some(Instant::now());
    }

    /// The head of the upstream's answer is there.
    pub(crate) fn answered(&mut self, head: &http::response::Parts) {
        self.upstream_status = Some(head.status.as_u16());
        self.upstream_request_id = head.headers.get("x-request-id").cloned();
    }

    /// So many bytes go to the caller.
    pub(crate) fn relayed(&mut self, bytes: usize) {
        if bytes > 0 && self.first_byte.is_none() {
            self.first_byte = Some(self.started.elapsed());
        }
        self.bytes_out += bytes as u64;
    }

    /// Which alias the caller asked for: for the log, so in a bounded length.
    pub(crate) fn asked_for(&mut self, alias: &str) {
        let end = alias.floor_char_boundary(ALIAS_BYTES_MAX);
        self.alias = Some(alias[..end].to_owned());
    }

    /// The upstream's answer is complete, and so is the request.
    pub(crate) fn complete(&mut self, status: u16) {
        self.upstream = self.sent.map(|sent| sent.elapsed());
        self.status = status;
        self.code = None;
    }

    /// The request is answered with a problem.
    pub(crate) fn fail(&mut self, status: u16, problem: &Problem) {
        self.upstream = self.sent.map(|sent| sent.elapsed());
        self.status = status;
        self.code = Some(problem.code());
        self.cause = problem.cause();
    }

    /// The answer had begun when the problem came up. The caller saw a good status; what is recorded is the
    /// one it would have been.
    pub(crate) fn fail_midway(&mut self, problem: &Problem) {
        self.fail(problem.status(Dialect::Openai).as_u16(), problem);
    }

    /// The caller did not wait for the answer.
    pub(crate) fn caller_left(&mut self) {
        self.status = CLIENT_CLOSED;
        self.code = Some(Cow::Borrowed(CLIENT_CLOSED_CODE));
    }

    /// From the request's arrival until now.
    pub(crate) fn total(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let gateway = Arc::clone(&self.gateway);
        gateway.metrics.finished(self);
        if let Some(log) = &gateway.access_log {
            log.line(&access_log::line(self));
        }
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

//! The life of a request, for every operation alike.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aisix_adapters::{AnswerReader, Call, Encoded, Mode};
use aisix_domain::Operation;
use aisix_upstream::{Client, RecvBody, Reuse, SendBody, SendError};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body::Body;
use tokio::time::{Instant, timeout_at};

use crate::admit::{self, Admitted};
use crate::answer::{self, Answer, passed};
use crate::body::ProxyBody;
use crate::problem::Problem;
use crate::record::Record;
use crate::request_id::request_id;
use crate::routes::{NoRoute, Route, dialect, route};
use crate::routing::Target;
use crate::{Gateway, models, passthrough, request_body};

/// The largest answer that is collected before it is passed on, in bytes.
const WHOLE_ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;

/// One worker's way to serve: what all share, and connections of its own. Cheap to clone, `Send` and `Sync`.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) client: Client,
}

impl Proxy {
    /// A proxy that serves what `gateway` has and reaches upstreams through `client`.
    pub fn new(gateway: Arc<Gateway>, client: Client) -> Self {
        Self { gateway, client }
    }

    /// Answers a request. Every problem is an answer too, in the dialect of the route.
    ///
    /// The future is boxed, because servers keep a service's future until the answer's body has ended: what is
    /// in the box (the caller's body, for one) is let go of when the head is there, and a stream costs less.
    pub fn handle<B>(&self, request: Request<B>) -> Pin<Box<dyn Future<Output = Response<ProxyBody>> + Send>>
    where
        B: Body<Data = Bytes> + Unpin + Send + Sync + 'static,
    {
        let proxy = self.clone();
        Box::pin(async move { proxy.answer(request).await })
    }

    async fn answer<B>(&self, request: Request<B>) -> Response<ProxyBody>
    where
        B: Body<Data = Bytes> + Unpin + Send + Sync + 'static,
    {
        let (head, body) = request.into_parts();
        let route = route(&head.method, head.uri.path());
        let dialect = dialect(head.uri.path(), &head.headers);
        let request_id = request_id(&head.headers);
        let mut response = match route {
            Ok(Route::Alive) => answer::health(!self.gateway.is_draining()),
            Ok(Route::Ready) => answer::health(self.gateway.is_ready()),
            _ => {
                let mut record = Record::new(&self.gateway, request_id.clone());
                match self.serve(route, &head, body, &mut record).await {
                    Ok(answer) => answer.into_response(record),
                    Err(problem) => problem.into_response(dialect, record),
                }
            }
        };
        answer::sign(response.headers_mut(), dialect, request_id);
        if head.method == Method::HEAD { answer::head_only(response) } else { response }
    }

    async fn serve<B>(
        &self,
        route: Result<Route<'_>, NoRoute>,
        head: &Parts,
        body: B,
        record: &mut Record,
    ) -> Result<Answer, Problem>
    where
        B: Body<Data = Bytes> + Unpin + Send + Sync + 'static,
    {
        let route = route?;
        record.operation = route.operation_name();
        // The one snapshot that this request sees.
        let routing = self.gateway.routing().ok_or(Problem::NotReady)?;
        let caller = admit::authenticate(&routing.snapshot, &head.headers)?;
        record.caller_key = Some(caller.id);
        let admitted = Admitted { routing: &routing, caller: &caller.value };
        match route {
            Route::Call(operation) => self.call(operation, admitted, head, body, record).await,
            Route::Models => models::list(admitted, head),
            Route::Model(alias) => models::one(admitted, head, alias),
            Route::Passthrough(provider, path) => {
                passthrough::relay(self, admitted, (provider, path), head, body, record).await
            }
            Route::Alive | Route::Ready => Err(Problem::NotFound),
        }
    }

    /// A call to the model that its body names: alias, then permission, then the call itself.
    async fn call<B>(
        &self,
        operation: Operation,
        admitted: Admitted<'_>,
        head: &Parts,
        body: B,
        record: &mut Record,
    ) -> Result<Answer, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let bytes_max = self.gateway.options.request_body_bytes_max;
        let body = request_body::read(&head.headers, body, bytes_max, record).await?;
        record.asked_for(body.alias());
        let target = admitted.resolve(body.alias())?;
        record.target = Some(target.clone());
        let upstream_model =
            target.model.entry.value.upstream_name(body.alias()).ok_or(Problem::UnknownModel)?;
        let call = Call { operation, body: &body, headers: &head.headers, upstream_model: &upstream_model };
        let limit = self.time_max(&target);
        let exchange = self.exchange(&call, &target, record);
        match timeout_at(Instant::now() + limit, exchange).await {
            Ok(result) => result,
            Err(_) => Err(Problem::Timeout(limit)),
        }
    }

    /// Sends the call and reads the answer as far as it must be known before the caller gets a head.
    async fn exchange(
        &self,
        call: &Call<'_>,
        target: &Target,
        record: &mut Record,
    ) -> Result<Answer, Problem> {
        let (response, mut reader) = self.send(call, target, record).await?;
        let (mut head, body) = response.into_parts();
        record.answered(&head);
        if !head.status.is_success() {
            return Err(target.refusal(head, body).await);
        }
        match reader.mode(&head)? {
            Mode::Whole => {
                let body = reader.whole(body.collect(WHOLE_ANSWER_BYTES_MAX).await?)?;
                record.usage = reader.usage();
                head.headers = passed(&head.headers);
                Ok(Answer::Whole(Response::from_parts(head, body)))
            }
            Mode::Stream => {
                record.stream = true;
                Ok(Answer::Stream(Response::from_parts(head, body), reader, self.silence_max(target)))
            }
            Mode::Raw => {
                head.headers = passed(&head.headers);
                Ok(Answer::Raw(Response::from_parts(head, body), self.silence_max(target)))
            }
        }
    }

    /// Sends the call; once more when a kept connection turned out to be closed, for then nothing was answered.
    async fn send(
        &self,
        call: &Call<'_>,
        target: &Target,
        record: &mut Record,
    ) -> Result<(Response<RecvBody>, Box<dyn AnswerReader>), Problem> {
        let upstream = &target.key.upstream;
        for reuse in [Reuse::Allowed, Reuse::Fresh] {
            let Encoded { request, reader } = upstream.encode(call)?;
            record.sending();
            match self.client.send(upstream.origin(), request.map(SendBody::Whole), reuse).await {
                Ok(response) => return Ok((response, reader)),
                Err(SendError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(SendError::Stale.into())
    }

    /// Longest wait for an answer's head, and for the whole of an answer that is no stream.
    fn time_max(&self, target: &Target) -> Duration {
        let own = target.model.entry.value.timeout_ms.map(Duration::from_millis);
        own.unwrap_or(self.gateway.options.first_byte_timeout)
    }

    /// Longest silence inside a stream.
    fn silence_max(&self, target: &Target) -> Duration {
        let own = target.model.entry.value.stream_timeout_ms.map(Duration::from_millis);
        own.unwrap_or(self.gateway.options.idle_timeout)
    }
}

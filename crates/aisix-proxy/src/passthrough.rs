//! Raw requests: the caller's method, path, headers and body, with the credential swapped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aisix_domain::KeyHash;
use aisix_upstream::{RecvBody, Reuse, SendBody, SendError};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use memchr::memmem;
use tokio::time::{Instant, timeout_at};

use crate::admit::{self, Admitted};
use crate::answer::Answer;
use crate::pipeline::Proxy;
use crate::problem::Problem;
use crate::record::Record;
use crate::request_body::Limited;
use crate::routing::{PreparedKey, Routing, Target};

/// Headers that speak of one connection only (RFC 9110 §7.6.1), and those that the next hop sets itself.
const HOP_BY_HOP: [HeaderName; 11] = [
    header::EXPECT,
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
];

/// Relays a request to the first provider key of `provider` that the caller may use.
pub(crate) async fn relay<B>(
    proxy: &Proxy,
    admitted: Admitted<'_>,
    (provider, path): (&str, &str),
    head: &Parts,
    body: B,
    record: &mut Record,
) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes> + Unpin + Send + Sync + 'static,
{
    let target = first_target(admitted, provider)?;
    record.target = Some(target.clone());
    record.asked_for(&target.model.entry.value.display_name);
    let limit = proxy.gateway.options.first_byte_timeout;
    let exchange = exchange(proxy, admitted.routing, &target, (path, head), body, record);
    let answered = timeout_at(Instant::now() + limit, exchange).await.map_err(|_| Problem::Timeout(limit))?;
    let (mut answer, body) = answered?.into_parts();
    answer.headers = cleaned(&answer.headers, &target.key.strip_headers, |_| false);
    answer.version = http::Version::HTTP_11;
    Ok(Answer::Raw(Response::from_parts(answer, body), proxy.gateway.options.idle_timeout))
}

fn first_target(admitted: Admitted<'_>, provider: &str) -> Result<Target, Problem> {
    let Admitted { routing, caller } = admitted;
    let allowed = routing.snapshot.models_of_provider(provider).find(|model| caller.may_use(&model.value));
    routing.target(allowed.ok_or(Problem::UnknownProvider)?).ok_or(Problem::ProviderKeyUnusable)
}

/// Sends the request and waits for the head of the answer; a refusal of our credential is not the caller's.
async fn exchange<B>(
    proxy: &Proxy,
    routing: &Routing,
    target: &Target,
    (path, head): (&str, &Parts),
    body: B,
    record: &mut Record,
) -> Result<Response<RecvBody>, Problem>
where
    B: Body<Data = Bytes> + Unpin + Send + Sync + 'static,
{
    record.sending();
    let read = Arc::new(AtomicUsize::new(0));
    let request = || request(routing, &target.key, path, head);
    let sent = send(proxy, &target.key, request, body, &read).await;
    record.bytes_in = read.load(Ordering::Relaxed) as u64;
    let (answer, body) = sent?.into_parts();
    record.answered(&answer);
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(target.refusal(answer, body).await),
        _ => Ok(Response::from_parts(answer, body)),
    }
}

/// Sends the request. One without a body can be sent again when a kept connection turned out to be closed; a
/// body that is passed on while it arrives cannot, so no kept connection is risked for it.
async fn send<B>(
    proxy: &Proxy,
    key: &PreparedKey,
    request: impl Fn() -> Result<Request<()>, Problem>,
    body: B,
    read: &Arc<AtomicUsize>,
) -> Result<Response<RecvBody>, Problem>
where
    B: Body<Data = Bytes> + Unpin + Send + Sync + 'static,
{
    let bytes_max = proxy.gateway.options.request_body_bytes_max;
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Problem::BodyTooLarge(bytes_max));
    }
    let origin = key.upstream.origin();
    if body.is_end_stream() {
        let empty = || Ok::<_, Problem>(request()?.map(|()| SendBody::Whole(Bytes::new())));
        return match proxy.client.send(origin, empty()?, Reuse::Allowed).await {
            Err(SendError::Stale) => Ok(proxy.client.send(origin, empty()?, Reuse::Fresh).await?),
            sent => Ok(sent?),
        };
    }
    let body = Limited::new(body, bytes_max, Arc::clone(read)).boxed();
    let sent = proxy.client.send(origin, request()?.map(|()| SendBody::Stream(body)), Reuse::Fresh).await;
    match read.load(Ordering::Relaxed) > bytes_max {
        true => Err(Problem::BodyTooLarge(bytes_max)),
        false => Ok(sent?),
    }
}

fn request(routing: &Routing, key: &PreparedKey, path: &str, head: &Parts) -> Result<Request<()>, Problem> {
    let presented = admit::presented_key(&head.headers).unwrap_or_default();
    let is_caller_key = |value: &[u8]| {
        let text = std::str::from_utf8(value).ok().map(admit::without_scheme);
        memmem::find(value, presented.as_bytes()).is_some()
            || text.is_some_and(|key| routing.snapshot.caller_key_for(&KeyHash::of(key)).is_some())
    };
    let headers = cleaned(&head.headers, &key.strip_headers, is_caller_key);
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let (uri, headers) = key.upstream.passthrough(&format!("{path}{query}"), headers)?;
    let mut request = Request::new(());
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The headers without those of the connection, those named by `connection`, the stripped ones, and the ones
/// whose value `is_secret`.
fn cleaned(headers: &HeaderMap, strip: &[HeaderName], is_secret: impl Fn(&[u8]) -> bool) -> HeaderMap {
    let listed = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<_> = listed
        .flat_map(|list| list.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    let kept =
        |name: &HeaderName| !(HOP_BY_HOP.contains(name) || named.contains(name) || strip.contains(name));
    let pairs = headers.iter().filter(|(name, value)| kept(name) && !is_secret(value.as_bytes()));
    let mut cleaned = HeaderMap::with_capacity(headers.len());
    for (name, value) in pairs {
        cleaned.append(name, value.clone());
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &[(&'static str, &'static str)], strip: &[&'static str]) -> Vec<String> {
        let map = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let strip: Vec<_> = strip.iter().map(|name| HeaderName::from_static(name)).collect();
        let secret = |value: &[u8]| memmem::find(value, b"sk-caller").is_some();
        cleaned(&map, &strip, secret).keys().map(ToString::to_string).collect()
    }

    #[test]
    fn the_callers_key_goes_whatever_is_stripped() {
        let headers = [
            ("authorization", "Bearer sk-caller"),
            ("x-copy", "sk-caller"),
            ("x-api-key", "other"),
            ("accept", "*/*"),
        ];
        assert_eq!(names(&headers, &[]), ["x-api-key", "accept"]);
        assert_eq!(names(&headers, &["x-api-key"]), ["accept"]);
    }

    #[test]
    fn headers_of_the_connection_go() {
        let headers = [
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("te", "trailers"),
            ("host", "h"),
            ("x-end", "1"),
        ];
        assert_eq!(names(&headers, &[]), ["x-end"]);
    }
}

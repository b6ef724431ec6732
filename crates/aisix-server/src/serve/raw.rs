//! Answers that are written before there is a request, without hyper.

/// To a connection beyond the limit.
pub(super) fn refusal() -> String {
    answer("503 Service Unavailable", "retry-after: 1\r\n", "too_many_connections", "too many connections")
}

/// To headers that did not arrive in time.
pub(super) fn late() -> String {
    answer("408 Request Timeout", "", "headers_too_slow", "the headers of the request took too long")
}

fn answer(status: &str, headers: &str, code: &str, message: &str) -> String {
    let body = format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"{message}\"}}}}");
    format!(
        "HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

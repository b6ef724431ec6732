use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-aisix-request-id");
/// The name that the OpenAI SDKs read.
pub(crate) const OPENAI_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The name that the Anthropic SDKs read.
pub(crate) const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// The longest id taken over from a caller.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The caller's own id when it sent a sane one, else a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let own = [&REQUEST_ID, &OPENAI_REQUEST_ID].into_iter().find_map(|name| headers.get(name));
    own.filter(|id| is_sane(id.as_bytes())).cloned().unwrap_or_else(new)
}

fn is_sane(id: &[u8]) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:".contains(b);
    (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.iter().all(allowed)
}

/// Unique without asking the system for random bytes at each request: a random number of the process and a
/// counter.
fn new() -> HeaderValue {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| uuid::Uuid::new_v4().as_u64_pair().0);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut text = [0; 32];
    write_hex(&mut text[..16], *PROCESS);
    write_hex(&mut text[16..], NEXT.fetch_add(1, Ordering::Relaxed));
    HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("0"))
}

fn write_hex(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        assert_eq!(request_id(&with("x-aisix-request-id", "job-7.a:b_c")), "job-7.a:b_c");
        assert_eq!(request_id(&with("x-request-id", "r1")), "r1");
        assert_ne!(request_id(&with("x-request-id", "a b")), "a b");
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
        assert_eq!(request_id(&HeaderMap::new()).len(), 32);
    }
}

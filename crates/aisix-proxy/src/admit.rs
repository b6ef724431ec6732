//! Who asks, and what for: the caller key and the alias.

use std::sync::Arc;
use std::time::SystemTime;

use aisix_domain::{CallerKey, Entry, KeyHash, Snapshot};
use http::{HeaderMap, HeaderName, header};

use crate::problem::Problem;
use crate::routing::{Routing, Target};

/// Headers that may carry the caller key, besides `authorization`.
const KEY_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-api-key"), HeaderName::from_static("api-key")];

/// A request whose caller is known: the one snapshot that it sees, and who asks.
#[derive(Clone, Copy)]
pub(crate) struct Admitted<'r> {
    pub(crate) routing: &'r Arc<Routing>,
    pub(crate) caller: &'r CallerKey,
}

/// The key a caller presents.
pub(crate) fn presented_key(headers: &HeaderMap) -> Option<&str> {
    let credentials = headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| value.to_str().ok());
    let bearer = credentials.into_iter().find_map(bearer);
    let named = || KEY_HEADERS.iter().find_map(|name| headers.get(name)?.to_str().ok());
    bearer.or_else(named).map(str::trim).filter(|key| !key.is_empty())
}

/// What a header says besides the scheme, if it names one.
pub(crate) fn without_scheme(value: &str) -> &str {
    bearer(value).unwrap_or(value).trim()
}

/// The scheme's name has no case (RFC 9110 §11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key)
}

/// The caller key of a request.
pub(crate) fn authenticate<'s>(
    snapshot: &'s Snapshot,
    headers: &HeaderMap,
) -> Result<&'s Arc<Entry<CallerKey>>, Problem> {
    let presented = presented_key(headers).ok_or(Problem::KeyMissing)?;
    let entry =
        snapshot.caller_key_for(&KeyHash::of(presented)).ok_or(Problem::KeyRefused("unknown_api_key"))?;
    if entry.value.disabled {
        return Err(Problem::KeyRefused("disabled_api_key"));
    }
    if entry.value.expires_at.is_some() && entry.value.is_expired(unix_seconds()) {
        return Err(Problem::KeyRefused("expired_api_key"));
    }
    Ok(entry)
}

fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl Admitted<'_> {
    /// Where a call to `alias` goes, if the caller may make it. That it exists is checked first.
    pub(crate) fn resolve(&self, alias: &str) -> Result<Target, Problem> {
        let model = self.routing.snapshot.model_for(alias).ok_or(Problem::UnknownModel)?;
        if !self.caller.allows(alias) {
            return Err(Problem::ModelNotAllowed);
        }
        self.routing.target(model).ok_or(Problem::ProviderKeyUnusable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(headers: &[(&'static str, &'static str)]) -> Option<String> {
        let pairs =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        presented_key(&headers).map(str::to_owned)
    }

    #[test]
    fn three_headers_carry_the_key() {
        assert_eq!(presented(&[("authorization", "bEARER sk-1")]).as_deref(), Some("sk-1"));
        assert_eq!(presented(&[("x-api-key", "sk-2")]).as_deref(), Some("sk-2"));
        assert_eq!(
            presented(&[("authorization", "Basic abc"), ("api-key", "sk-3")]).as_deref(),
            Some("sk-3")
        );
        assert_eq!(presented(&[("authorization", "Bearer ")]), None);
        assert_eq!(presented(&[("authorization", "sk-4")]), None);
        assert_eq!(
            presented(&[("authorization", "Basic x"), ("authorization", "Bearer sk-5")]).as_deref(),
            Some("sk-5")
        );
    }
}

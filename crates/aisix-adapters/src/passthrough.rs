//! Paths of raw requests: whatever the caller wants below the base, and nothing else.

use aisix_domain::Invalid;
use http::uri::PathAndQuery;

/// `path` (with its leading slash and its query) below `base_path` (without a trailing slash).
///
/// SDKs put the version into their own base URL, operators put it into `api_base`: where the path repeats the
/// version that the base ends with, it is written once.
pub(crate) fn join(base_path: &str, path: &str) -> Result<PathAndQuery, Invalid> {
    let (segments, _) = path.split_once('?').unwrap_or((path, ""));
    if segments.split('/').any(is_dot_segment) || segments.contains('\\') {
        return Err(invalid_path());
    }
    let path = base_path.rsplit('/').next().filter(|last| is_version(last)).map_or(path, |version| {
        let rest = path[1..].strip_prefix(version);
        rest.filter(|rest| rest.starts_with('/')).unwrap_or(path)
    });
    PathAndQuery::try_from(format!("{base_path}{path}")).map_err(|_| invalid_path())
}

/// `.` and `..` in any spelling, encoded slashes included: what one server takes for a name, the next may
/// take for a way up.
fn is_dot_segment(segment: &str) -> bool {
    let decoded = segment.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    decoded.split('/').any(|part| matches!(part, "." | ".."))
}

fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn invalid_path() -> Invalid {
    Invalid::new(
        "invalid_path",
        "",
        "the path must not hold '.' or '..' segments, backslashes or invalid characters",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(base: &str, path: &str) -> String {
        join(base, path).unwrap().to_string()
    }

    #[test]
    fn a_version_is_written_once() {
        assert_eq!(joined("/v1", "/files?limit=2"), "/v1/files?limit=2");
        assert_eq!(joined("/v1", "/v1/files"), "/v1/files");
        assert_eq!(joined("/api/v3", "/v1/files"), "/api/v3/v1/files");
        assert_eq!(joined("", "/v1/files"), "/v1/files");
        assert_eq!(joined("/v1", "/v1x/files"), "/v1/v1x/files");
    }

    #[test]
    fn no_way_leads_out_of_the_base() {
        for path in
            ["/../x", "/a/..", "/%2e%2E/x", "/a/.%2e?b", "/./x", "/a\\..\\b", "/a%2f..%2Fb", "/..%5cb"]
        {
            assert_eq!(join("/v1", path).unwrap_err().code(), "invalid_path", "{path}");
        }
        assert_eq!(joined("/v1", "/a..b/.well-known?x=../y"), "/v1/a..b/.well-known?x=../y");
    }
}

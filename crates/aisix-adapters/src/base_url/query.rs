//! The query: endpoint paths are appended to a base URL, so it has no place for one.

use std::borrow::Cow;

use aisix_domain::Invalid;
use percent_encoding::percent_decode_str;

use super::{Warning, refused};

/// Names of parameters that carry credentials, in lower case and with `-` for `_`.
const SECRET_PARAMETERS: [&str; 22] = [
    "access-token",
    "api-key",
    "api-token",
    "apikey",
    "auth",
    "auth-token",
    "authorization",
    "client-secret",
    "code",
    "key",
    "ocp-apim-subscription-key",
    "password",
    "secret",
    "sig",
    "signature",
    "subscription-key",
    "token",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
    "x-api-key",
    "x-goog-api-key",
];

/// Refuses a query with a credential in it.
pub(super) fn refuse_secrets(query: Option<&str>) -> Result<(), Invalid> {
    let is_secret = |name: String| SECRET_PARAMETERS.contains(&name.replace('_', "-").as_str());
    if names(query).any(is_secret) {
        return Err(refused(
            "secret_in_query",
            "there is a credential in the query, where it ends up in logs; write it into \"secret\", and consider \
             it disclosed",
        ));
    }
    Ok(())
}

/// Refuses a query, but for the parameters of link trackers, which are dropped.
pub(super) fn refuse_parameters(query: Option<&str>, warnings: &mut Vec<Warning>) -> Result<(), Invalid> {
    let is_tracking = |name: &String| name.starts_with("utm_") || name == "ref";
    if !names(query).all(|name| is_tracking(&name)) {
        return Err(refused(
            "query_not_allowed",
            "endpoint paths are appended to the base URL, so it cannot have a query; leave out the part from \"?\" on",
        ));
    }
    if names(query).next().is_some() {
        warnings
            .push(Warning::new("tracking_parameters_removed", "parameters of link trackers are not used"));
    }
    Ok(())
}

/// The names of all parameters, decoded, in lower case.
fn names(query: Option<&str>) -> impl Iterator<Item = String> {
    let pairs = query.unwrap_or_default().split(['&', ';']).filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let name: Cow<'_, str> =
            percent_decode_str(pair.split('=').next().unwrap_or_default()).decode_utf8_lossy();
        name.to_ascii_lowercase()
    })
}

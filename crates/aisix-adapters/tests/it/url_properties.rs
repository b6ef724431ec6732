//! What holds for every base URL.

use aisix_adapters::base_url::{BaseUrl, UrlPolicy};
use aisix_adapters::family;
use aisix_domain::{Adapter, Invalid};
use proptest::prelude::*;

const HINTS: [&str; 2] = ["vendor_base_expected", "version_path_expected"];

/// Endpoints that may be taken off the end; the operator's path is what comes before.
const ENDPOINTS: [&str; 6] = [
    "",
    "/chat/completions",
    "/v1/embeddings",
    "/v2/responses",
    "/v1/models",
    "/images/edits/chat/completions",
];

/// Pieces of URLs and of what people and attackers put around them.
const PIECES: [&str; 71] = [
    "https://",
    "http://",
    "HTTPS://",
    "//",
    "/",
    ":",
    "@",
    "?",
    "#",
    "\\",
    "%",
    "%2e",
    "%2F",
    "%20",
    "%59OUR_",
    "$",
    "<",
    ">",
    "{",
    "\"",
    "'",
    "`",
    "“",
    "”",
    " ",
    "\t",
    "\n",
    "\u{feff}",
    "\u{200b}",
    "api.openai.com",
    "api.groq.com",
    "api.deepseek.com",
    "acme.openai.azure.com",
    "localhost",
    "127.0.0.1",
    "0x7f.1",
    "[::1]",
    "[fd00::1]",
    "münchen.example",
    "llm.example",
    ":443",
    ":80",
    ":8000",
    "v1",
    "V1",
    "v1beta",
    "openai",
    "inference",
    "models",
    "chat",
    "completions",
    "/chat/completions",
    "embeddings",
    "responses",
    "messages",
    "count_tokens",
    "api",
    "model",
    "converse",
    "..",
    ".",
    ",",
    ";",
    "?utm_source=a",
    "?api_key=b",
    "x:generateContent",
    "YOUR_",
    "your-",
    "=",
    "](",
    "%3A",
];

fn normalize(api_base: &str) -> Result<BaseUrl, Invalid> {
    family(Adapter::Openai).unwrap().normalize(Some(api_base), &UrlPolicy { allow_insecure_http: true })
}

/// [`PIECES`] in any order, with other text between them.
fn pasted() -> impl Strategy<Value = String> {
    let piece = prop_oneof![prop::sample::select(&PIECES[..]).prop_map(str::to_owned), "\\PC{0,3}",];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// Mostly well-formed URLs, so that most of them are accepted.
fn well_formed() -> impl Strategy<Value = String> {
    let host = prop::sample::select(vec![
        "llm.example",
        "LLM.example.",
        "10.0.0.5",
        "[FD00::1]",
        "api.groq.com",
        "api.deepseek.com",
        "localhost",
        "bücher.example",
    ]);
    let port = prop::sample::select(vec!["", ":", ":443", ":80", ":8443"]);
    let segment = prop_oneof![
        prop::sample::select(vec![
            "v1",
            "v1",
            "V1",
            "openai",
            "models",
            "chat",
            "completions",
            "embeddings",
            "responses",
            "%20",
            "a%2fb"
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z0-9._~!&'()*+,;=:@|^é-]{1,8}",
    ];
    let path = prop::collection::vec(segment, 0..7).prop_map(|segments| segments.join("/"));
    let scheme = prop::sample::select(vec!["https://", "http://", "Https://"]);
    (scheme, host, port, path, "/{0,3}")
        .prop_map(|(scheme, host, port, path, end)| format!("{scheme}{host}{port}/{path}{end}"))
}

fn check_normal_form(base: &BaseUrl) -> Result<(), TestCaseError> {
    let again = normalize(base.as_str());
    prop_assert!(again.is_ok(), "{} is refused: {again:?}", base.as_str());
    let again = again.unwrap();
    prop_assert_eq!(again.as_str(), base.as_str());
    prop_assert!(again.warnings().iter().all(|warning| HINTS.contains(&warning.code)), "{again:?}");

    let scheme = if base.is_https() { "https" } else { "http" };
    prop_assert_eq!(base.as_str(), format!("{scheme}://{}{}", base.authority(), base.path()));
    prop_assert!(!base.as_str().ends_with('/'));
    prop_assert!(base.path().is_empty() || base.path().starts_with('/'));
    prop_assert!(base.as_str().is_ascii());
    Ok(())
}

/// A general URL parser reads the normal form as we do: nothing is left to repair or to misread.
fn check_against_url_crate(base: &BaseUrl) -> Result<(), TestCaseError> {
    let url = url::Url::parse(base.as_str());
    prop_assert!(url.is_ok(), "{}", base.as_str());
    let url = url.unwrap();
    prop_assert_eq!(url.scheme() == "https", base.is_https());
    prop_assert_eq!(url.port_or_known_default(), Some(base.port()));
    prop_assert_eq!(url.path().trim_end_matches('/'), base.path());
    prop_assert!(url.query().is_none() && url.fragment().is_none() && url.username().is_empty());
    let host = match url.host().unwrap() {
        url::Host::Domain(name) => name.to_owned(),
        url::Host::Ipv4(address) => address.to_string(),
        url::Host::Ipv6(address) => address.to_string(),
    };
    prop_assert_eq!(host, base.host());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_refused_or_has_a_normal_form(text in any::<String>()) {
        if let Ok(base) = normalize(&text) {
            check_normal_form(&base)?;
            check_against_url_crate(&base)?;
        }
    }

    #[test]
    fn any_mixture_of_pieces_is_refused_or_has_a_normal_form(text in pasted()) {
        if let Ok(base) = normalize(&text) {
            check_normal_form(&base)?;
            check_against_url_crate(&base)?;
        }
    }

    #[test]
    fn a_well_formed_url_has_a_normal_form(text in well_formed()) {
        if let Ok(base) = normalize(&text) {
            check_normal_form(&base)?;
            check_against_url_crate(&base)?;
        }
    }

    #[test]
    fn host_port_and_the_operators_path_stay(
        host in "[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,5})?\\.example",
        port in 1024u16..,
        path in "(/[a-z0-9]{1,6}-[a-zA-Z0-9_~-]{1,6}){0,4}",
        endpoint in prop::sample::select(&ENDPOINTS[..]),
        quoted in any::<bool>(),
    ) {
        let pasted = format!("https://{host}:{port}{path}{endpoint}/");
        let pasted = if quoted { format!(" \"{pasted}\" ") } else { pasted };
        let base = normalize(&pasted).unwrap();
        prop_assert_eq!(base.host(), &host);
        prop_assert_eq!(base.port(), port);
        let version = endpoint.get(..3).filter(|version| version.starts_with("/v")).unwrap_or_default();
        prop_assert_eq!(base.path(), format!("{path}{version}"));
        let removed = base.warnings().iter().any(|warning| warning.code == "endpoint_path_removed");
        prop_assert_eq!(removed, !endpoint.is_empty());
    }

    #[test]
    fn no_message_repeats_what_was_written(
        (before, after) in prop::sample::select(vec![
            ("https://", "@llm.example/v1"), ("https://u:", "@llm.example"), ("https://llm.example/v1?key=", ""),
            ("https://llm.example/v1?", "=x"), ("https://llm.example/v1#", ""), ("http://llm.example/", ""),
            ("https://api.openai.com/", ""), ("", ""), ("https://llm.example/%zz", ""), ("curl ", ""), ("X=", ""),
            ("https://acme.openai.azure.com/", ""), ("https://api.groq.com/", ""), ("http://localhost:", "/v1"), ("https://", "..x/"),
            ("https://llm.example/chat/completions/", ""), ("https://llm.example/", "/v1/messages"), ("ftp://", ""),
        ]),
        secret in "canary[a-zA-Z0-9_-]{1,20}x",
    ) {
        let said = match normalize(&format!("{before}{secret}{after}")) {
            Ok(base) => base.warnings().iter().map(|warning| warning.message.clone()).collect(),
            Err(invalid) => {
                prop_assert_eq!(invalid.field(), "/api_base");
                invalid.message().to_owned()
            }
        };
        prop_assert!(!said.to_lowercase().contains("canary"), "{}", said);
    }
}

#[test]
fn a_very_long_text_is_refused() {
    for unit in ["a", "https://", "%2e", "ä", "\"", "/", "[", "@", "http://x/"] {
        let text = format!("https://llm.example/{}", unit.repeat(1_000_000 / unit.len()));
        assert_eq!(normalize(&text).unwrap_err().code(), "too_long", "{unit}");
    }
}

/// Public hosts in clear text need the operator's word; vendors do not get it.
#[test]
fn insecure_http_is_opted_in_to_but_not_for_known_vendors() {
    assert_eq!(normalize("http://llm.example/v1").unwrap().as_str(), "http://llm.example/v1");
    assert_eq!(
        normalize("http://api.groq.com/openai/v1").unwrap().as_str(),
        "https://api.groq.com/openai/v1"
    );
    let refused =
        family(Adapter::Openai).unwrap().normalize(Some("http://llm.example/v1"), &UrlPolicy::default());
    assert_eq!(refused.unwrap_err().code(), "insecure_http");
}

#[test]
fn parts_of_a_base() {
    let base = normalize("http://[FD00::1]:8000/v1/").unwrap();
    assert_eq!((base.host(), base.port(), base.is_https()), ("fd00::1", 8000, false));
    assert_eq!((base.authority(), base.path()), ("[fd00::1]:8000", "/v1"));

    let base = normalize("https://LLM.example:443").unwrap();
    assert_eq!((base.host(), base.port(), base.is_https()), ("llm.example", 443, true));
    assert_eq!((base.authority(), base.path()), ("llm.example", ""));
}

//! Base and endpoint URLs of the OpenAI wire format. The base is the API root with the version path that the
//! vendor uses; versions differ between vendors and some have none, so none is added but on OpenAI's own hosts.

use aisix_domain::{Invalid, Operation};

use crate::base_url::host::{Host, HostClass};
use crate::base_url::{self, BaseUrl, Parsed, Path, UrlPolicy, refused, vendors};

/// Hosts of OpenAI itself, whose API has one base.
const OPENAI_HOSTS: [&str; 7] = [
    "api.openai.com",
    "us.api.openai.com",
    "eu.api.openai.com",
    "ae.api.openai.com",
    "au.api.openai.com",
    "in.api.openai.com",
    "jp.api.openai.com",
];

/// Endpoint paths that cannot be the end of a base.
const ENDPOINTS: [[&str; 2]; 9] = [
    ["chat", "completions"],
    ["images", "generations"],
    ["images", "edits"],
    ["images", "variations"],
    ["audio", "transcriptions"],
    ["audio", "translations"],
    ["audio", "speech"],
    ["responses", "input_tokens"],
    ["responses", "compact"],
];

/// Endpoint names that are one after a version or one of [`API_ROOTS`], or as the whole path.
const ENDPOINT_NAMES: [&str; 5] = ["completions", "embeddings", "responses", "moderations", "rerank"];

/// Last segments of the bases of vendors without a version path.
const API_ROOTS: [&str; 3] = ["openai", "inference", "compatibility"];

/// A wire format that a path can belong to instead, and what to write then.
struct Foreign {
    owns: fn(&[String]) -> bool,
    hint: &'static str,
}

const FOREIGN: [Foreign; 4] = [
    Foreign {
        owns: is_anthropic,
        hint: "the path ends in an endpoint of the Anthropic Messages API; set adapter \"anthropic\", and api_base to the \
         part before \"/v1/messages\", such as https://api.anthropic.com",
    },
    Foreign {
        owns: is_google,
        hint: "the path ends in a method of the native Gemini or Vertex API; set adapter \"vertex\", or api_base to \
         https://generativelanguage.googleapis.com/v1beta/openai",
    },
    Foreign {
        owns: is_bedrock,
        hint: "the path is one of the Bedrock runtime; set adapter \"bedrock\", or api_base to \
         https://bedrock-runtime.<region>.amazonaws.com/openai/v1",
    },
    Foreign {
        owns: is_ollama,
        hint: "the path is one of Ollama's native API; its OpenAI compatible API is under /v1, such as \
         http://localhost:11434/v1",
    },
];

const AZURE: &str = "the host is an Azure resource and the path does not end in /openai/v1; set adapter \
                     \"azure-openai\", or api_base to https://<resource>.openai.azure.com/openai/v1";

/// The base URL in normal form.
///
/// # Errors
/// The codes of docs/base-urls.md.
pub(super) fn normalize(api_base: Option<&str>, policy: &UrlPolicy) -> Result<BaseUrl, Invalid> {
    let parsed = base_url::parse(api_base, policy, refuse_foreign)?;
    let mut url = parsed.ok_or_else(|| base_url::required("https://api.openai.com/v1"))?;
    remove_endpoints(&mut url);
    refuse_inner_endpoint(&url.path)?;
    if is_openai(&url.host) {
        complete_openai(&mut url)?;
    } else {
        hint(&mut url);
    }
    url.finish()
}

/// The URL of an operation, or `None` when OpenAI-shaped upstreams have no such endpoint.
pub(super) fn endpoint(base: &BaseUrl, operation: Operation) -> Option<String> {
    Some(format!("{}{}", base.as_str(), endpoint_path(operation)?))
}

/// What is appended to the base for an operation.
pub(super) fn endpoint_path(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Chat => Some("/chat/completions"),
        Operation::Responses => Some("/responses"),
        Operation::Completions => Some("/completions"),
        Operation::Embeddings => Some("/embeddings"),
        Operation::Models => Some("/models"),
        Operation::ImagesGenerations => Some("/images/generations"),
        Operation::ImagesEdits => Some("/images/edits"),
        Operation::ImagesVariations => Some("/images/variations"),
        Operation::AudioTranscriptions => Some("/audio/transcriptions"),
        Operation::AudioTranslations => Some("/audio/translations"),
        Operation::AudioSpeech => Some("/audio/speech"),
        Operation::Moderations => Some("/moderations"),
        Operation::Rerank => Some("/rerank"),
        Operation::Messages | Operation::CountTokens | Operation::Passthrough => None,
    }
}

/// What [`without_endpoints`] took away.
#[derive(Default)]
struct Removed {
    endpoint: bool,
    version: bool,
}

/// The endpoint taken off first shows what the base would be, so `…/v1/messages/chat/completions` is foreign too.
fn refuse_foreign(host: &Host, path: &Path) -> Result<(), Invalid> {
    let mut base = path.clone();
    without_endpoints(&mut base);
    let segments = base.segments();
    if let Some(foreign) = FOREIGN.iter().find(|foreign| (foreign.owns)(segments)) {
        return Err(refused("adapter_mismatch", foreign.hint));
    }
    if host.name().is_some_and(vendors::is_azure) && !ends_with(segments, &["openai", "v1"]) {
        return Err(refused("adapter_mismatch", AZURE));
    }
    Ok(())
}

fn remove_endpoints(url: &mut Parsed) {
    if is_openai(&url.host) {
        // Paths differ by case, but here it is known which one is meant.
        url.path.make_lowercase();
    }
    let removed = without_endpoints(&mut url.path);
    if removed.endpoint {
        url.warn(
            "endpoint_path_removed",
            "the endpoint path at the end is left out: the gateway appends it by itself",
        );
    }
    if removed.version {
        url.warn("repeated_version_removed", "the version was there more than once: it is used once");
    }
}

fn without_endpoints(path: &mut Path) -> Removed {
    let mut removed = Removed::default();
    loop {
        if let Some(length) = endpoint_length(path.segments()) {
            path.drop_last(length);
            removed.endpoint = true;
        } else if ends_in_repeated_version(path.segments()) {
            path.drop_last(1);
            removed.version = true;
        } else {
            return removed;
        }
    }
}

/// How many segments at the end are an endpoint.
fn endpoint_length(segments: &[String]) -> Option<usize> {
    if ENDPOINTS.iter().any(|endpoint| ends_with(segments, endpoint)) {
        return Some(2);
    }
    let (last, before) = segments.split_last()?;
    let after_version = before.last().is_some_and(|segment| is_version(segment));
    let after_root = before.last().is_some_and(|segment| is_one_of(segment, &API_ROOTS));
    let is_endpoint = if is_one_of(last, &ENDPOINT_NAMES) {
        before.is_empty() || after_version || after_root
    } else {
        // A bare /models is a base of Azure AI inference.
        is_one_of(last, &["models"]) && (after_version || ends_with(before, &["openai"]))
    };
    is_endpoint.then_some(1)
}

fn ends_in_repeated_version(segments: &[String]) -> bool {
    matches!(segments, [.., previous, last] if previous == last && is_version(last))
}

fn refuse_inner_endpoint(path: &Path) -> Result<(), Invalid> {
    let is_endpoint = |pair: &[String]| ENDPOINTS.iter().any(|endpoint| ends_with(pair, endpoint));
    if path.segments().windows(2).any(is_endpoint) {
        return Err(refused(
            "endpoint_not_at_end",
            "there is an endpoint path in the middle; write the base that comes before it",
        ));
    }
    Ok(())
}

fn is_openai(host: &Host) -> bool {
    host.name().is_some_and(|name| OPENAI_HOSTS.contains(&name))
}

fn complete_openai(url: &mut Parsed) -> Result<(), Invalid> {
    match url.path.segments() {
        [] => {
            url.path.push("v1");
            url.warn("version_added", "the API of this host is under /v1: it is added");
            Ok(())
        }
        [version] if version == "v1" => Ok(()),
        _ => Err(refused(
            "unrecognized_path",
            "the API of this host is under /v1 and has no other base; write https://api.openai.com/v1",
        )),
    }
}

/// Says what looks wrong where it may be meant.
fn hint(url: &mut Parsed) {
    let expected = url.host.name().and_then(|host| vendors::other_base_expected(host, &url.path));
    if let Some((vendor, base)) = expected {
        let message = format!("expected {base} for {vendor}; the path is used as it is written");
        url.warn("vendor_base_expected", message);
    } else if is_local(&url.host) && is_unversioned_root(url.path.segments()) {
        url.warn(
            "version_path_expected",
            "vLLM, SGLang, llama.cpp, LM Studio and Ollama serve this API under /v1; the path is used as it is written",
        );
    }
}

fn is_local(host: &Host) -> bool {
    matches!(host.class(), HostClass::Loopback | HostClass::Private)
}

/// The root of a server, or of Ollama's native API.
fn is_unversioned_root(segments: &[String]) -> bool {
    segments.is_empty() || matches!(segments, [only] if is_one_of(only, &["api"]))
}

fn is_anthropic(segments: &[String]) -> bool {
    [["v1", "messages"], ["messages", "count_tokens"], ["messages", "batches"]]
        .iter()
        .any(|endpoint| ends_with(segments, endpoint))
}

fn is_google(segments: &[String]) -> bool {
    let Some(last) = segments.last() else { return false };
    let last = last.replace("%3A", ":");
    let verb = last.rsplit_once(':').map_or("", |(_, verb)| verb);
    const VERBS: [&str; 13] = [
        "generateContent",
        "streamGenerateContent",
        "batchGenerateContent",
        "countTokens",
        "computeTokens",
        "embedContent",
        "batchEmbedContents",
        "predict",
        "predictLongRunning",
        "serverStreamingPredict",
        "streamingPredict",
        "rawPredict",
        "streamRawPredict",
    ];
    is_one_of(verb, &VERBS)
}

fn is_bedrock(segments: &[String]) -> bool {
    const ACTIONS: [&str; 5] =
        ["converse", "converse-stream", "invoke", "invoke-with-response-stream", "count-tokens"];
    let [before @ .., _model, action] = segments else { return false };
    is_one_of(action, &ACTIONS) && before.iter().any(|segment| is_one_of(segment, &["model"]))
}

fn is_ollama(segments: &[String]) -> bool {
    ["chat", "generate", "tags", "embed"].iter().any(|endpoint| ends_with(segments, &["api", endpoint]))
}

fn is_version(segment: &str) -> bool {
    matches!(segment.as_bytes(), [b'v' | b'V', b'0'..=b'9', ..])
}

fn ends_with(segments: &[String], suffix: &[&str]) -> bool {
    let start = segments.len().checked_sub(suffix.len());
    start.is_some_and(|start| segments[start..].iter().zip(suffix).all(|(a, b)| a.eq_ignore_ascii_case(b)))
}

fn is_one_of(segment: &str, words: &[&str]) -> bool {
    words.iter().any(|word| segment.eq_ignore_ascii_case(word))
}

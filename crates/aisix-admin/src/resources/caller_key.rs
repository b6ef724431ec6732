use std::sync::Arc;

use aisix_adapters::base_url::UrlPolicy;
use aisix_domain::{
    CallerKey, Collection, DisplayName, Invalid, KeyHash, Pattern, Resource, ResourceId, Snapshot, Timestamp,
};
use aws_lc_rs::rand;
use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Admin;
use crate::answer::{EntryView, PathId, created, entry_answer};
use crate::body::JsonBody;
use crate::error::Problem;
use crate::listing::Filter;
use crate::resource::{Change, ResourceApi};
use crate::write::Done;
use crate::{crud, json};

/// The bounds of a key that an operator brings, in bytes.
const KEY_BYTES_MIN: usize = 16;
const KEY_BYTES_MAX: usize = 1024;
/// The entropy of a generated key; 32 bytes are 43 characters.
const GENERATED_BYTES: usize = 32;
const GENERATED_PREFIX: &str = "sk-";

/// A caller key as it is written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CallerKeyWrite)]
pub(crate) struct CallerKeyBody {
    /// Unique among caller keys when set.
    #[schema(min_length = 1, max_length = 255)]
    display_name: Option<String>,
    /// SHA-256 of the key. On create without `key_hash` and `key` the service generates a key; afterwards the
    /// stored hash is kept.
    #[schema(pattern = "^[0-9A-Fa-f]{64}$")]
    key_hash: Option<String>,
    /// The key itself, instead of its hash; hashed at once, never stored and never shown.
    #[serde(default)]
    #[schema(value_type = Option<String>, write_only, min_length = 16, max_length = 1024)]
    key: Option<SecretString>,
    /// Aliases the caller may use, each with at most one `*`. Empty denies all, `["*"]` allows all.
    #[serde(default, deserialize_with = "json::or_default")]
    #[schema(max_items = 1000, nullable)]
    allowed_models: Vec<String>,
    /// Refused from this moment on (RFC 3339).
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Refused while set.
    #[serde(default, deserialize_with = "json::or_default")]
    #[schema(nullable)]
    disabled: bool,
}

/// A caller key as it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = CallerKey)]
pub(crate) struct CallerKeyView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    key_hash: String,
    allowed_models: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires_at: Option<&'a str>,
    disabled: bool,
}

/// An entry, and the generated key, which is shown this once.
#[derive(Serialize)]
pub(crate) struct IssuedEntry<'a> {
    #[serde(flatten)]
    entry: EntryView<CallerKeyView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
}

/// The entry of a rotated key, and the new key, which is shown this once.
#[derive(Serialize)]
pub(crate) struct RotatedEntry<'a> {
    entry: EntryView<CallerKeyView<'a>>,
    plaintext: &'a str,
}

/// `POST /admin/v1/api_keys`: generates a key when the body brings none.
pub(crate) async fn create_caller_key(
    State(admin): State<Arc<Admin>>,
    JsonBody(value): JsonBody,
) -> Result<Response, Problem> {
    let mut body: CallerKeyBody = json::typed(value)?;
    let issued = match (&body.key_hash, &body.key) {
        (None, None) => Some(generate_key()?),
        _ => None,
    };
    body.key = body.key.or_else(|| issued.clone());
    let done = crud::insert::<CallerKey>(&admin, &body).await?;
    let plaintext = issued.as_ref().map(ExposeSecret::expose_secret);
    Ok(created(&done, &IssuedEntry { entry: EntryView::of(&done.outcome), plaintext }))
}

/// `POST /admin/v1/api_keys/{id}/rotate`: a new key under the same id; the old one is refused from now on.
pub(crate) async fn rotate_caller_key(
    State(admin): State<Arc<Admin>>,
    PathId(id, ..): PathId<CallerKey>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = generate_key()?;
    let key_hash = KeyHash::of(key.expose_secret());
    let rotated = |old: Option<&CallerKey>| match old {
        Some(old) => Ok(CallerKey { key_hash, ..old.clone() }),
        None => Err(Problem::Unreadable(CallerKey::KIND)),
    };
    let Done { outcome: entry, config_revision } = crud::update(&admin, id, &headers, rotated).await?;
    let answer = RotatedEntry { entry: EntryView::of(&entry), plaintext: key.expose_secret() };
    Ok(entry_answer(StatusCode::OK, &entry, config_revision, &answer))
}

impl ResourceApi for CallerKey {
    type Body = CallerKeyBody;
    type View<'a> = CallerKeyView<'a>;

    const FILTERS: &'static [Filter<Self>] = &[Filter {
        name: "display_name",
        description: "Only the one with this name.",
        keeps: |key, wanted, _| key.display_name.as_deref() == Some(wanted),
    }];

    fn collection(snapshot: &Snapshot) -> &Collection<Self> {
        snapshot.caller_keys()
    }

    fn build(body: &CallerKeyBody, change: Change<'_, Self>, _: &UrlPolicy) -> Result<Self, Problem> {
        let expires_at = body.expires_at.as_deref().map(Timestamp::parse).transpose();
        Ok(Self {
            display_name: body.display_name.as_deref().map(DisplayName::parse).transpose()?,
            key_hash: key_hash(body, change)?,
            allowed_models: Self::parse_allowed_models(&body.allowed_models)?,
            expires_at: expires_at.map_err(|invalid| invalid.at("/expires_at"))?,
            disabled: body.disabled,
            unknown_fields: change.old().map(|old| old.unknown_fields.clone()).unwrap_or_default(),
        })
    }

    fn check_references(&self, id: ResourceId, snapshot: &Snapshot) -> Result<(), Problem> {
        match snapshot.caller_key_for(&self.key_hash) {
            Some(other) if other.id != id => Err(Problem::KeyInUse { id: other.id }),
            _ => Ok(()),
        }
    }
}

fn key_hash(body: &CallerKeyBody, change: Change<'_, CallerKey>) -> Result<KeyHash, Invalid> {
    let given = body.key_hash.as_deref().map(KeyHash::from_hex).transpose()?;
    let key = body.key.as_ref().map(hash_of_key).transpose()?;
    match (given, key, change) {
        // The hash of a patched entry is there unless the patch removes it.
        (Some(kept), Some(new), Change::Patch(old)) if kept == old.key_hash => Ok(new),
        (Some(_), Some(_), _) => {
            Err(Invalid::new("key_and_key_hash", "/key", "send either the key or its hash, not both"))
        }
        (Some(hash), None, _) | (None, Some(hash), _) => Ok(hash),
        (None, None, Change::Replace(old)) => Ok(old.key_hash),
        (None, None, Change::Create | Change::Patch(_)) => {
            Err(Invalid::new("key_required", "/key_hash", "send the SHA-256 of the key, or the key"))
        }
    }
}

/// A key travels in a header: visible ASCII, and long enough not to be guessed.
fn hash_of_key(key: &SecretString) -> Result<KeyHash, Invalid> {
    let key = key.expose_secret();
    if (KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(KeyHash::of(key));
    }
    Err(Invalid::new("invalid_key", "/key", "a key has 16 to 1024 visible ASCII characters"))
}

fn generate_key() -> Result<SecretString, Problem> {
    let mut bytes = [0; GENERATED_BYTES];
    rand::fill(&mut bytes).map_err(|_| Problem::Internal)?;
    Ok(format!("{GENERATED_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into())
}

// === impl From ===

impl<'a> From<&'a CallerKey> for CallerKeyView<'a> {
    fn from(key: &'a CallerKey) -> Self {
        Self {
            display_name: key.display_name.as_deref(),
            key_hash: key.key_hash.to_string(),
            allowed_models: key.allowed_models.iter().map(Pattern::as_str).collect(),
            expires_at: key.expires_at.as_ref().map(Timestamp::as_str),
            disabled: key.disabled,
        }
    }
}

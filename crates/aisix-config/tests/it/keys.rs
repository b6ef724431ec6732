//! Every key there is, asked from the types themselves: an unknown key is refused with the list of known ones.

use std::collections::BTreeSet;

use aisix_config::Config;
use serde_json::{Value, json};

const UNKNOWN: &str = "no such key";

/// The path of every key that is no section.
pub(crate) fn all() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    collect(&mut Vec::new(), &mut keys);
    keys
}

fn collect(section: &mut Vec<String>, keys: &mut BTreeSet<String>) {
    let Some(known) = known_in(section) else {
        keys.insert(section.join("."));
        return;
    };
    for key in known {
        section.push(key);
        collect(section, keys);
        section.pop();
    }
}

/// `None` when it is no section.
fn known_in(section: &[String]) -> Option<Vec<String>> {
    let document = nested(section, json!({ UNKNOWN: 1 }));
    let error = serde_json::from_value::<Config>(document).unwrap_err().to_string();
    let known = error.strip_prefix(&format!("unknown field `{UNKNOWN}`, expected "))?;
    Some(known.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect())
}

/// `a.b: value` as a document.
pub(crate) fn nested<K: AsRef<str>>(section: &[K], value: Value) -> Value {
    section.iter().rev().fold(value, |inner, key| json!({ key.as_ref(): inner }))
}

#[test]
fn keys_are_found_at_every_depth() {
    let keys = all();
    for key in ["etcd.tls.ca_file", "admin.admin_keys", "proxy.connections.max", "proxy.tls.key_file"] {
        assert!(keys.contains(key), "{key} is not among {keys:?}");
    }
}

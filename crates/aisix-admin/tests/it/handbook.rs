//! `docs/admin-api.md` tells of every route and every error code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Codes of the domain that no admin answer holds.
const NEVER_ANSWERED: [&str; 1] = ["invalid_id"];

fn handbook() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/admin-api.md")).unwrap()
}

#[test]
fn it_names_every_route() {
    let document: Value = serde_json::from_str(&aisix_admin::openapi()).unwrap();
    for template in document["paths"].as_object().unwrap().keys() {
        let named = template.replace("/admin/v1/apikeys", "/admin/v1/api_keys");
        assert!(handbook().contains(&format!("`{named}")), "docs/admin-api.md does not name {template}");
    }
}

#[test]
fn it_names_every_error_code() {
    let mut codes = BTreeSet::new();
    for directory in ["src", "../aisix-domain/src"] {
        collect_codes(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), &mut codes);
    }
    assert!(codes.len() > 40, "{codes:?}");
    for code in codes.iter().filter(|code| !NEVER_ANSWERED.contains(&code.as_str())) {
        assert!(handbook().contains(&format!("`{code}`")), "docs/admin-api.md does not name {code}");
    }
}

/// Finds the codes where they are made: in `Invalid::new` and in the table of `error.rs`.
fn collect_codes(directory: &Path, codes: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_codes(&path, codes);
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for start in ["Invalid::new(", "(StatusCode::"] {
            let literals = source.split(start).skip(1).filter_map(|rest| rest.split('"').nth(1));
            codes.extend(literals.filter(|literal| is_code(literal)).map(str::to_owned));
        }
    }
}

fn is_code(literal: &str) -> bool {
    !literal.is_empty() && literal.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

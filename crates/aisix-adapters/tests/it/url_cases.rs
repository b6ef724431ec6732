//! Tables of pasted base URLs and what must become of them. A row runs as soon as its adapter has a family.

use std::collections::BTreeSet;
use std::path::Path;

use aisix_adapters::base_url::UrlPolicy;
use aisix_adapters::{Family, family};
use aisix_domain::{Adapter, Invalid, Operation};

struct Case {
    line: u64,
    adapter: Adapter,
    operation: String,
    model: String,
    api_base: String,
    expected: String,
    /// Codes separated by spaces; `None` where the table does not say.
    warnings: Option<String>,
    reason: String,
}

#[test]
fn common_cases() {
    check_table("url_cases.csv");
}

#[test]
fn more_cases() {
    check_table("more_url_cases.csv");
}

fn check_table(file: &str) {
    let cases = read(file);
    let implemented: Vec<_> = cases.iter().filter_map(|case| Some((family(case.adapter)?, case))).collect();
    assert!(implemented.iter().any(|(_, case)| case.adapter == Adapter::Openai), "{file} has no openai rows");
    let failures: Vec<_> =
        implemented.into_iter().filter_map(|(family, case)| failure(family, case)).collect();
    assert!(failures.is_empty(), "{file}:\n{}", failures.join("\n"));
}

fn read(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
    let mut reader = csv::Reader::from_path(path).unwrap();
    let headers = reader.headers().unwrap().clone();
    let column = |row: &csv::StringRecord, name| {
        let index = headers.iter().position(|header| header == name)?;
        Some(row[index].to_owned())
    };
    let case = |row: csv::StringRecord| Case {
        line: row.position().unwrap().line(),
        adapter: column(&row, "adapter").unwrap().parse().unwrap(),
        operation: column(&row, "operation").unwrap(),
        model: column(&row, "model").unwrap(),
        api_base: column(&row, "api_base").unwrap(),
        expected: column(&row, "expected_url_or_error").unwrap(),
        warnings: column(&row, "warnings"),
        reason: column(&row, "reason").unwrap(),
    };
    reader.records().map(|row| case(row.unwrap())).collect()
}

fn failure(family: &dyn Family, case: &Case) -> Option<String> {
    let got = outcome(family, case);
    let (result, warnings) = match &got {
        Ok((url, warnings)) => (url.clone(), warnings.clone()),
        Err(invalid) => (format!("error:{}", invalid.code()), BTreeSet::new()),
    };
    let expected_warnings =
        case.warnings.as_deref().map(|codes| codes.split_whitespace().collect::<BTreeSet<_>>());
    let is_leak =
        got.is_err_and(|invalid| invalid.field() != "/api_base" || invalid.message().contains("canary"));
    if result == case.expected && expected_warnings.is_none_or(|expected| expected == warnings) && !is_leak {
        return None;
    }
    Some(format!(
        "line {}: {:?} ({}) gives {result} with {warnings:?}, expected {} with {:?}",
        case.line, case.api_base, case.reason, case.expected, case.warnings
    ))
}

/// The URL and the codes of the warnings.
fn outcome(family: &dyn Family, case: &Case) -> Result<(String, BTreeSet<&'static str>), Invalid> {
    let base = family.normalize(Some(&case.api_base), &UrlPolicy::default())?;
    let (operation, stream) = operation(&case.operation);
    let url = family
        .endpoint(&base, operation, stream, &case.model)
        .ok_or_else(|| Invalid::new("operation_not_supported", "/api_base", "the family lacks it"))?;
    Ok((url, base.warnings().iter().map(|warning| warning.code).collect()))
}

fn operation(name: &str) -> (Operation, bool) {
    let (plain, stream) = name.strip_suffix("_stream").map_or((name, false), |plain| (plain, true));
    let operation = Operation::ALL.into_iter().find(|operation| operation.as_str() == plain);
    (operation.unwrap_or_else(|| panic!("no operation {name}")), stream)
}

use std::collections::{BTreeMap, BTreeSet};

use aisix_config::{Config, Service};
use serde_json::Value;

use crate::{keys, parsed};

const EXAMPLE: &str = include_str!("../../../../config.example.yaml");
const GUIDE: &str = include_str!("../../../../docs/configuration.md");
const DEPLOYING: &str = include_str!("../../../../docs/deploying.md");
const ABSENT: &str = "—";

/// Key and default of every row of the guide's tables.
fn documented() -> BTreeMap<&'static str, &'static str> {
    GUIDE.lines().filter_map(row).collect()
}

fn row(line: &'static str) -> Option<(&'static str, &'static str)> {
    let cells: Vec<_> = line.strip_prefix("| `")?.split(" | ").map(|cell| cell.trim_matches('`')).collect();
    (cells.len() == 4 && cells[0].contains('.')).then(|| (cells[0], cells[2]))
}

/// A `#` right before a key turns a setting off; before a space it begins a remark.
fn with_everything_turned_on() -> String {
    EXAMPLE
        .lines()
        .map(|line| match line.split_once('#') {
            Some((indent, setting))
                if indent.trim().is_empty() && setting.starts_with(char::is_alphabetic) =>
            {
                format!("{indent}{setting}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect()
}

fn leaves(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    let Value::Object(section) = value else {
        found.insert(path.to_owned());
        return;
    };
    for (key, value) in section {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        leaves(&path, value, found);
    }
}

#[test]
fn the_guide_lists_every_key_and_no_other() {
    let documented: BTreeSet<_> = documented().into_keys().map(ToOwned::to_owned).collect();
    assert_eq!(documented, keys::all());
}

/// `Debug` shows every value but secrets, which have no defaults.
#[test]
fn the_guide_tells_the_defaults() {
    let untouched = format!("{:?}", Config::default());
    for (key, default) in documented().into_iter().filter(|(_, default)| *default != ABSENT) {
        if key.starts_with("etcd.") {
            continue;
        }
        let value: Value = serde_saphyr::from_str(default).unwrap();
        let path: Vec<_> = key.split('.').collect();
        let config: Config = serde_json::from_value(keys::nested(&path, value)).unwrap();
        assert_eq!(format!("{config:?}"), untouched, "{key}");
    }
}

#[test]
fn the_guide_tells_the_defaults_of_etcd() {
    let etcd = parsed("etcd: {endpoints: []}").etcd.unwrap();
    let documented = documented();
    assert_eq!(documented["etcd.prefix"], etcd.prefix);
    assert_eq!(documented["etcd.dial_timeout_ms"], etcd.dial_timeout_ms.to_string());
    assert_eq!(documented["etcd.request_timeout_ms"], etcd.request_timeout_ms.to_string());
}

#[test]
fn the_example_can_be_used_as_it_is() {
    let config = parsed(EXAMPLE);
    assert!(config.etcd.is_none());
    config.check(Service::Proxy).unwrap();
    let problem = config.check(Service::Admin);
    assert_eq!(problem, Ok(()), "the reference to the variable stands for a key here");
}

#[test]
fn the_example_shows_every_key_with_a_usable_value() {
    let everything = with_everything_turned_on();
    let mut shown = BTreeSet::new();
    leaves("", &serde_saphyr::from_str(&everything).unwrap(), &mut shown);
    assert_eq!(shown, keys::all());
}

/// Where the guide has no default, the example's value is an example.
#[test]
fn what_the_example_turns_off_is_the_default() {
    let shown: Value = serde_saphyr::from_str(&with_everything_turned_on()).unwrap();
    for (key, default) in documented() {
        if [ABSENT, "[]"].contains(&default) {
            continue;
        }
        let pointer = format!("/{}", key.replace('.', "/"));
        let default: Value = serde_saphyr::from_str(default).unwrap();
        assert_eq!(shown.pointer(&pointer), Some(&default), "{key}");
    }
}

#[test]
fn what_the_deployment_guide_configures_can_be_used() {
    let mut blocks =
        DEPLOYING.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).peekable();
    assert!(blocks.peek().is_some());
    for block in blocks {
        parsed(block).check(Service::Proxy).unwrap();
    }
}

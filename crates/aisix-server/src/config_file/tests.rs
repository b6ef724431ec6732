use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Config {
    proxy: Proxy,
    keys: Vec<String>,
    etcd: Option<Etcd>,
    ratio: f64,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Proxy {
    addr: Option<std::net::SocketAddr>,
    workers: Option<u16>,
    name: String,
    on: bool,
    level: Level,
    tls: Option<Tls>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Tls {
    cert_file: std::path::PathBuf,
    key_file: std::path::PathBuf,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Etcd {
    endpoints: Vec<String>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Level {
    #[default]
    Info,
    Off,
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::new("AISIX_", variables.iter().map(|(name, value)| (name.into(), value.into())))
}

fn parsed(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    parsed_without(&[], text, variables)
}

fn parsed_without(unneeded: &[&str], text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    parse(text, &environment(variables), unneeded)
        .map(|(config, _)| config)
        .map_err(|fault| fault.in_file("config.yaml").to_string())
}

fn error(text: &str, variables: &[(&str, &str)]) -> String {
    parsed(text, variables).unwrap_err()
}

#[test]
fn what_is_wrong_is_said_in_one_line_with_its_place() {
    let cases = [
        ("proxy:\n  adr: x", "2:3: unknown key \"adr\" in proxy; did you mean \"addr\"?"),
        ("proxi: {}", "1:1: unknown key \"proxi\" in the file; did you mean \"proxy\"?"),
        (
            "proxy: {zzzz: 1}",
            "1:9: unknown key \"zzzz\" in proxy; known are addr, workers, name, on, level, tls",
        ),
        (
            "proxy:\n  workers: many",
            "2:12: proxy.workers must be a whole number from 0 to 65535, not a string",
        ),
        ("proxy: {workers: 70000}", "1:18: proxy.workers must be a whole number from 0 to 65535"),
        ("proxy: {workers: -1}", "1:18: proxy.workers must be a whole number from 0 to 65535"),
        ("proxy: {workers: 1.5}", "1:18: proxy.workers must be a whole number from 0 to 65535, not a number"),
        ("proxy: {name: 12345}", "1:15: proxy.name must be a string, not a number; put it in quotes"),
        ("proxy: {on: 1}", "1:13: proxy.on must be true or false, not a number"),
        (
            "proxy: {addr: canary}",
            "1:15: proxy.addr must be an IP address and a port, such as 127.0.0.1:8080",
        ),
        ("proxy: {level: canary}", "1:16: proxy.level must be one of info, off"),
        ("proxy: {level: [1]}", "1:16: proxy.level must be a string, not a list"),
        ("proxy: [canary]", "1:8: proxy must be a section, not a list"),
        ("proxy:\n  tls:\n    cert_file: a", "3:5: proxy.tls.key_file is missing"),
        ("keys: canary", "1:7: keys must be a list, not a string"),
        ("keys:\n - a\n - {b: c}", "3:4: keys[1] must be a string, not a section"),
        ("- canary", "1:1: the file must be a section, not a list"),
        ("keys: []\nproxy: {}\nkeys: []", "3:1: key \"keys\" is here twice"),
        ("keys: [\"canary", "1:8: not valid YAML: unclosed quote"),
        ("a: 1\n---\nb: 2", "3:1: not valid YAML: holds more than one YAML document"),
        (
            "keys: [\"${CANARY}\"]",
            "1:8: environment variable CANARY is not set; set it, or write ${CANARY:-default}",
        ),
        ("keys: [\"${CANARY\"]", "1:8: \"${\" has no \"}\"; write \"$${\" for the characters themselves"),
        ("keys: [\"${1}\"]", "1:8: \"${…}\" must hold the name of an environment variable"),
        (
            "keys: &canary\n- *canary",
            "2:3: not valid YAML: an alias must not stand inside what it stands for",
        ),
        ("ratio: .inf", "1:8: ratio must be a number, not a string"),
    ];
    for (text, expected) in cases {
        let expected = format!("config.yaml:{expected}");
        assert_eq!(error(text, &[]), expected, "{text}");
        assert!(!expected.contains("canary"), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_variable_names_it() {
    let cases = [
        ("AISIX_PROXY__ADR", "canary", "unknown key \"adr\" in proxy; did you mean \"addr\"?"),
        (
            "AISIX_PROXY__WORKERS",
            "canary",
            "proxy.workers must be a whole number from 0 to 65535, not a string",
        ),
        ("AISIX_PROXY__ON", "canary", "proxy.on must be true or false, not a string"),
        ("AISIX_PROXY__TLS", "canary", "proxy.tls must be a section, not a string"),
        ("AISIX_PROXY__ADDR__X", "canary", "there is no place for proxy.addr.x"),
        ("AISIX_KEYS__5", "canary", "there is no place for keys[5]"),
        (
            "AISIX_PROXY",
            "canary",
            "a variable cannot hold all of proxy; name one of its keys: AISIX_PROXY__KEY",
        ),
        ("AISIX_ETCD__ENDPOINTS", "canary", "etcd.endpoints holds several values; name one of them"),
    ];
    let text = "proxy: {addr: \"127.0.0.1:1\"}\netcd: {endpoints: [a]}";
    for (name, value, expected) in cases {
        assert_eq!(error(text, &[(name, value)]), format!("environment variable {name}: {expected}"));
    }
}

#[test]
fn variables_stand_in_for_values_of_any_type() {
    let text = r#"
proxy: {name: "${NAME}-${UNSET:-b:-}-${EMPTY:-c}-$${NAME}-$NAME", workers: "${WORKERS}", on: "${ON:-true}"}
keys: ["${STRUCTURE}"]
"#;
    let structure = "x\", injected: \"y";
    let variables =
        [("NAME", "a"), ("EMPTY", ""), ("WORKERS", "4"), ("STRUCTURE", structure), ("OTHER", "${NAME}")];
    let config = parsed(text, &variables).unwrap();
    assert_eq!(config.proxy.name, "a-b:--c-${NAME}-$NAME");
    assert_eq!((config.proxy.workers, config.proxy.on), (Some(4), true));
    assert_eq!(config.keys, [structure]);
}

#[test]
fn variables_override_scalars_wherever_they_are() {
    let text = "proxy: {workers: 1, addr: \"127.0.0.1:1\"}\nkeys: [a, b]";
    let variables = [
        ("AISIX_PROXY__WORKERS", "8"),
        ("AISIX_PROXY__LEVEL", "off"),
        ("AISIX_PROXY__NAME", "${LITERAL} 007"),
        ("AISIX_KEYS__1", "c"),
        ("AISIX_KEYS__2", "d"),
        ("AISIX_ETCD__ENDPOINTS__0", "http://e"),
        ("AISIX_ADMIN_KEY", "no override without two underscores"),
        ("AISIX_PROXY_KEY", "no override without two underscores"),
        ("AISIX_CONFIG", "no override without a section of that name"),
        ("OTHER_PROXY__ADR", "no override without the prefix"),
    ];
    let config = parsed(text, &variables).unwrap();
    assert_eq!((config.proxy.workers, config.proxy.level), (Some(8), Level::Off));
    assert_eq!(config.proxy.name, "${LITERAL} 007");
    assert_eq!(config.proxy.addr.unwrap().port(), 1);
    assert_eq!(config.keys, ["a", "c", "d"]);
    assert_eq!(config.etcd.unwrap().endpoints, ["http://e"]);
}

#[test]
fn a_section_that_is_not_needed_needs_no_variables() {
    let text = "proxy:\n  workers: \"${UNSET}\"\n  name: a\n  tls: {cert_file: \"${UNSET}\", key_file: k}\n";
    let config = parsed_without(&["proxy"], text, &[]).unwrap();
    assert_eq!((config.proxy.workers, config.proxy.name.as_str(), config.proxy.tls), (None, "a", None));
    assert_eq!(parsed_without(&["proxy"], text, &[("UNSET", "7")]).unwrap().proxy.workers, Some(7));
    assert!(parsed_without(&["etcd"], text, &[]).unwrap_err().contains("UNSET is not set"));

    for (text, expected) in [
        ("proxy: {adr: 1, name: \"${UNSET}\"}", "unknown key \"adr\" in proxy"),
        ("proxy: {name: \"${UNSET\"}", "has no \"}\""),
    ] {
        let error = parsed_without(&["proxy"], text, &[]).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_is_not_there_has_its_default() {
    for text in ["", "# nothing\n", "proxy:\n", "proxy: {}\netcd:\n"] {
        assert_eq!(parsed(text, &[]), Ok(Config::default()), "{text:?}");
    }
}

#[test]
fn a_level_called_off_is_no_boolean() {
    assert_eq!(parsed("proxy: {level: off}", &[]).unwrap().proxy.level, Level::Off);
}

#[test]
fn a_rule_of_the_caller_is_reported_where_the_value_stands() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, "proxy:\n  workers: 3\nkeys: [a,\n  b]\n").unwrap();
    let loaded: Loaded<Config> =
        load(&path, "AISIX_", &[], [("AISIX_PROXY__ON".into(), "true".into())]).unwrap();
    let file = path.display();
    let cases = BTreeMap::from([
        ("proxy.workers", format!("{file}:2:12")),
        ("proxy.tls.key_file", format!("{file}:2:3")),
        ("keys[1]", format!("{file}:4:3")),
        ("keys[7]", format!("{file}:3:7")),
        ("etcd.endpoints", format!("{file}:1:1")),
        ("proxy.on", "environment variable AISIX_PROXY__ON".to_owned()),
    ]);
    for (path, place) in cases {
        assert_eq!(loaded.problem(path, "is wrong").to_string(), format!("{place}: {path}: is wrong"));
    }
}

#[test]
fn a_file_that_cannot_be_read_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let read = |path: &Path| load::<Config>(path, "AISIX_", &[], []).unwrap_err().to_string();
    let absent = directory.path().join("absent.yaml");
    assert_eq!(
        read(&absent),
        format!(
            "{}: no such file; name one with --config, or start from config.example.yaml",
            absent.display()
        )
    );
    let large = directory.path().join("large.yaml");
    std::fs::write(&large, " ".repeat(FILE_BYTES_MAX as usize + 1)).unwrap();
    assert_eq!(read(&large), format!("{}: cannot be read: it is larger than 1 MiB", large.display()));
    let binary = directory.path().join("binary.yaml");
    std::fs::write(&binary, [0xff, 0xfe, 0xfd]).unwrap();
    assert_eq!(read(&binary), format!("{}: is not UTF-8 text", binary.display()));
}

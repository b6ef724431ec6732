use aisix_config::{Config, Service, TIMEOUT_MS_MAX};

use crate::parsed;

const ADMIN_KEY: &str = "admin-local-only-change-me";

fn problem(yaml: &str, service: Service) -> String {
    parsed(yaml).check(service).unwrap_err().to_string()
}

#[test]
fn a_rule_that_is_broken_is_named_with_its_place() {
    let cases = [
        (
            "etcd: {}",
            "etcd.endpoints: needs at least one endpoint, such as [\"http://127.0.0.1:2379\"]; \
             remove the whole section to use the embedded store",
        ),
        (
            "etcd: {endpoints: [\"http://a:1\", \"a:2379\"]}",
            "etcd.endpoints[1]: must be a URL such as \"http://127.0.0.1:2379\"",
        ),
        (
            "etcd: {endpoints: [\"http://\"]}",
            "etcd.endpoints[0]: must be a URL such as \"http://127.0.0.1:2379\"",
        ),
        (
            "etcd: {endpoints: [\"http://u:canary@a:1\"]}",
            "etcd.endpoints[0]: must not hold a password; use etcd.user and etcd.password",
        ),
        ("etcd: {endpoints: [\"http://a:1/x\"]}", "etcd.endpoints[0]: must have no path"),
        (
            "etcd: {endpoints: [\"http://a:1\"], tls: {}}",
            "etcd.endpoints[0]: must begin with https:// because etcd.tls is set",
        ),
        (
            "etcd: {endpoints: [\"https://a:1\"], tls: {cert_file: c}}",
            "etcd.tls.cert_file: needs etcd.tls.key_file beside it",
        ),
        (
            "etcd: {endpoints: [\"https://a:1\"], tls: {key_file: k}}",
            "etcd.tls.key_file: needs etcd.tls.cert_file beside it",
        ),
        ("etcd: {endpoints: [\"https://a:1\"], tls: {ca_file: \"\"}}", "etcd.tls.ca_file: must name a file"),
        ("etcd: {endpoints: [\"http://a:1\"], user: u}", "etcd.user: needs etcd.password beside it"),
        ("etcd: {endpoints: [\"http://a:1\"], user: \"\", password: canary}", "etcd.user: must not be empty"),
        ("etcd: {endpoints: [\"http://a:1\"], password: canary}", "etcd.password: needs etcd.user beside it"),
        (
            "etcd: {endpoints: [\"http://a:1\"], dial_timeout_ms: 0}",
            "etcd.dial_timeout_ms: must be from 1 to 86400000",
        ),
        ("embedded: {path: \"\"}", "embedded.path: must name a file"),
        ("proxy: {workers: 0}", "proxy.workers: must be from 1 to 1024"),
        ("proxy: {workers: 1025}", "proxy.workers: must be from 1 to 1024"),
        (
            "proxy: {request_body_limit_bytes: 0}",
            "proxy.request_body_limit_bytes: must be from 1024 to 1073741824",
        ),
        ("proxy: {tls: {cert_file: \"\", key_file: k}}", "proxy.tls.cert_file: must name a file"),
        ("proxy: {connections: {max: 0}}", "proxy.connections.max: must be from 1 to 1000000"),
        (
            "admin: {connections: {idle_timeout_ms: 0}}",
            "admin.connections.idle_timeout_ms: must be from 1 to 86400000",
        ),
        ("upstream: {connect_timeout_ms: 0}", "upstream.connect_timeout_ms: must be from 1 to 86400000"),
        ("upstream: {ca_file: \"\"}", "upstream.ca_file: must name a file"),
        ("shutdown: {max_drain_secs: 90000}", "shutdown.max_drain_secs: must be from 0 to 86400"),
        (
            "shutdown: {min_drain_secs: 2, max_drain_secs: 1}",
            "shutdown.min_drain_secs: must not exceed shutdown.max_drain_secs",
        ),
        ("status: {addr: \"127.0.0.1:3000\"}", "status.addr: must differ from proxy.addr"),
    ];
    for (yaml, expected) in cases {
        assert_eq!(problem(yaml, Service::Proxy), expected, "{yaml}");
    }
}

#[test]
fn a_prefix_is_a_path_without_empty_parts() {
    for prefix in ["", "/", "aisix", "/aisix/", "//aisix", "/a//b"] {
        let yaml = format!("etcd: {{endpoints: [\"http://a:1\"], prefix: \"{prefix}\"}}");
        assert!(problem(&yaml, Service::Proxy).starts_with("etcd.prefix: must begin with '/'"), "{prefix}");
    }
    let yaml = "etcd: {endpoints: [\"http://a:1/\"], prefix: /team/aisix}";
    parsed(yaml).check(Service::Proxy).unwrap();
}

#[test]
fn the_admin_service_needs_a_key_that_can_be_sent() {
    let cases = [
        ("", "admin.admin_keys: needs at least one key, such as [\"${AISIX_ADMIN_KEY}\"]"),
        ("\"\"", "admin.admin_keys[0]: must not be empty; is its environment variable set?"),
        (
            "admin-local-only-change-me, \"canary with spaces in it\"",
            "admin.admin_keys[1]: may hold printable ASCII characters without spaces only",
        ),
    ];
    for (keys, expected) in cases {
        assert_eq!(problem(&format!("admin: {{admin_keys: [{keys}]}}"), Service::Admin), expected);
    }
    parsed(&format!("admin: {{admin_keys: [{ADMIN_KEY}]}}")).check(Service::Admin).unwrap();
}

#[test]
fn the_proxy_needs_no_admin_key() {
    Config::default().check(Service::Proxy).unwrap();
    parsed("admin: {admin_keys: [\"\"]}").check(Service::Proxy).unwrap();
}

#[test]
fn listeners_on_free_ports_may_look_alike() {
    parsed("proxy: {addr: \"127.0.0.1:0\"}\nstatus: {addr: \"127.0.0.1:0\"}").check(Service::Proxy).unwrap();
}

#[test]
fn the_longest_time_is_a_day() {
    let with = |time: u64| parsed(&format!("upstream: {{idle_timeout_ms: {time}}}")).check(Service::Proxy);
    assert_eq!(with(TIMEOUT_MS_MAX), Ok(()));
    assert!(with(TIMEOUT_MS_MAX + 1).is_err());
}

#[test]
fn debug_shows_no_secret() {
    let yaml = "admin: {admin_keys: [canary-1]}\netcd: {endpoints: [a], user: u, password: canary-2}";
    let config = parsed(yaml);
    assert!(!format!("{config:?} {config:#?}").contains("canary"));
}

#[test]
fn workers_are_counted_when_they_are_not_set() {
    assert_eq!(parsed("proxy: {workers: 7}").proxy.worker_count(), 7);
    assert!(Config::default().proxy.worker_count() >= 1);
}

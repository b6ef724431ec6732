//! How the processes begin and end.

use std::net::TcpListener;
use std::time::Duration;

use aisix_testkit::{Process, Reply, eventually};
use http::Method;
use serde_json::json;

use crate::harness::{ALIAS, CHAT, Coming, End, Gateway, Kind, Setup, Store, command};

/// `sysexits.h`: the command line or the configuration is wrong.
const USAGE: i32 = 64;

/// Runs a service to its end with a configuration that does not let it serve.
async fn refused(gateway: &Gateway, kind: Kind, arguments: &[&str]) -> (i32, String) {
    let mut command = command(kind, gateway.directory.path(), gateway.admin_key());
    command.args(arguments);
    let mut process = Process::start(command).unwrap();
    let status = process.wait().await;
    let output = process.stdout() + &process.stderr();
    gateway.note(output.as_str());
    (status.code().unwrap(), output)
}

fn configure(gateway: &Gateway, yaml: &str) {
    std::fs::write(gateway.directory.path().join("config.yaml"), yaml).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_ends_in_one_line_that_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let gateway = Setup::new(Store::Embedded).prepare().await;
    let keys = "admin_keys: [\"${AISIX_ADMIN_KEY}\"]";
    configure(&gateway, &format!("admin: {{ {keys}, addr: {address} }}\nproxy: {{ addr: {address} }}\n"));
    for kind in [Kind::Admin, Kind::Proxy] {
        let (code, output) = refused(&gateway, kind, &[]).await;
        assert!(code != 0 && code != USAGE, "{code} {output}");
        let last = output.trim_end().lines().last().unwrap_or_default();
        assert!(last.contains(&address.to_string()) && last.contains("in use"), "{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_ends_with_64_before_any_port_is_bound() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let gateway = Setup::new(Store::Embedded).prepare().await;
    for kind in [Kind::Admin, Kind::Proxy] {
        // Had it tried to bind, the port would be the complaint.
        let yaml = format!(
            "admin: {{ addr: {address}, admin_keys: [\"${{AISIX_ADMIN_KEY}}\"] }}\nproxy:\n  addr: {address}\n  wrokers: 2\n"
        );
        configure(&gateway, &yaml);
        for arguments in [&[][..], &["check"]] {
            let (code, output) = refused(&gateway, kind, arguments).await;
            assert_eq!(code, USAGE, "{output}");
            assert!(
                output.contains("wrokers") && output.contains("workers") && output.contains("4:"),
                "{output}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_prints_no_secret_and_says_that_all_is_well() {
    let gateway = Setup::new(Store::Embedded).prepare().await;
    for kind in [Kind::Admin, Kind::Proxy] {
        assert_eq!(refused(&gateway, kind, &["check"]).await.0, 0);
        let (code, output) = refused(&gateway, kind, &["--version"]).await;
        assert_eq!(code, 0);
        assert!(output.contains(env!("CARGO_PKG_VERSION")), "{output}");
    }
}

/// A stream that takes a second or two, of which the first event has come.
async fn begin_slow_stream(gateway: &Gateway) -> Coming {
    gateway.upstream.next(CHAT, Reply::openai().paced(Duration::from_millis(300)));
    let chat =
        json!({"model": ALIAS, "stream": true, "messages": [{"role": "user", "content": "one two three"}]});
    let mut stream = gateway.proxy().call(Method::POST, CHAT).json(&chat).open().await;
    stream.read_until("data: ").await;
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_running_stream_finish() {
    let (mut gateway, _) =
        Setup::new(Store::Embedded).with("shutdown", "min_drain_secs: 1").provisioned().await;
    let proxy = gateway.number(Kind::Proxy);
    let mut stream = begin_slow_stream(&gateway).await;
    gateway.service(proxy).process.terminate();
    gateway.wait_for_readyz(proxy, 503).await;
    assert_eq!(stream.finish().await, End::Whole);
    assert!(stream.text().ends_with("data: [DONE]\n\n"), "{}", stream.text());
    assert!(gateway.service(proxy).process.wait().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_listener_answers_while_a_stream_drains() {
    let (mut gateway, _) = Setup::new(Store::Embedded).provisioned().await;
    let proxy = gateway.number(Kind::Proxy);
    let mut stream = begin_slow_stream(&gateway).await;
    let mut status = gateway.proxy();
    status.address = gateway.service(proxy).status_address;
    gateway.service(proxy).process.terminate();
    gateway.service(proxy).answers_readyz(&status, 503).await;
    for (path, expected) in [("/livez", 503), ("/metrics", 200), ("/status/config", 200)] {
        status.call(Method::GET, path).anonymous().send().await.expect(expected);
    }
    assert_eq!(stream.finish().await, End::Whole);
    assert!(gateway.service(proxy).process.wait().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_port_is_logged() {
    let gateway = Setup::new(Store::Embedded).prepare().await;
    for kind in [Kind::Admin, Kind::Proxy] {
        let mut command = command(kind, gateway.directory.path(), gateway.admin_key());
        for variable in ["AISIX_ADMIN__ADDR", "AISIX_PROXY__ADDR", "AISIX_STATUS__ADDR"] {
            command.env(variable, "127.0.0.1:0");
        }
        let mut process = Process::start(command).unwrap();
        let line = eventually("it says where it listens", async || {
            process.stdout().lines().find(|line| line.contains("listens")).map(ToOwned::to_owned)
        })
        .await;
        process.terminate();
        assert!(process.wait().await.success());
        gateway.note(process.stdout());
        assert!(line.contains("\"addr\":\"127.0.0.1:") && !line.contains(":0\""), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_proxy_is_replaced_without_a_trace() {
    let (mut gateway, _) = Setup::new(Store::Embedded).provisioned().await;
    let proxy = gateway.number(Kind::Proxy);
    gateway.service(proxy).process.kill();
    gateway.service(proxy).process.wait().await;
    let next = gateway.start_service(Kind::Proxy).await;
    let chat = json!({"model": ALIAS, "messages": [{"role": "user", "content": "hello"}]});
    gateway.caller_of(next).post(CHAT, &chat).await.expect(200);
}

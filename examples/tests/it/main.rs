//! The examples run, and print what they promise.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

fn printed(executable: &str) -> String {
    let output = Command::new(executable).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_adapters_alone() {
    let text = printed(env!("CARGO_BIN_EXE_embed_adapters"));
    assert!(text.starts_with("POST /v1/chat/completions to api.openai.com\n"), "{text}");
    assert!(text.contains(r#"data: {"model":"fast","choices":"#), "{text}");
}

#[test]
fn the_proxy_inside_another_program() {
    let text = printed(env!("CARGO_BIN_EXE_embed_proxy"));
    assert_eq!(text, "200 OK\n{\"model\":\"fast\",\"choices\":[]}\n");
}

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use aisix_server::log::{self, Format, LevelFilter, Options};

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One test, because a process has one log.
#[test]
fn events_panics_and_lines_are_written_before_the_log_is_dropped() {
    let memory = Memory::default();
    let log = log::start(memory.clone()).unwrap();
    let options = Options { format: Format::Json, level: LevelFilter::DEBUG, own_crates: "it" };
    log.install(options).unwrap();
    assert!(log.install(options).is_err());

    tracing::debug!(target: "it::log", answer = 42, "a debug line of our own");
    tracing::debug!(target: "hyper", "a debug line of a library");
    tracing::trace!(target: "it::log", "a trace line");
    log.sink().line(b"{\"access\":1}");
    let panicked =
        std::thread::Builder::new().name("worker-7".into()).spawn(|| panic!("canary-secret")).unwrap().join();
    assert!(panicked.is_err());
    drop(log);

    let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!((&lines[0]["level"], &lines[0]["answer"]), (&"DEBUG".into(), &42.into()));
    assert_eq!(lines[1]["access"], 1);
    assert_eq!((&lines[2]["level"], &lines[2]["thread"]), (&"ERROR".into(), &"worker-7".into()));
    assert!(lines[2]["location"].as_str().unwrap().contains("tests/it/log.rs:"));
    assert!(!text.contains("canary"));
}

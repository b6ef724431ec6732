use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How long lines may wait for others, to be written together.
const BATCH_TIME_MAX: Duration = Duration::from_millis(50);
/// As much as this is written without waiting for more.
const BATCH_BYTES: usize = 64 * 1024;
/// When the output is this far behind, lines are dropped and counted.
const BUFFER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A buffer that has grown beyond this is given back after it was written.
const BUFFER_BYTES_KEPT_MAX: usize = 1024 * 1024;

/// Where lines go. Appending one costs a copy under a short lock, and wakes the thread that writes once for
/// each batch.
#[derive(Clone)]
pub struct LineSink(Arc<Shared>);

struct Shared {
    pending: Mutex<Pending>,
    /// The writer waits here for something to do.
    work: Condvar,
    /// Whoever flushes waits here.
    written: Condvar,
}

#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    lines_dropped: u64,
    batches_taken: u64,
    batches_written: u64,
    /// Someone waits for what is here: do not wait for more.
    hurry: bool,
    closed: bool,
}

struct Writer<W> {
    output: W,
    shared: Arc<Shared>,
    batch: Vec<u8>,
}

// === impl LineSink ===

impl LineSink {
    pub(super) fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { pending: Mutex::default(), work: Condvar::new(), written: Condvar::new() });
        let writer = Writer { output, shared: shared.clone(), batch: Vec::new() };
        thread::Builder::new().name("log-writer".into()).spawn(move || writer.run())?;
        Ok(Self(shared))
    }

    /// Appends one line, given without its end. It is dropped when the output is too far behind.
    pub fn line(&self, line: &[u8]) {
        if self.0.pending.lock().append(line) {
            self.0.work.notify_one();
        }
    }

    /// Waits until everything appended so far is written, but no longer than this.
    pub fn flush(&self, time_max: Duration) {
        let deadline = Instant::now() + time_max;
        let mut pending = self.0.pending.lock();
        let target = pending.batches_taken + u64::from(!pending.bytes.is_empty());
        pending.hurry = !pending.bytes.is_empty();
        self.0.work.notify_one();
        while pending.batches_written < target {
            if self.0.written.wait_until(&mut pending, deadline).timed_out() {
                return;
            }
        }
    }

    /// Writes what is pending and takes nothing more.
    pub(super) fn close(&self, time_max: Duration) {
        self.0.pending.lock().closed = true;
        self.flush(time_max);
    }
}

impl fmt::Debug for LineSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LineSink")
    }
}

// === impl Pending ===

impl Pending {
    /// Whether the writer must be woken: for the first line of a batch, and when it is large enough.
    fn append(&mut self, line: &[u8]) -> bool {
        let before = self.bytes.len();
        if self.closed || before + line.len() >= BUFFER_BYTES_MAX {
            self.lines_dropped += 1;
            return false;
        }
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
        before == 0 || (before < BATCH_BYTES && self.bytes.len() >= BATCH_BYTES)
    }

    fn is_due(&self) -> bool {
        self.hurry || self.closed || self.bytes.len() >= BATCH_BYTES
    }
}

// === impl Writer ===

impl<W: Write> Writer<W> {
    fn run(mut self) {
        while let Some(lines_dropped) = self.take_batch() {
            self.write_batch();
            if lines_dropped > 0 {
                tracing::warn!(lines_dropped, "the log output was too slow");
            }
        }
    }

    /// Waits for lines, and a moment for more. `None` when there will be none.
    fn take_batch(&mut self) -> Option<u64> {
        let mut pending = self.shared.pending.lock();
        while pending.bytes.is_empty() {
            if pending.closed {
                return None;
            }
            self.shared.work.wait(&mut pending);
        }
        let deadline = Instant::now() + BATCH_TIME_MAX;
        while !pending.is_due() && !self.shared.work.wait_until(&mut pending, deadline).timed_out() {}
        mem::swap(&mut pending.bytes, &mut self.batch);
        pending.hurry = false;
        pending.batches_taken += 1;
        Some(mem::take(&mut pending.lines_dropped))
    }

    /// There is nobody to tell that the log cannot be written.
    fn write_batch(&mut self) {
        let _ = self.output.write_all(&self.batch);
        let _ = self.output.flush();
        self.batch.clear();
        self.batch.shrink_to(BUFFER_BYTES_KEPT_MAX);
        self.shared.pending.lock().batches_written += 1;
        self.shared.written.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that takes nothing while its gate is locked.
    #[derive(Clone, Default)]
    struct Gated {
        output: Arc<Mutex<Vec<u8>>>,
        gate: Arc<Mutex<()>>,
    }

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _open = self.gate.lock();
            self.output.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (LineSink, Gated) {
        let gated = Gated::default();
        (LineSink::start(gated.clone()).unwrap(), gated)
    }

    #[test]
    fn lines_of_many_threads_arrive_whole_and_complete() {
        let (sink, Gated { output, .. }) = gated();
        thread::scope(|scope| {
            for thread in 0..4 {
                let sink = sink.clone();
                scope.spawn(move || (0..5000).for_each(|n| sink.line(format!("{thread}:{n}").as_bytes())));
            }
        });
        sink.flush(Duration::from_secs(10));
        let text = String::from_utf8(output.lock().clone()).unwrap();
        for thread in 0..4 {
            let own: Vec<_> =
                text.lines().filter_map(|line| line.strip_prefix(&format!("{thread}:"))).collect();
            let expected: Vec<_> = (0..5000).map(|n| n.to_string()).collect();
            assert_eq!(own, expected);
        }
    }

    #[test]
    fn an_output_that_hangs_costs_a_bounded_buffer_and_no_waiting() {
        let (sink, Gated { output, gate }) = gated();
        let closed = gate.lock();
        let line = vec![b'x'; 1023];
        (0..3 * BUFFER_BYTES_MAX / 1024).for_each(|_| sink.line(&line));
        sink.flush(Duration::from_millis(20));
        assert!(sink.0.pending.lock().bytes.len() <= BUFFER_BYTES_MAX);
        drop(closed);
        sink.flush(Duration::from_secs(10));
        assert!(output.lock().len() <= 2 * BUFFER_BYTES_MAX);
        assert_eq!(output.lock().len() % 1024, 0);
    }

    #[test]
    fn closing_writes_what_is_pending_and_drops_what_comes_later() {
        let (sink, Gated { output, .. }) = gated();
        sink.line(b"before");
        sink.close(Duration::from_secs(10));
        sink.line(b"after");
        sink.flush(Duration::from_secs(10));
        assert_eq!(*output.lock(), b"before\n");
    }
}

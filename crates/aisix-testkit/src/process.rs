use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

use crate::deadline::{POLL_INTERVAL, eventually};

/// A child process whose output is collected, and which ends with its owner.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdout: Captured,
    stderr: Captured,
}

#[derive(Debug)]
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts `command` with both outputs captured and no input, in a process group of its own, so that a
    /// Ctrl-C at the terminal reaches its owner alone.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(mut command: Command) -> std::io::Result<Self> {
        use std::os::unix::process::CommandExt;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let stdout = Captured::from(child.stdout.take());
        let stderr = Captured::from(child.stderr.take());
        Ok(Self { child, stdout, stderr })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Asks it to end (SIGTERM). Nothing happens when it already has.
    pub fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Ends it without asking (SIGKILL), as a crash would.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
    }

    /// Waits until it has ended and all its output is here.
    pub async fn wait(&mut self) -> ExitStatus {
        let what = format!("process {} ends", self.id());
        let status = eventually(&what, async || self.ended()).await;
        self.collect();
        status
    }

    /// Asks it to end, kills it when it does not within `patience`, and collects what is left of its output.
    /// Blocks the thread: for the places that cannot wait otherwise, such as `Drop`.
    pub fn end(&mut self, patience: Duration) {
        self.terminate();
        let deadline = Instant::now() + patience;
        while self.ended().is_none() && Instant::now() < deadline {
            std::thread::sleep(POLL_INTERVAL);
        }
        self.kill();
        self.child.wait().expect("a child can be waited for");
        self.collect();
    }

    fn collect(&mut self) {
        self.stdout.finish();
        self.stderr.finish();
    }

    /// The id stays ours until the child is reaped, so the signal cannot reach a stranger.
    fn signal(&mut self, signal: Signal) {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        if let (None, Some(pid)) = (self.ended(), pid) {
            kill_process(pid, signal).expect("a living child can be signalled");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the child is gone, which is what they are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Captured {
    fn from(source: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = source.map(|source| std::thread::spawn(move || copy(source, &sink)));
        Self { bytes, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock()).into_owned()
    }

    fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
    }
}

fn copy(mut source: impl Read, sink: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = source.read(&mut buffer) {
        sink.lock().extend_from_slice(&buffer[..count]);
    }
}

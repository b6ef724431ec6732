//! Logs, written by one background thread so that no request ever waits for a terminal, a pipe or a disk.
//!
//! [`start`] makes a [`LineSink`] over any output, and [`Log::install`] sends what [`tracing`] records
//! there. Access-log lines go to the same sink, so that all lines of a process are in one order.

mod panic;
mod sink;

use std::io::Write;
use std::time::Duration;

use tracing::Dispatch;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

pub use tracing_subscriber::filter::LevelFilter;

pub use self::sink::LineSink;

/// How long ending a process may wait for lines to be written.
pub const FLUSH_TIME_MAX: Duration = Duration::from_secs(2);

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object each.
    Json,
    /// For a person.
    Text,
}

/// What to log.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How lines look.
    pub format: Format,
    /// The least important lines still written: `off`, `error`, `warn`, `info`, `debug`, `trace`.
    pub level: LevelFilter,
    /// What the names of the program's own crates begin with. Other crates are held to `info`, unless the
    /// level is `trace`.
    pub own_crates: &'static str,
}

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// No thread for writing.
    #[error("cannot start the log writer: {0}")]
    Thread(#[from] std::io::Error),
    /// A subscriber is installed already.
    #[error("the log is set up already")]
    Installed,
}

/// The log of this process. Dropping it writes what is still buffered.
#[derive(Debug)]
pub struct Log {
    sink: LineSink,
}

/// One event's bytes on their way to the sink.
#[derive(Debug)]
struct EventWriter(LineSink);

/// Starts the thread that writes to `output`.
///
/// # Errors
/// [`LogError::Thread`].
pub fn start(output: impl Write + Send + 'static) -> Result<Log, LogError> {
    Ok(Log { sink: LineSink::start(output)? })
}

// === impl Log ===

impl Log {
    /// Makes this the log of the whole process, panics included.
    ///
    /// # Errors
    /// [`LogError::Installed`].
    pub fn install(&self, options: Options) -> Result<(), LogError> {
        self.dispatch(options).try_init().map_err(|_| LogError::Installed)?;
        panic::install_hook(self.sink.clone());
        Ok(())
    }

    /// For lines that are not events: the access log.
    pub fn sink(&self) -> LineSink {
        self.sink.clone()
    }

    fn dispatch(&self, options: Options) -> Dispatch {
        let sink = self.sink.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || EventWriter(sink.clone()));
        let layer: Box<dyn Layer<Registry> + Send + Sync> = match options.format {
            Format::Json => layer.json().flatten_event(true).boxed(),
            Format::Text => layer.with_ansi(false).boxed(),
        };
        tracing_subscriber::registry().with(layer.with_filter(options.filter())).into()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.sink.close(FLUSH_TIME_MAX);
    }
}

// === impl Options ===

impl Options {
    fn filter(&self) -> Targets {
        let others =
            if self.level == LevelFilter::TRACE { self.level } else { self.level.min(LevelFilter::INFO) };
        Targets::new().with_default(others).with_target(self.own_crates, self.level)
    }
}

// === impl EventWriter ===

impl Write for EventWriter {
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        self.0.line(event.strip_suffix(b"\n").unwrap_or(event));
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

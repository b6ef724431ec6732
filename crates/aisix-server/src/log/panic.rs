use std::panic::{self, PanicHookInfo};
use std::thread;

use super::{FLUSH_TIME_MAX, LineSink};

/// Logs where a panic happened. Not what it said: a message may quote the value that caused it.
pub(super) fn install_hook(sink: LineSink) {
    panic::set_hook(Box::new(move |info| {
        record(info);
        sink.flush(FLUSH_TIME_MAX);
    }));
}

fn record(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    let thread = thread::current().name().map(ToOwned::to_owned);
    tracing::error!(location, thread, "a thread panicked");
}

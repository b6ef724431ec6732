//! Worker threads, each with a runtime, a socket and a service of its own.
//!
//! Nothing of a request crosses from one worker to another, so nothing is locked or woken across threads.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use futures_util::future::try_join_all;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::serve::{HttpBody, HttpService, Server};

/// The running threads.
#[derive(Debug)]
pub struct Workers {
    ended: Vec<oneshot::Receiver<io::Result<()>>>,
}

/// A worker thread ended although it was not told to.
#[derive(Debug, thiserror::Error)]
#[error("a worker thread ended unexpectedly")]
pub struct WorkerLost;

/// Starts one thread per listener. `factory` makes each worker's service, on that worker's thread and runtime.
///
/// # Errors
/// When the system grants no further thread or no event queue.
pub fn spawn<F, S, B>(listeners: Vec<TcpListener>, server: &Server, factory: F) -> io::Result<Workers>
where
    F: Fn(usize) -> S + Send + Sync + 'static,
    S: HttpService<B>,
    B: HttpBody,
{
    let factory = Arc::new(factory);
    let mut ended = Vec::with_capacity(listeners.len());
    for (index, listener) in listeners.into_iter().enumerate() {
        let (server, factory) = (server.clone(), factory.clone());
        let (done, end) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            let result = runtime.block_on(async move {
                let service = factory(index);
                server.serve(listener, service).await
            });
            // Requests that were cut off end here: they must have said so before the process goes on to end.
            runtime.shutdown_background();
            let _ = done.send(result);
        })?;
        ended.push(end);
    }
    Ok(Workers { ended })
}

// === impl Workers ===

impl Workers {
    /// Waits until every worker has drained, and nothing of its requests is left.
    ///
    /// # Errors
    /// [`WorkerLost`] as soon as one ended for another reason.
    pub async fn finished(self) -> Result<(), WorkerLost> {
        try_join_all(self.ended.into_iter().map(finished)).await.map(drop)
    }
}

async fn finished(end: oneshot::Receiver<io::Result<()>>) -> Result<(), WorkerLost> {
    match end.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(WorkerLost),
    }
}

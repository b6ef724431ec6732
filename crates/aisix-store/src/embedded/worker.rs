use std::path::PathBuf;
use std::thread;

use tokio::sync::{mpsc, oneshot, watch};

use super::database::{Database, create_private};
use crate::StoreError;

/// The most requests that wait for the thread; further ones wait to be queued.
const QUEUE_MAX: usize = 256;

/// The thread that owns the connection. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub(super) struct Worker {
    jobs: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The database, opened when it is needed.
struct Connection {
    path: PathBuf,
    database: Option<Database>,
    was_open: bool,
    head: watch::Sender<u64>,
}

impl Worker {
    /// `head` learns of this process's commits at once.
    pub(super) fn start(path: PathBuf, head: watch::Sender<u64>) -> Result<Self, StoreError> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE_MAX);
        let mut connection = Connection { path, database: None, was_open: false, head };
        let work = move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut connection);
            }
        };
        spawn("store-sqlite", work)?;
        Ok(Self { jobs })
    }

    /// Runs `request` on the thread. A request that was queued runs also when its caller is gone.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        request: impl FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| drop(answer.send(connection.run(request))));
        self.jobs.send(job).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

impl Connection {
    fn run<T>(
        &mut self,
        request: impl FnOnce(&mut Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = match self.database.take() {
            Some(database) if database.is_at(&self.path)? => database,
            Some(_) => Database::open(&self.path)?,
            None => self.open()?,
        };
        let database = self.database.insert(database);
        let before = database.newest_commit();
        let answer = request(database);
        if database.newest_commit() > before {
            announce(&self.head, database.newest_commit());
        }
        if let Err(StoreError::Failed(_) | StoreError::Unreachable(_)) = &answer {
            self.database = None;
        }
        answer
    }

    /// Only the first time the file may be missing.
    fn open(&mut self) -> Result<Database, StoreError> {
        if !self.was_open {
            create_private(&self.path)?;
        }
        let database = Database::open(&self.path)?;
        self.was_open = true;
        Ok(database)
    }
}

/// Tells watches of the newest revision.
pub(super) fn announce(head: &watch::Sender<u64>, revision: u64) {
    head.send_if_modified(|head| std::mem::replace(head, revision) != revision);
}

pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map(drop).map_err(|_| StoreError::Failed("no thread can be started".into()))
}

fn ended() -> StoreError {
    StoreError::Failed("its thread has ended".into())
}

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aisix_adapters::Origin;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;

use crate::client::{Connection, Pool};

/// The body of a request: there already, or arriving while it is sent.
#[derive(Debug)]
pub enum SendBody {
    /// All of it; empty once it was handed over.
    Whole(Bytes),
    /// A caller's body, passed on with back-pressure.
    Stream(BoxBody<Bytes, BodyError>),
}

/// The body of an answer. Dropping it before its end closes the connection, which tells the upstream to stop.
#[derive(Debug)]
pub struct RecvBody {
    incoming: Incoming,
    /// Absent once the connection went back to the pool or broke.
    connection: Option<Box<Connection>>,
    pool: Arc<Pool>,
    origin: Arc<Origin>,
}

/// A body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The upstream's connection broke.
    #[error("the upstream closed the connection in the middle of its answer")]
    Broken(#[source] hyper::Error),
    /// The answer is larger than can be collected.
    #[error("the upstream's answer is larger than the limit")]
    TooLarge,
    /// The caller's own body broke or grew too large.
    #[error("the caller's body ended early")]
    Caller,
}

impl RecvBody {
    pub(crate) fn new(
        incoming: Incoming,
        connection: Option<Box<Connection>>,
        pool: Arc<Pool>,
        origin: Arc<Origin>,
    ) -> Self {
        let mut body = Self { incoming, connection, pool, origin };
        if body.incoming.is_end_stream() {
            body.release(&mut Context::from_waker(Waker::noop()));
        }
        body
    }

    /// The whole body, when it has at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`], [`BodyError::Broken`].
    pub async fn collect(mut self, bytes_max: usize) -> Result<Bytes, BodyError> {
        let first = self.next_data(bytes_max).await?;
        let Some(first) = first else { return Ok(Bytes::new()) };
        // Most answers arrive in one piece, which needs no copy.
        let Some(second) = self.next_data(bytes_max - first.len()).await? else { return Ok(first) };
        let mut all = BytesMut::with_capacity((first.len() + second.len()) * 2);
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(more) = self.next_data(bytes_max - all.len()).await? {
            all.extend_from_slice(&more);
        }
        Ok(all.freeze())
    }

    async fn next_data(&mut self, bytes_max: usize) -> Result<Option<Bytes>, BodyError> {
        loop {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await;
            let Some(frame) = frame.transpose()? else { return Ok(None) };
            match frame.into_data() {
                Ok(data) if data.len() > bytes_max => return Err(BodyError::TooLarge),
                Ok(data) => return Ok(Some(data)),
                Err(_trailers) => {}
            }
        }
    }

    /// Hands the connection back for the next request, if it can carry one.
    fn release(&mut self, cx: &mut Context<'_>) {
        let Some(mut connection) = self.connection.take() else { return };
        // The connection notices the end of the answer only when it is polled once more.
        if connection.poll(cx).is_pending() && connection.is_ready() {
            self.pool.put(&self.origin, connection);
        }
    }
}

impl Body for RecvBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // Data comes from polling the connection, which happens right here: no one else has to wake us.
        let mut unwoken = Context::from_waker(Waker::noop());
        let mut driven = false;
        loop {
            match Pin::new(&mut self.incoming).poll_frame(&mut unwoken) {
                Poll::Ready(Some(Ok(frame))) => {
                    if self.incoming.is_end_stream() {
                        self.release(cx);
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                Poll::Ready(Some(Err(error))) => {
                    self.connection = None;
                    return Poll::Ready(Some(Err(BodyError::Broken(error))));
                }
                Poll::Ready(None) => {
                    self.release(cx);
                    return Poll::Ready(None);
                }
                Poll::Pending if driven => return Poll::Pending,
                Poll::Pending => {}
            }
            match self.connection.as_mut().map(|connection| connection.poll(cx)) {
                Some(Poll::Pending) => driven = true,
                // The connection is done; what it left in the body comes out without it.
                Some(Poll::Ready(())) => self.connection = None,
                None => return Poll::Pending,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Body for SendBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

//! 1 000 paced streams at once: does each arrive whole and in time, and what does it cost to hold it.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::client::{self, Connection};
use super::deployment::Gateway;
use super::lab::Lab;
use super::stats::{millis, percentile};
use super::table::{Bar, Table};
use super::upstream::{EVENTS, SENT_FIELD, Upstream};
use super::{chat, probe};

const STREAMS: usize = 1000;
/// The streams begin this far apart, so that all have begun long before the first ends.
const BEGIN_INTERVAL: Duration = Duration::from_micros(200);
/// A stream that ends later than this after the upstream's last event counts as late.
const END_DELAY_MAX: Duration = Duration::from_millis(100);
const STREAM_MAX: Duration = Duration::from_secs(30);
const EVENT_BYTES_MAX: usize = 1 << 16;

const FAULTS: Bar = Bar { at_most: 0.0, unit: " lost or late" };
const MEMORY: Bar = Bar { at_most: 32.0, unit: " KiB" };

/// What became of the streams of all rounds.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    streams: usize,
    pub(super) lost: usize,
    first_loss: Option<String>,
    /// How many streams of each round were open together.
    at_once: Vec<usize>,
    end_delays: Vec<Duration>,
    event_delays: Vec<Duration>,
}

/// One stream that arrived whole.
#[derive(Debug)]
struct Arrival {
    began_at: Instant,
    ended_at: Instant,
    end_delay: Duration,
    event_delays: Vec<Duration>,
}

/// Checks a stream while it arrives, in whatever pieces.
#[derive(Debug, Default)]
struct EventReader {
    pending: String,
    sent_at: Vec<Duration>,
    is_done: bool,
}

pub(super) fn measure(lab: &Lab, table: &mut Table) -> Result<()> {
    let upstream = Upstream::start()?;
    let gateway = Gateway::start(lab, upstream.addr)?;
    let streamed =
        client::runtime()?.block_on(one_stream(gateway.proxy_addr(), upstream.epoch, Duration::ZERO));
    streamed.context("a single stream does not arrive")?;
    let before_kib = probe::resident_kib(gateway.proxy_pid())?;
    probe::forget_peak(gateway.proxy_pid())?;
    let outcome = run(lab, gateway.proxy_addr(), upstream.epoch)?;
    let grown_kib = probe::peak_resident_kib(gateway.proxy_pid())?.saturating_sub(before_kib);
    let per_stream_kib = grown_kib as f64 / outcome.most_at_once() as f64;
    table.judged("1 000 paced streams", FAULTS, outcome.faults() as f64, outcome.to_string());
    table.judged("memory per stream", MEMORY, per_stream_kib, format!("{per_stream_kib:.1} KiB"));
    if let Some(loss) = outcome.first_loss {
        table.remark(format!("The first lost stream: {loss}."));
    }
    Ok(())
}

/// Runs all rounds against whatever listens at `target`.
pub(super) fn run(lab: &Lab, target: SocketAddr, epoch: Instant) -> Result<Outcome> {
    let runtime = client::runtime()?;
    let mut outcome = Outcome::default();
    for _ in 0..lab.effort.stream_rounds {
        outcome.add_round(runtime.block_on(round(target, epoch))?);
    }
    Ok(outcome)
}

async fn round(target: SocketAddr, epoch: Instant) -> Result<Vec<Result<Arrival>>> {
    let mut streams = JoinSet::new();
    for number in 0..STREAMS {
        streams.spawn(one_stream(target, epoch, BEGIN_INTERVAL * number as u32));
    }
    let mut ends = Vec::with_capacity(STREAMS);
    while let Some(end) = streams.join_next().await {
        ends.push(end?);
    }
    Ok(ends)
}

async fn one_stream(target: SocketAddr, epoch: Instant, begin_after: Duration) -> Result<Arrival> {
    sleep(begin_after).await;
    timeout(STREAM_MAX, whole_stream(target, epoch)).await.context("the stream did not end")?
}

async fn whole_stream(target: SocketAddr, epoch: Instant) -> Result<Arrival> {
    let mut connection = Connection::open(target).await?;
    let request = chat::request(chat::streamed_request_body(chat::ALIAS))?;
    let answer = connection.send(request).await?;
    ensure!(answer.status().is_success(), "status {}", answer.status());
    let began_at = Instant::now();
    let (reader, event_delays) = read_events(answer.into_body(), epoch).await?;
    let ended_at = Instant::now();
    let last_sent = reader.last_sent()?;
    let end_delay = (ended_at - epoch).saturating_sub(last_sent);
    Ok(Arrival { began_at, ended_at, end_delay, event_delays })
}

async fn read_events(mut body: Incoming, epoch: Instant) -> Result<(EventReader, Vec<Duration>)> {
    let mut reader = EventReader::default();
    let mut delays = Vec::with_capacity(EVENTS);
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let now = epoch.elapsed();
        let seen = reader.sent_at.len();
        reader.push(frame.data_ref().map_or(&[], |data| data))?;
        delays.extend(reader.sent_at[seen..].iter().map(|sent| now.saturating_sub(*sent)));
    }
    Ok((reader, delays))
}

// === impl EventReader ===

impl EventReader {
    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.pending.push_str(std::str::from_utf8(bytes)?);
        while let Some(end) = self.pending.find("\n\n") {
            let event: String = self.pending.drain(..end + 2).collect();
            self.event(event.trim_end())?;
        }
        ensure!(self.pending.len() <= EVENT_BYTES_MAX, "an event without an end");
        Ok(())
    }

    fn event(&mut self, event: &str) -> Result<()> {
        ensure!(!self.is_done, "an event after the end marker: {event}");
        if event == "data: [DONE]" {
            self.is_done = true;
            return Ok(());
        }
        ensure!(event.contains(chat::ALIAS), "an event without the alias: {event}");
        let sent = event.split_once(SENT_FIELD).and_then(|(_, rest)| rest.trim_end_matches('}').parse().ok());
        let Some(sent_us) = sent else { bail!("not one of the upstream's events: {event}") };
        self.sent_at.push(Duration::from_micros(sent_us));
        Ok(())
    }

    /// When the last event was sent, of a stream that is whole.
    fn last_sent(&self) -> Result<Duration> {
        ensure!(self.is_done, "no end marker after {} events", self.sent_at.len());
        ensure!(self.sent_at.len() == EVENTS, "{} events instead of {EVENTS}", self.sent_at.len());
        self.sent_at.last().copied().context("no events")
    }
}

// === impl Outcome ===

impl Outcome {
    fn add_round(&mut self, ends: Vec<Result<Arrival>>) {
        self.streams += ends.len();
        let mut arrivals = Vec::with_capacity(ends.len());
        for end in ends {
            match end {
                Ok(arrival) => arrivals.push(arrival),
                Err(loss) => self.add_loss(&loss),
            }
        }
        self.at_once.push(at_once(&arrivals));
        for arrival in arrivals {
            self.end_delays.push(arrival.end_delay);
            self.event_delays.extend(arrival.event_delays);
        }
    }

    fn add_loss(&mut self, loss: &anyhow::Error) {
        self.lost += 1;
        self.first_loss.get_or_insert_with(|| format!("{loss:#}"));
    }

    fn late(&self) -> usize {
        self.end_delays.iter().filter(|delay| **delay > END_DELAY_MAX).count()
    }

    /// A stream that could only begin when others had ended is as late as one that ends late.
    fn faults(&self) -> usize {
        (self.lost + self.late()).max(STREAMS - self.fewest_at_once())
    }

    fn fewest_at_once(&self) -> usize {
        self.at_once.iter().copied().min().unwrap_or_default()
    }

    fn most_at_once(&self) -> usize {
        self.at_once.iter().copied().max().unwrap_or_default()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lost, late, at_once) = (self.lost, self.late(), self.fewest_at_once());
        let end_p99 = millis(percentile(&self.end_delays, 0.99));
        let event_p99 = millis(percentile(&self.event_delays, 0.99));
        write!(f, "{lost} lost, {late} late of {} ({at_once} at once); ", self.streams)?;
        write!(f, "p99: event after {event_p99:.1} ms, end after {end_p99:.1} ms")
    }
}

/// How many streams were still open when the last one began.
fn at_once(arrivals: &[Arrival]) -> usize {
    let last_begin = arrivals.iter().map(|arrival| arrival.began_at).max();
    let Some(last_begin) = last_begin else { return 0 };
    arrivals.iter().filter(|arrival| arrival.ended_at >= last_begin).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(sent_us: usize) -> String {
        format!("data: {{\"model\":\"{}\",{SENT_FIELD}{sent_us}}}\n\n", chat::ALIAS)
    }

    #[test]
    fn a_whole_stream_is_recognised_in_any_pieces() {
        let text = (1..=EVENTS).map(event).collect::<String>() + "data: [DONE]\n\n";
        for piece in [1, 7, text.len()] {
            let mut reader = EventReader::default();
            text.as_bytes().chunks(piece).for_each(|piece| reader.push(piece).unwrap());
            assert_eq!(reader.last_sent().unwrap(), Duration::from_micros(EVENTS as u64));
        }
    }

    #[test]
    fn a_missing_event_end_or_alias_is_a_loss() {
        let mut reader = EventReader::default();
        reader.push(event(1).as_bytes()).unwrap();
        assert!(reader.last_sent().unwrap_err().to_string().starts_with("no end marker"));
        reader.push(b"data: [DONE]\n\n").unwrap();
        assert_eq!(reader.last_sent().unwrap_err().to_string(), "1 events instead of 64");
        assert!(reader.push(event(2).as_bytes()).is_err());
        assert!(EventReader::default().push(b"data: {\"sent_us\":1}\n\n").is_err());
    }
}

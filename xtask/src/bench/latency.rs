//! What a proxy adds to one request at a time, beside what nginx adds.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::chat;
use super::client::{self, Connection};
use super::deployment::Gateway;
use super::lab::{Effort, Lab};
use super::nginx::{Nginx, Relay};
use super::stats::{Spread, micros, percentile};
use super::table::{Bar, Table};

const RATIO: Bar = Bar { at_most: 1.7, unit: "" };

/// The same upstream reached three ways.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    pub(super) direct: SocketAddr,
    pub(super) baseline: SocketAddr,
    pub(super) candidate: SocketAddr,
}

/// The latency that the candidate adds over the latency that the baseline adds, round by round.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) ratio: Spread,
    direct_us: Spread,
    baseline_us: Spread,
    candidate_us: Spread,
}

pub(super) fn measure(lab: &Lab, table: &mut Table) -> Result<()> {
    let upstream = Nginx::static_upstream(lab)?;
    let nginx = Nginx::proxy(lab, upstream.addr, Relay::Buffered)?;
    let gateway = Gateway::start(lab, upstream.addr)?;
    let ways = Ways { direct: upstream.addr, baseline: nginx.addr, candidate: gateway.proxy_addr() };
    let comparison = compare(lab, ways)?;
    table.judged("added latency p50 ÷ nginx", RATIO, comparison.ratio.median, comparison.ratio.to_string());
    table.remark(format!(
        "Latency p50 at one connection: direct {} µs, through nginx {} µs, through aisix-proxy {} µs.",
        comparison.direct_us, comparison.baseline_us, comparison.candidate_us
    ));
    Ok(())
}

pub(super) fn compare(lab: &Lab, ways: Ways) -> Result<Comparison> {
    client::runtime()?.block_on(rounds(lab.effort, ways))
}

async fn rounds(effort: Effort, ways: Ways) -> Result<Comparison> {
    let mut direct = Connection::open(ways.direct).await?;
    let mut baseline = Connection::open(ways.baseline).await?;
    let mut candidate = Connection::open(ways.candidate).await?;
    let mut medians: [Vec<f64>; 3] = Default::default();
    for round in 0..=effort.latency_rounds {
        for (connection, medians) in
            [&mut direct, &mut baseline, &mut candidate].into_iter().zip(&mut medians)
        {
            let median = median_us(connection, effort.latency_requests_per_round).await?;
            // The first round fills connection pools and caches.
            if round > 0 {
                medians.push(median);
            }
        }
    }
    let [direct, baseline, candidate] = medians;
    let added = direct.iter().zip(&baseline).zip(&candidate).map(|((d, b), c)| (c - d) / (b - d));
    Ok(Comparison {
        ratio: Spread::of(added.collect()),
        direct_us: Spread::of(direct),
        baseline_us: Spread::of(baseline),
        candidate_us: Spread::of(candidate),
    })
}

async fn median_us(connection: &mut Connection, requests: usize) -> Result<f64> {
    let body = chat::request_body(chat::ALIAS);
    let mut sample = Vec::with_capacity(requests);
    for _ in 0..requests {
        sample.push(timed(connection, &body).await?);
    }
    Ok(micros(percentile(&sample, 0.5)))
}

async fn timed(connection: &mut Connection, body: &str) -> Result<Duration> {
    let request = chat::request(body.to_owned())?;
    let sent_at = Instant::now();
    let answer = connection.exchange(request).await?;
    let took = sent_at.elapsed();
    answer.success()?;
    Ok(took)
}

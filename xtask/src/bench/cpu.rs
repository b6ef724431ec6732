//! CPU time per request, beside nginx doing the same work.

use std::net::SocketAddr;

use anyhow::Result;

use super::deployment::Gateway;
use super::lab::Lab;
use super::nginx::{Nginx, Relay};
use super::stats::{Spread, micros};
use super::table::{Bar, Table};
use super::{probe, wrk};

const RATIO: Bar = Bar { at_most: 1.5, unit: " (aim for 1.15)" };

/// A process and where it listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) addr: SocketAddr,
    pub(super) pid: u32,
}

/// The candidate's CPU per request over the baseline's, round by round.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) ratio: Spread,
    baseline: Vec<Sample>,
    candidate: Vec<Sample>,
}

/// One run of the load generator against one target.
#[derive(Clone, Copy, Debug)]
struct Sample {
    cpu_us_per_request: f64,
    requests_per_second: f64,
}

pub(super) fn measure(lab: &Lab, table: &mut Table) -> Result<()> {
    let upstream = Nginx::static_upstream(lab)?;
    let nginx = Nginx::proxy(lab, upstream.addr, Relay::Buffered)?;
    let gateway = Gateway::start(lab, upstream.addr)?;
    let comparison = compare(lab, nginx.target(), gateway.target())?;
    table.judged("CPU per request ÷ nginx", RATIO, comparison.ratio.median, comparison.ratio.to_string());
    table.remark(format!("CPU per request, nginx: {}.", shown(&comparison.baseline)));
    table.remark(format!("CPU per request, aisix-proxy: {}.", shown(&comparison.candidate)));
    Ok(())
}

pub(super) fn compare(lab: &Lab, baseline: Target, candidate: Target) -> Result<Comparison> {
    for target in [baseline, candidate] {
        sample(lab, target)?; // fills connection pools and caches; not counted
    }
    let (mut of_baseline, mut of_candidate) = (Vec::new(), Vec::new());
    for round in 0..lab.effort.cpu_rounds {
        // Every other round the other way round, so that a drift of the machine favours neither.
        let (on_baseline, on_candidate) = if round % 2 == 0 {
            let first = sample(lab, baseline)?;
            (first, sample(lab, candidate)?)
        } else {
            let first = sample(lab, candidate)?;
            (sample(lab, baseline)?, first)
        };
        of_baseline.push(on_baseline);
        of_candidate.push(on_candidate);
    }
    let ratios =
        of_baseline.iter().zip(&of_candidate).map(|(b, c)| c.cpu_us_per_request / b.cpu_us_per_request);
    let ratio = Spread::of(ratios.collect());
    Ok(Comparison { ratio, baseline: of_baseline, candidate: of_candidate })
}

fn sample(lab: &Lab, target: Target) -> Result<Sample> {
    let before = probe::cpu_time(target.pid)?;
    let summary = wrk::run(lab, target.addr, lab.effort.wrk_run)?;
    let spent = probe::cpu_time(target.pid)? - before;
    Ok(Sample {
        cpu_us_per_request: micros(spent) / summary.requests as f64,
        requests_per_second: summary.requests as f64 / summary.elapsed.as_secs_f64(),
    })
}

fn shown(samples: &[Sample]) -> String {
    let cpu = Spread::of(samples.iter().map(|sample| sample.cpu_us_per_request).collect());
    let rate = Spread::of(samples.iter().map(|sample| sample.requests_per_second).collect());
    format!("{cpu} µs at {:.0} requests per second", rate.median)
}

// === impl Nginx ===

impl Nginx {
    pub(super) fn target(&self) -> Target {
        Target { addr: self.addr, pid: self.pid() }
    }
}

// === impl Gateway ===

impl Gateway {
    fn target(&self) -> Target {
        Target { addr: self.proxy_addr(), pid: self.proxy_pid() }
    }
}

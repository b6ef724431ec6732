//! The same measurements without the product: a ratio here that is not 1 is this machine's noise.

use anyhow::{Result, ensure};

use super::lab::Lab;
use super::latency::{self, Ways};
use super::nginx::{Nginx, Relay};
use super::table::Table;
use super::upstream::Upstream;
use super::{cpu, streams};

pub(super) fn measure(lab: &Lab, table: &mut Table) -> Result<()> {
    nginx_beside_itself(lab, table)?;
    streams_without_the_product(lab, table)
}

fn nginx_beside_itself(lab: &Lab, table: &mut Table) -> Result<()> {
    let upstream = Nginx::static_upstream(lab)?;
    let baseline = Nginx::proxy(lab, upstream.addr, Relay::Buffered)?;
    let candidate = Nginx::proxy(lab, upstream.addr, Relay::Buffered)?;
    let cpu = cpu::compare(lab, baseline.target(), candidate.target())?;
    table.control("nginx's CPU per request ÷ its own", cpu.ratio.to_string());
    let ways = Ways { direct: upstream.addr, baseline: baseline.addr, candidate: candidate.addr };
    let latency = latency::compare(lab, ways)?;
    table.control("nginx's added latency p50 ÷ its own", latency.ratio.to_string());
    Ok(())
}

fn streams_without_the_product(lab: &Lab, table: &mut Table) -> Result<()> {
    let upstream = Upstream::start()?;
    let direct = streams::run(lab, upstream.addr, upstream.epoch)?;
    ensure!(direct.lost == 0, "streams are lost without a proxy between: {direct}");
    table.control("1 000 paced streams, direct", direct.to_string());
    let nginx = Nginx::proxy(lab, upstream.addr, Relay::Streamed)?;
    let through_nginx = streams::run(lab, nginx.addr, upstream.epoch)?;
    table.control("1 000 paced streams, through nginx", through_nginx.to_string());
    Ok(())
}

//! `cargo xtask bench`: the product measured beside nginx, on this machine, in one run.
//!
//! Every figure that depends on the machine is a ratio to nginx doing the same work in the same minute.
//! A missed bar is a result, not a failure: only a measurement that could not be made ends with an error.

mod admin;
mod build;
mod chat;
mod client;
mod control;
mod cpu;
mod deployment;
mod etcd;
mod lab;
mod latency;
mod machine;
mod memory;
mod nginx;
mod probe;
mod process;
mod propagation;
mod scale;
mod startup;
mod stats;
mod streams;
mod table;
mod upstream;
mod wrk;

use std::fs;

use anyhow::{Context, Result};
use clap::ValueEnum;

use self::lab::Lab;
use self::machine::Machine;
use self::table::Table;

/// What `cargo xtask bench` takes on its command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A short run that shows whether everything works; its figures are not to be quoted.
    #[arg(long)]
    quick: bool,
    /// Only this measurement; may be repeated.
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Measure>,
}

/// One measurement, as `--only` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Nginx against itself and streams without the product: how far this machine's own noise reaches.
    Control,
    /// CPU per request beside nginx.
    Cpu,
    /// Added latency at one connection beside nginx.
    Latency,
    /// 1 000 paced streams at once.
    Streams,
    /// Resident memory, idle and after load.
    Memory,
    /// Propagation of a change, and start to ready, at 10 000 models on both stores.
    Scale,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if cfg!(debug_assertions) {
        return build::rerun_optimised();
    }
    probe::raise_open_files_limit()?;
    let lab = Lab::new(args.quick)?;
    let machine = Machine::read()?;
    let mut table = Table::default();
    for measure in selected(&args.only) {
        eprintln!("bench: {measure:?} …");
        measure
            .run(&lab, &mut table)
            .with_context(|| format!("the measurement {measure:?} could not be made"))?;
    }
    let report = format!("{}\n{machine}\n{table}", lab.effort);
    println!("{report}");
    fs::write(lab.report_path(), report).context("the report could not be written")?;
    println!("written to {}", lab.report_path().display());
    Ok(())
}

fn selected(only: &[Measure]) -> Vec<Measure> {
    if only.is_empty() { Measure::value_variants().to_vec() } else { only.to_vec() }
}

// === impl Measure ===

impl Measure {
    fn run(self, lab: &Lab, table: &mut Table) -> Result<()> {
        match self {
            Self::Control => control::measure(lab, table),
            Self::Cpu => cpu::measure(lab, table),
            Self::Latency => latency::measure(lab, table),
            Self::Streams => streams::measure(lab, table),
            Self::Memory => memory::measure(lab, table),
            Self::Scale => scale::measure(lab, table),
        }
    }
}

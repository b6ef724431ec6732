use std::path::PathBuf;

use aisix_server::exit::Failure;
use clap::{Arg, ArgMatches, Command, value_parser};

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// The configuration file.
    pub config: PathBuf,
    /// Only say whether the configuration can be used.
    pub check: bool,
}

/// Reads the command line of the service `name`. `--help` and `--version` are answered here: then there is
/// nothing left to do, and `None` comes back.
///
/// # Errors
/// A usage failure.
pub fn arguments(name: &'static str, about: &'static str) -> Result<Option<Arguments>, Failure> {
    match command(name, about).try_get_matches() {
        Ok(matches) => Ok(Some(Arguments::from(&matches))),
        Err(error) if error.use_stderr() => Err(Failure::usage(error)),
        Err(help) => help.print().map(|()| None).map_err(Failure::software),
    }
}

fn command(name: &'static str, about: &'static str) -> Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .global(true)
        .default_value("./config.yaml")
        .value_parser(value_parser!(PathBuf))
        .help("The configuration file; both services read the same one");
    let check = Command::new("check").about("Say whether the configuration can be used, and exit");
    Command::new(name).version(env!("CARGO_PKG_VERSION")).about(about).arg(config).subcommand(check)
}

impl From<&ArgMatches> for Arguments {
    fn from(matches: &ArgMatches) -> Self {
        let config = matches.get_one::<PathBuf>("config").cloned().unwrap_or_default();
        Self { config, check: matches.subcommand_name() == Some("check") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, clap::Error> {
        let matches = command("aisix-test", "a test").try_get_matches_from(line.split(' '))?;
        Ok(Arguments::from(&matches))
    }

    #[test]
    fn the_file_may_stand_on_either_side_of_the_verb() {
        let expected = Arguments { config: "a.yaml".into(), check: true };
        assert_eq!(read("x --config a.yaml check").unwrap(), expected);
        assert_eq!(read("x check --config a.yaml").unwrap(), expected);
        assert_eq!(read("x").unwrap(), Arguments { config: "./config.yaml".into(), check: false });
        assert!(read("x serve").is_err());
    }
}

use std::future::Future;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aisix_config::{Config, Connections, ListenerTls, LogFormat, LogLevel, Service};
use aisix_server::config_file;
use aisix_server::exit::Failure;
use aisix_server::log::{self, Format, LevelFilter, LineSink, Log};
use aisix_server::serve::{Limits, Server};
use aisix_server::shutdown::{Drain, DrainLimits, Shutdown, Signals};
use aisix_server::tls::{Pem, Tls, TlsError};
use aisix_store::Store;
use tokio::runtime::Runtime;

use crate::{Arguments, store};

/// Variables that override a value of the file begin with it.
const VARIABLE_PREFIX: &str = "AISIX_";

/// A process that has read its configuration and writes its log.
#[derive(Debug)]
pub struct Boot {
    /// The configuration.
    pub config: Config,
    log: Log,
}

impl Boot {
    /// Reads and checks the configuration, and starts the log. `None` when the command line asked for the
    /// check only, which has succeeded.
    ///
    /// # Errors
    /// A usage failure that names the place in the file.
    pub fn new(arguments: &Arguments, service: Service) -> Result<Option<Self>, Failure> {
        let loaded = config_file::load::<Config>(&arguments.config, VARIABLE_PREFIX, std::env::vars_os())?;
        loaded.value.check(service).map_err(|problem| loaded.problem(&problem.path, &problem.message))?;
        let config = loaded.value;
        if arguments.check {
            listener_tls(config.proxy.tls.as_ref(), "proxy")?;
            listener_tls(config.admin.tls.as_ref(), "admin")?;
            return Ok(None);
        }
        // Libraries that ask for "the" provider of cryptography find the one there is.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let log = log::start(io::stdout())?;
        log.install(log_options(&config))?;
        Ok(Some(Self { config, log }))
    }

    /// Where access-log lines go, if they are wanted.
    pub fn access_log(&self) -> Option<LineSink> {
        self.config.observability.access_log.then(|| self.log.sink())
    }

    /// The store that the configuration names. It may be away.
    ///
    /// # Errors
    /// When its TLS files cannot be read or the process can start no more threads.
    pub fn open_store(&self) -> Result<Arc<dyn Store>, Failure> {
        store::open(&self.config)
    }

    /// How a listener serves, with certificates that are read again when their files change.
    ///
    /// # Errors
    /// When the TLS files cannot be used.
    pub fn server(
        &self,
        section: &'static str,
        connections: &Connections,
        tls: Option<&ListenerTls>,
        shutdown: &Shutdown,
    ) -> Result<Server, Failure> {
        let tls = listener_tls(tls, section)?;
        if let Some(tls) = tls.clone() {
            tokio::spawn(tls.follow());
        }
        Ok(Server::new(limits(connections), tls, shutdown.clone()))
    }

    /// Ends the process in order once a signal asks for it. Must be called on a runtime.
    ///
    /// # Errors
    /// When the system refuses signal handlers.
    pub fn drain(&self, drain: Drain) -> Result<impl Future<Output = ()> + Send + use<>, Failure> {
        let signals = Signals::install().map_err(Failure::software)?;
        let limits =
            DrainLimits { min: self.config.shutdown.drain_min(), max: self.config.shutdown.drain_max() };
        Ok(drain.run(limits, signals))
    }
}

/// Runs a service's `main` on `runtime` and turns its end into an exit code.
pub fn runtime(runtime: io::Result<Runtime>, main: impl Future<Output = Result<(), Failure>>) -> ExitCode {
    let result = runtime.map_err(Failure::software).and_then(|runtime| {
        let result = runtime.block_on(main);
        // What still runs in the background must not delay the end.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn limits(connections: &Connections) -> Limits {
    Limits {
        connections_max: connections.max,
        header_bytes_max: connections.header_limit_bytes,
        header_timeout: Duration::from_millis(connections.header_timeout_ms),
        idle_timeout: Duration::from_millis(connections.idle_timeout_ms),
        write_timeout: Duration::from_millis(connections.write_timeout_ms),
        streams_max: connections.streams_max,
    }
}

fn log_options(config: &Config) -> log::Options {
    let observability = &config.observability;
    let format = match observability.log_format {
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    };
    let level = match observability.log_level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    log::Options { format, level, own_crates: "aisix" }
}

fn listener_tls(tls: Option<&ListenerTls>, section: &'static str) -> Result<Option<Tls>, Failure> {
    let Some(files) = tls.cloned() else { return Ok(None) };
    let read = move || {
        let certificates = read(&files.cert_file, section, "cert_file")?;
        Ok(Pem { certificates, key: read(&files.key_file, section, "key_file")? })
    };
    Ok(Some(Tls::new(read)?))
}

fn read(path: &Path, section: &str, key: &str) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path)
        .map_err(|cause| TlsError::Read { file: format!("{section}.tls.{key} ({})", path.display()), cause })
}

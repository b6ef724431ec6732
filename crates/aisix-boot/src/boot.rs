use std::fmt::Display;
use std::future::Future;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aisix_config::{Config, Connections, LogFormat, LogLevel, Service};
use aisix_server::config_file::{self, ConfigError, Loaded};
use aisix_server::exit::Failure;
use aisix_server::log::{self, Format, LevelFilter, LineSink, Log};
use aisix_server::serve::{Limits, Server};
use aisix_server::shutdown::{Drain, DrainLimits, Shutdown, Signals};
use aisix_server::tls::{Pem, Tls, TlsError};
use aisix_store::Store;
use tokio::runtime::Runtime;

use crate::Arguments;
use crate::store::{self, Prepared};

/// Variables that override a value of the file begin with it.
const VARIABLE_PREFIX: &str = "AISIX_";

/// The configuration, read and checked with the files that it names. Nothing has been started.
#[derive(Debug)]
pub struct Settings {
    loaded: Loaded<Config>,
    store: Prepared,
    tls: Option<Tls>,
    check_only: bool,
}

/// A process that has its configuration and writes its log.
#[derive(Debug)]
pub struct Boot {
    /// The configuration.
    pub config: Config,
    tls: Option<Tls>,
    store: Prepared,
    log: Log,
}

// === impl Settings ===

impl Settings {
    /// Reads the configuration and the files that `service` needs.
    ///
    /// # Errors
    /// A usage failure that names the place in the file.
    pub fn load(arguments: &Arguments, service: Service) -> Result<Self, Failure> {
        let variables = std::env::vars_os();
        let loaded = config_file::load::<Config>(
            &arguments.config,
            VARIABLE_PREFIX,
            service.unneeded_sections(),
            variables,
        )?;
        loaded.value.check(service).map_err(|problem| loaded.problem(&problem.path, &problem.message))?;
        let store = store::prepare(&loaded)?;
        let tls = listener_tls(&loaded, service)?;
        Ok(Self { loaded, store, tls, check_only: arguments.check })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.loaded.value
    }

    /// The file that the value at `path` names, made into something by `parse`.
    ///
    /// # Errors
    /// A usage failure that names the place in the configuration.
    pub fn with_file<T, E: Display>(
        &self,
        path: &str,
        file: Option<&Path>,
        parse: impl FnOnce(Option<&[u8]>) -> Result<T, E>,
    ) -> Result<T, Failure> {
        let bytes = file.map(|file| read(file, "the file")).transpose();
        let parsed = bytes
            .map_err(|error| error.to_string())
            .and_then(|bytes| parse(bytes.as_deref()).map_err(|error| error.to_string()));
        parsed.map_err(|message| self.loaded.problem(path, &message).into())
    }

    /// Starts the log. `None` when the command line asked for the check only, which has succeeded.
    ///
    /// # Errors
    /// When the system grants no thread for the log.
    pub fn start(self) -> Result<Option<Boot>, Failure> {
        if self.check_only {
            return Ok(None);
        }
        // Libraries that ask for "the" provider of cryptography find the one there is.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config = self.loaded.value;
        let log = log::start(io::stdout())?;
        log.install(log_options(&config))?;
        Ok(Some(Boot { config, tls: self.tls, store: self.store, log }))
    }
}

// === impl Boot ===

impl Boot {
    /// Where access-log lines go, if they are wanted.
    pub fn access_log(&self) -> Option<LineSink> {
        self.config.observability.access_log.then(|| self.log.sink())
    }

    /// The store that the configuration names. It may be away.
    ///
    /// # Errors
    /// When the process can start no more threads.
    pub fn open_store(&self) -> Result<Arc<dyn Store>, Failure> {
        self.store.open()
    }

    /// How the service's listener serves, with certificates that are read again when their files change. Must
    /// be called on a runtime.
    pub fn server(&self, connections: &Connections, shutdown: &Shutdown) -> Server {
        if let Some(tls) = self.tls.clone() {
            tokio::spawn(tls.follow());
        }
        Server::new(limits(connections), self.tls.clone(), shutdown.clone())
    }

    /// How a listener without TLS serves: the one for metrics and status.
    pub fn plain_server(&self, shutdown: &Shutdown) -> Server {
        Server::new(limits(&Connections::default()), None, shutdown.clone())
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

fn listener_tls(loaded: &Loaded<Config>, service: Service) -> Result<Option<Tls>, ConfigError> {
    let config = &loaded.value;
    let (files, section) = match service {
        Service::Admin => (&config.admin.tls, "admin.tls"),
        Service::Proxy => (&config.proxy.tls, "proxy.tls"),
    };
    let Some(files) = files.clone() else { return Ok(None) };
    let pem = move || {
        let certificates = read(&files.cert_file, "cert_file")?;
        Ok(Pem { certificates, key: read(&files.key_file, "key_file")? })
    };
    Tls::new(pem).map(Some).map_err(|error| loaded.problem(section, &error.to_string()))
}

pub(crate) fn read(path: &Path, what: &str) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|cause| TlsError::Read { file: format!("{what} {}", path.display()), cause })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What `check` says about a file of this text: the place without the directory, and the problem.
    fn checked(service: Service, yaml: &str) -> Result<(), String> {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config.yaml");
        fs::write(&config, yaml.replace("DIR", &directory.path().display().to_string())).unwrap();
        fs::write(directory.path().join("broken.pem"), "no certificate").unwrap();
        let settings = Settings::load(&Arguments { config, check: true }, service);
        let prefix = format!("{}/", directory.path().display());
        settings.map(drop).map_err(|failure| failure.message().replace(&prefix, ""))
    }

    #[test]
    fn a_store_section_without_a_key_does_not_select_the_other_store() {
        for (yaml, place) in [("etcd:\n", "1:5"), ("etcd: {}\n", "1:7")] {
            let problem = checked(Service::Proxy, yaml).unwrap_err();
            assert!(problem.starts_with(&format!("config.yaml:{place}: etcd.endpoints: needs")), "{problem}");
            assert!(problem.contains("remove the whole section"), "{problem}");
        }
    }

    #[test]
    fn a_tls_section_without_a_key_does_not_turn_tls_off() {
        let problem = checked(Service::Proxy, "proxy:\n  tls:\n").unwrap_err();
        assert!(problem.contains("proxy.tls.cert_file is missing"), "{problem}");
    }

    #[test]
    fn a_service_needs_the_variables_of_its_own_sections_only() {
        let admin = "admin: {admin_keys: [\"${AISIX_TEST_UNSET}\"]}";
        checked(Service::Proxy, admin).unwrap();
        assert!(checked(Service::Admin, admin).unwrap_err().contains("AISIX_TEST_UNSET is not set"));
        let proxy = "admin: {admin_keys: [a-key-of-the-test]}\nproxy: {addr: \"${AISIX_TEST_UNSET}\"}";
        checked(Service::Admin, proxy).unwrap();
        assert!(checked(Service::Proxy, proxy).unwrap_err().contains("AISIX_TEST_UNSET is not set"));
    }

    #[test]
    fn files_that_cannot_be_used_are_found_by_the_check_with_their_place() {
        let cases = [
            (
                "proxy:\n  tls:\n    cert_file: DIR/absent.pem\n    key_file: k\n",
                "config.yaml:3:5: proxy.tls: cert_file absent.pem: cannot be read: ",
            ),
            (
                "proxy:\n  tls:\n    cert_file: DIR/broken.pem\n    key_file: DIR/broken.pem\n",
                "config.yaml:3:5: proxy.tls: cert_file holds no PEM certificate",
            ),
            (
                "etcd:\n  endpoints: [\"https://e:1\"]\n  tls:\n    ca_file: DIR/absent.pem\n",
                "config.yaml:4:5: etcd.tls: ca_file absent.pem: cannot be read: ",
            ),
            (
                "etcd:\n  endpoints: [\"https://e:1\"]\n  tls:\n    ca_file: DIR/broken.pem\n",
                "config.yaml:4:5: etcd.tls: ca_file holds no PEM certificate",
            ),
        ];
        for (yaml, expected) in cases {
            let problem = checked(Service::Proxy, yaml).unwrap_err();
            assert!(problem.starts_with(expected), "{problem}");
        }
    }
}

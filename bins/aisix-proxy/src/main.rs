//! The data plane as a process: configuration → mirror of the store → proxy → listeners.

use std::convert::Infallible;
use std::future::ready;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aisix_boot::{Settings, arguments, runtime};
use aisix_config::{Config, Service};
use aisix_proxy::upstream::{Client, ClientOptions, client_config};
use aisix_proxy::{Gateway, GatewayOptions, LineWriter, Proxy, StatusService, UrlPolicy};
use aisix_server::exit::Failure;
use aisix_server::log::LineSink;
use aisix_server::shutdown::{self, Shutdown};
use aisix_server::{listen, memory, workers};
use aisix_store::Mirror;
use futures_util::FutureExt;
use hyper::service::service_fn;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often connections to upstreams are looked through for idle ones.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    memory::avoid_huge_pages();
    // Requests are served by worker threads; this one follows the store and answers status requests.
    let main_runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime(main_runtime, run())
}

async fn run() -> Result<(), Failure> {
    let about = "Serves callers: resolves model aliases and speaks to upstreams";
    let Some(arguments) = arguments("aisix-proxy", about)? else { return Ok(()) };
    let settings = Settings::load(&arguments, Service::Proxy)?;
    let client_options = client_options(&settings)?;
    let Some(boot) = settings.start()? else { return Ok(()) };
    let config = &boot.config;

    let listeners = listen::bind_shared("proxy.addr", config.proxy.addr, config.proxy.worker_count())?;
    let status_listener = listen::bind("status.addr", config.status.addr)?;
    let addr = listeners.first().map(listen::bound).transpose()?;
    let status_addr = listen::bound(&status_listener)?;
    let (drain, shutdown) = shutdown::channel();
    let server = boot.server(&config.proxy.connections, &shutdown);
    // It answers for as long as requests are still running, whatever the phase.
    let status_server = boot.plain_server(&Shutdown::never());

    let access_log = boot.access_log().map(|sink| Arc::new(AccessLog(sink)) as Arc<dyn LineWriter>);
    let gateway = Gateway::new(gateway_options(config), access_log, shutdown.draining_flag());
    let _mirror = Mirror::start(boot.open_store()?, vec![gateway.clone()]);

    let status = StatusService::new(gateway.clone());
    tokio::spawn(status_server.serve(
        status_listener,
        service_fn(move |request| ready(Ok::<_, Infallible>(status.handle(&request)))),
    ));
    let workers = workers::spawn(listeners, &server, move |_| {
        let proxy = Proxy::new(gateway.clone(), swept_client(client_options.clone()));
        service_fn(move |request| proxy.handle(request).map(Ok::<_, Infallible>))
    });
    let workers = workers.map_err(Failure::software)?;
    tracing::info!(addr = addr.map(display), %status_addr, "the proxy listens");
    tokio::spawn(boot.drain(drain)?);
    workers.finished().await.map_err(Failure::software)
}

/// A client whose idle connections are closed in time; for the worker's own runtime.
fn swept_client(options: ClientOptions) -> Client {
    let client = Client::new(options);
    let swept = client.clone();
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(SWEEP_INTERVAL);
        loop {
            interval.tick().await;
            swept.sweep();
        }
    });
    client
}

fn gateway_options(config: &Config) -> GatewayOptions {
    let upstream = &config.upstream;
    GatewayOptions {
        request_body_bytes_max: config.proxy.request_body_limit_bytes,
        first_byte_timeout: Duration::from_millis(upstream.first_byte_timeout_ms),
        idle_timeout: Duration::from_millis(upstream.idle_timeout_ms),
        url_policy: UrlPolicy { allow_insecure_http: upstream.allow_insecure_http },
    }
}

fn client_options(settings: &Settings) -> Result<ClientOptions, Failure> {
    let upstream = &settings.config().upstream;
    let tls = settings.with_file("upstream.ca_file", upstream.ca_file.as_deref(), client_config)?;
    Ok(ClientOptions {
        connect_timeout: Duration::from_millis(upstream.connect_timeout_ms),
        idle_timeout: Duration::from_millis(upstream.idle_connection_timeout_ms),
        idle_per_origin_max: upstream.idle_connections_max,
        tls,
    })
}

/// The process's log, for lines of requests.
struct AccessLog(LineSink);

impl LineWriter for AccessLog {
    fn line(&self, line: &[u8]) {
        self.0.line(line);
    }
}

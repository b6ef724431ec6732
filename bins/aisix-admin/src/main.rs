//! The control plane as a process: configuration → store and its mirror → admin API → listener.

use std::process::ExitCode;
use std::sync::Arc;

use aisix_admin::{Admin, AdminOptions, UrlPolicy, router};
use aisix_boot::{Settings, arguments, runtime};
use aisix_config::{ADMIN_KEY_CHARS_ADVISED, Config, Service};
use aisix_server::exit::Failure;
use aisix_server::{listen, memory, shutdown};
use aisix_store::{Mirror, Store};
use hyper_util::service::TowerToHyperService;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const THREADS: usize = 2;

fn main() -> ExitCode {
    memory::avoid_huge_pages();
    let main_runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
    runtime(main_runtime, run())
}

async fn run() -> Result<(), Failure> {
    let about = "Serves operators: manages provider keys, models and caller keys";
    let Some(arguments) = arguments("aisix-admin", about)? else { return Ok(()) };
    let Some(boot) = Settings::load(&arguments, Service::Admin)?.start()? else { return Ok(()) };
    let config = &boot.config;

    if config.admin.has_weak_key() {
        tracing::warn!("an admin key has fewer than {ADMIN_KEY_CHARS_ADVISED} characters; use a longer one");
    }
    let listener = listen::bind("admin.addr", config.admin.addr)?;
    let addr = listen::bound(&listener)?;
    let (drain, shutdown) = shutdown::channel();
    let server = boot.server(&config.admin.connections, &shutdown);
    let store = boot.open_store()?;
    reach(&*store, config).await?;

    let mirror = Mirror::start(Arc::clone(&store), Vec::new());
    let admin = Admin::new(admin_options(config), store, mirror, shutdown.draining_flag());
    tracing::info!(%addr, "the admin API listens");
    tokio::spawn(boot.drain(drain)?);
    let service = TowerToHyperService::new(router(Arc::new(admin)));
    server.serve(listener, service).await.map_err(Failure::software)
}

/// An admin service without its store can do nothing: say so at once.
async fn reach(store: &dyn Store, config: &Config) -> Result<(), Failure> {
    let unreachable = |error| match &config.etcd {
        Some(_) => Failure::unavailable(format!(
            "etcd cannot be used: {error}; check that it runs and that etcd.endpoints, user and tls are right"
        )),
        None => Failure::unavailable(format!(
            "the embedded store {} cannot be used: {error}; check embedded.path and its permissions",
            config.embedded.path.display()
        )),
    };
    store.current_revision().await.map(drop).map_err(unreachable)
}

fn admin_options(config: &Config) -> AdminOptions {
    AdminOptions {
        admin_keys: config.admin.admin_keys.clone(),
        body_limit_bytes: config.admin.request_body_limit_bytes,
        url_policy: UrlPolicy { allow_insecure_http: config.upstream.allow_insecure_http },
    }
}

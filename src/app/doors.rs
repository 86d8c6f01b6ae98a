//! The program's listeners: bound at the start, served last.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::config::{Config, ListenerAuth, ListenerConfig, TlsConfig, WebhookConfig};
use super::listener_certificates::ListenerKind;
use super::on_nodes::pods_on_nodes;
use super::{
    Components, StartError, certificates, cluster_tasks, environment_listener, health, limits,
    notifications, replay_policy, status, webhook,
};
use crate::admin::{
    Admin, EnvironmentImageNames, Hosts, PodSource, Pulls, ReplicaSource, admin_door,
};
use crate::admission::Webhook;
use crate::agents::{AgentsBeside, AgentsDoor, AgentsDoorParts};
use crate::console::{ConsoleOptions, console};
use crate::gate::Listener;
use crate::http::{BoundListener, Connection, StackLimits};
use crate::notify::Notifier;
use crate::oci::RegistryHost;
use crate::ops::{MetricsPage, Ops, ProbesBeside, ops_door};
use crate::registry::{self, Registry};
use crate::tasks::{HeavyWork, SideHandle, Tasks};
use crate::tls::listener::ReloadingCertificates;

/// Sockets that listen and are not served yet.
pub(super) struct Sockets {
    registries: Vec<BoundListener>,
    admin: BoundListener,
    ops: Option<BoundListener>,
    webhook: Option<BoundListener>,
}

impl Sockets {
    /// Binds every address of the configuration.
    pub(super) async fn bind(config: &Config) -> Result<Self, StartError> {
        let mut registries = Vec::new();
        for listener in &config.listeners {
            registries.push(BoundListener::bind("registry", listener.address).await?);
        }
        let ops = match &config.ops {
            Some(ops) => Some(BoundListener::bind("ops", ops.address).await?),
            None => None,
        };
        let webhook = match &config.webhook {
            Some(webhook) => Some(BoundListener::bind("webhook", webhook.address).await?),
            None => None,
        };
        Ok(Self {
            webhook,
            registries,
            admin: BoundListener::bind("admin", config.admin.address).await?,
            ops,
        })
    }

    pub(super) fn registry_addresses(&self) -> Vec<SocketAddr> {
        self.registries
            .iter()
            .map(BoundListener::local_addr)
            .collect()
    }

    pub(super) fn admin_address(&self) -> SocketAddr {
        self.admin.local_addr()
    }

    pub(super) fn ops_address(&self) -> Option<SocketAddr> {
        self.ops.as_ref().map(BoundListener::local_addr)
    }

    pub(super) fn webhook_address(&self) -> Option<SocketAddr> {
        self.webhook.as_ref().map(BoundListener::local_addr)
    }
}

/// Opens every door.
pub(super) fn open(
    sockets: Sockets,
    parts: &Arc<Components>,
    tasks: &Tasks,
    beside: SideHandle,
) -> Result<(), StartError> {
    let views = status::StatusInputs::new(parts, &sockets.registry_addresses());
    for (bound, config) in sockets.registries.into_iter().zip(&parts.config.listeners) {
        open_registry(bound, config, parts, tasks)?;
    }
    // What runs in a cluster is judged again also where no API server asks.
    let reviews = webhook::door(parts);
    cluster_tasks::spawn(parts, &reviews, tasks);
    if let (Some(bound), Some(config)) = (sockets.webhook, &parts.config.webhook) {
        open_webhook(bound, config, reviews, parts, tasks)?;
    }
    open_admin((sockets.admin, sockets.ops), views, parts, tasks, beside)
}

/// The admin API with the console around it, and the probes: at an address of their own,
/// else beside it. The API answers on threads `beside` those of pulls, the probes do not.
fn open_admin(
    (bound, ops_bound): (BoundListener, Option<BoundListener>),
    views: status::StatusInputs,
    parts: &Arc<Components>,
    tasks: &Tasks,
    beside: SideHandle,
) -> Result<(), StartError> {
    let config = parts.config.admin.tls.as_ref();
    let tls = tls(config, &bound, ListenerKind::Admin, parts, tasks)?;
    let metrics = parts.metrics.clone();
    let shown = Ops {
        metrics: MetricsPage::new(move || metrics.encode()),
        readiness: health::readiness(parts, tasks.leaving()),
    };
    let ops = Arc::new(ops_door(shown, StackLimits::OPS));
    let pages = |api| console(console_of(parts), api);
    let notifier = notifications::start(parts, tasks)?;
    let views = views.telling(notifier.clone());
    let admin = admin_door(admin_of(parts, views, notifier), pages, StackLimits::ADMIN);
    let admin = Arc::new(admin.beside(beside));
    let limits = limits::of_listener(&parts.config.limits);
    match ops_bound {
        Some(ops_bound) => {
            bound.serve(tasks, limits.clone(), tls, move |peer| {
                Connection::new(admin.clone(), peer)
            });
            ops_bound.serve(tasks, limits, None, move |peer| {
                Connection::new(ops.clone(), peer)
            });
        }
        None => bound.serve(tasks, limits, tls, move |peer| {
            ProbesBeside::new(ops.clone(), admin.clone(), peer)
        }),
    }
    Ok(())
}

fn open_registry(
    bound: BoundListener,
    config: &ListenerConfig,
    parts: &Arc<Components>,
    tasks: &Tasks,
) -> Result<(), StartError> {
    let listener = Listener {
        name: bound.local_addr().to_string().into(),
        environment: config.environment.clone(),
        exposure: config.exposure,
        repositories: vec![config.repositories.clone()],
        mirror_of: config.mirror_of.clone(),
    };
    let auth = match config.auth {
        ListenerAuth::None => registry::ClientAuth::None,
        ListenerAuth::Mtls => registry::ClientAuth::Mtls,
        ListenerAuth::Token => registry::ClientAuth::Token,
    };
    let agents = agents_door(config, Arc::new(listener.clone()), parts);
    let registry = Arc::new(Registry::new(
        parts.gate.clone(),
        listener,
        auth,
        parts.metrics.clone(),
        StackLimits {
            continues_traces: config.traceparent,
            ..StackLimits::REGISTRY
        },
    ));
    let tls = tls(
        config.tls.as_ref(),
        &bound,
        ListenerKind::Registry,
        parts,
        tasks,
    )?;
    let limits = limits::of_listener(&parts.config.limits);

    bound.serve(tasks, limits, tls, move |peer| {
        AgentsBeside::new(agents.clone(), registry.connection(peer.clone()), peer)
    });
    Ok(())
}

/// Where agents on nodes ask, beside the registry.
fn agents_door(
    config: &ListenerConfig,
    listener: Arc<Listener>,
    parts: &Components,
) -> Arc<AgentsDoor> {
    let clusters = parts.config.clusters.iter().map(|it| it.gateway.clone());
    let own = RegistryHost::parse(&config.address.to_string()).ok();
    let gateways = clusters.chain(own).collect();
    Arc::new(AgentsDoor::new(AgentsDoorParts {
        gate: parts.gate.clone(),
        ledger: parts.ledger.clone(),
        feed: parts.nodes.clone(),
        listener,
        names: webhook::image_names(&parts.config, gateways),
        is_tls: config.tls.is_some(),
        takes_certificates: config.auth == ListenerAuth::Mtls,
    }))
}

/// API servers keep few connections open, and use each for one review at a time.
fn open_webhook(
    bound: BoundListener,
    config: &WebhookConfig,
    door: Arc<Webhook>,
    parts: &Arc<Components>,
    tasks: &Tasks,
) -> Result<(), StartError> {
    let mut tls = tls(
        Some(&config.tls),
        &bound,
        ListenerKind::Webhook,
        parts,
        tasks,
    )?;
    if let (Some(shown), Some(path)) = (&tls, &config.client_ca) {
        let address = bound.local_addr().to_string();
        tls = Some(super::client_ca::asking(
            shown.clone(),
            path,
            &address,
            tasks,
        )?);
    }
    let limits = limits::of_webhook(&parts.config.limits);
    bound.serve(tasks, limits, tls, move |peer| door.connection(peer));
    Ok(())
}

fn tls(
    config: Option<&TlsConfig>,
    bound: &BoundListener,
    door: ListenerKind,
    parts: &Arc<Components>,
    tasks: &Tasks,
) -> Result<Option<Arc<ReloadingCertificates>>, StartError> {
    config
        .map(|config| {
            certificates::serve_certificate(config, bound.local_addr(), door, parts, tasks)
        })
        .transpose()
}

fn admin_of(
    parts: &Arc<Components>,
    views: status::StatusInputs,
    notifier: Arc<Notifier>,
) -> Admin {
    let named = url::Url::parse(&parts.public_url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    let bound = host_of(parts.config.admin.address.ip());
    let invalid = parts.invalid_files.clone();
    Admin {
        gate: parts.gate.clone(),
        ledger: parts.ledger.clone(),
        feed: parts.feed.clone(),
        recent: parts.recent.clone(),
        activity: parts.activity.clone(),
        notifier,
        default_host: parts.config.default_host(),
        names: Arc::new(image_names(&parts.config)),
        hosts: Arc::new(Hosts::new(named.into_iter().chain(bound))),
        anonymous_reads: parts.config.admin.anonymous_reads,
        pulls: stand_in_for_pulls(parts),
        pods: running_pods(parts),
        status: views.source(),
        not_in_force: Arc::new(move || invalid.told().0),
        replicas: replicas(parts),
        policies: replay_policy::reader(parts),
        uploads: parts.uploads.clone(),
        heavy: HeavyWork::new(),
    }
}

fn console_of(parts: &Arc<Components>) -> ConsoleOptions {
    let public = url::Url::parse(&parts.public_url).ok();
    let is_https = public.as_ref().is_some_and(|url| url.scheme() == "https");
    ConsoleOptions {
        ledger: parts.ledger.clone(),
        public_origin: public
            .map(|url| url.origin().ascii_serialization())
            .unwrap_or_default(),
        secure: is_https || parts.config.admin.tls.is_some(),
        merge_request_url: parts.config.console.merge_request_url.clone(),
    }
}

/// With the names by which the nodes of each environment may reach this gateway, as far
/// as the configuration says.
fn image_names(config: &Config) -> EnvironmentImageNames {
    let clusters = config.clusters.iter();
    let clusters = clusters.map(|it| (it.environment.clone(), it.gateway.clone()));
    let listeners = config.listeners.iter().filter_map(|it| {
        let host = RegistryHost::parse(&it.address.to_string()).ok()?;
        Some((it.environment.clone(), host))
    });
    let gateways = clusters.chain(listeners).collect();
    EnvironmentImageNames::new(gateways, webhook::image_names(config, Vec::new()))
}

/// The address as a URL's host is written; none for all addresses.
fn host_of(address: IpAddr) -> Option<String> {
    match address {
        _ if address.is_unspecified() => None,
        IpAddr::V4(address) => Some(address.to_string()),
        IpAddr::V6(address) => Some(format!("[{address}]")),
    }
}

fn running_pods(parts: &Arc<Components>) -> PodSource {
    let parts = Arc::downgrade(parts);
    Arc::new(move || {
        let parts = parts.upgrade();
        parts.map_or_else(Vec::new, |parts| {
            let mut clusters = parts.clusters.pods(&parts.config);
            clusters.extend(pods_on_nodes(&parts, &clusters));
            clusters
        })
    })
}

fn replicas(parts: &Arc<Components>) -> ReplicaSource {
    let parts = Arc::downgrade(parts);
    Arc::new(move || {
        let parts = parts.upgrade();
        parts.map_or_else(Vec::new, |parts| parts.replicas.known())
    })
}

/// As a pull in an environment would come in.
fn stand_in_for_pulls(parts: &Arc<Components>) -> Pulls {
    let parts = Arc::downgrade(parts);
    Arc::new(move |environment| {
        let parts = parts.upgrade()?;
        Some(Arc::new(environment_listener::listener(
            &parts.config,
            environment,
        )))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_named_as_clients_name_it() {
        let host = |text: &str| host_of(text.parse().unwrap());
        assert_eq!(host("10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(host("fd00::1").as_deref(), Some("[fd00::1]"));
        assert_eq!((host("0.0.0.0"), host("::")), (None, None));
    }
}

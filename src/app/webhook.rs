//! The webhooks' door, made from the configuration.

use std::sync::Arc;

use super::config::{ClusterConfig, Config, NodeMode};
use super::{Components, environment_listener};
use crate::admission::{self, ClusterCallbacks, ClusterPolicy, NamespacePolicy, Webhook};
use crate::gate::Listener;
use crate::http::StackLimits;
use crate::oci::RegistryHost;
use crate::trust::ImageNames;

/// The door, which answers for every configured cluster.
pub(super) fn door(parts: &Arc<Components>) -> Arc<Webhook> {
    let clusters = parts.config.clusters.iter();
    let clusters = clusters.map(|cluster| {
        answering(
            cluster,
            &parts.config,
            parts.clusters.own_namespace(cluster),
            parts.clusters.callbacks(&cluster.name),
        )
    });
    let door = Webhook::new(
        parts.gate.clone(),
        clusters.collect(),
        parts.metrics.clone(),
        StackLimits::WEBHOOK,
    );
    let webhook = parts.config.webhook.as_ref();
    Arc::new(match webhook.and_then(|it| it.client_ca.as_ref()) {
        Some(_) => door.asking_certificates(),
        None => door,
    })
}

fn answering(
    cluster: &ClusterConfig,
    config: &Config,
    own: Option<&str>,
    callbacks: ClusterCallbacks,
) -> ClusterPolicy {
    let rules = cluster.namespaces.iter();
    ClusterPolicy {
        name: cluster.name.as_str().into(),
        listener: Arc::new(Listener {
            name: format!("cluster {}", cluster.name).into(),
            exposure: cluster.exposure,
            ..environment_listener::listener(config, &cluster.environment)
        }),
        names: names(cluster, config),
        nodes: match cluster.nodes {
            NodeMode::Mirror => admission::NodeRouting::Mirror,
            NodeMode::RewriteOnly => admission::NodeRouting::RewriteOnly,
        },
        pin_digests: cluster.pin_digests,
        exempt: own
            .map(str::to_owned)
            .into_iter()
            .chain(cluster.exempt_namespaces.iter().cloned())
            .collect(),
        namespaces: rules
            .map(|rule| NamespacePolicy {
                namespaces: rule.matching.clone(),
                mode: rule.mode,
                rewrite: rule.rewrite,
            })
            .collect(),
        pull_secret: cluster.pull_secret.clone(),
        allow_never: cluster.allow_never,
        callbacks,
    }
}

fn names(cluster: &ClusterConfig, config: &Config) -> ImageNames {
    image_names(config, vec![cluster.gateway.clone()])
}

/// How names of images are read where the gateway goes by the names in `gateways`.
pub(super) fn image_names(config: &Config, gateways: Vec<RegistryHost>) -> ImageNames {
    let upstreams = config.upstreams.iter();
    ImageNames {
        gateways,
        upstreams: upstreams
            .map(|upstream| (upstream.name.clone(), upstream.path.clone()))
            .collect(),
        default_host: config.default_host(),
    }
}

//! What the program does in its clusters unasked: it looks again at Pods that became
//! reachable, and keeps the webhooks in force.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::clusters::Live;
use super::config::TlsConfig;
use super::{Parts, installation};
use crate::admission::{Standing, Webhook};
use crate::kubernetes::client::{Arming, Knowledge, Outcome};
use crate::kubernetes::objects::webhook_configurations;
use crate::metrics::{ArmedLabels, PodVerdict, RaisedLabels};
use crate::tasks::Tasks;

/// A risen exposure is looked at within this.
const LOOK: Duration = Duration::from_secs(1);
/// Webhooks are looked after this often.
const ARM: Duration = Duration::from_secs(15);

/// Starts what is done unasked.
pub(super) fn spawn(parts: &Arc<Parts>, door: &Arc<Webhook>, tasks: &Tasks) {
    for (name, live) in &parts.clusters.0 {
        let watching = Arc::new(Watching {
            name: name.clone(),
            knowledge: live.knowledge.clone(),
            door: door.clone(),
            parts: parts.clone(),
        });
        tasks.every("exposure", LOOK, move |now| {
            raised_once(watching.clone(), now)
        });
        if live.is_own && shows_own_certificate(parts) {
            arm(name, live, parts, tasks);
        }
    }
}

/// With files of someone else's, that one also publishes their authority.
fn shows_own_certificate(parts: &Parts) -> bool {
    let webhook = parts.config.webhook.as_ref();
    webhook.is_some_and(|webhook| webhook.tls == TlsConfig::Auto)
}

struct Watching {
    name: String,
    knowledge: Arc<Knowledge>,
    door: Arc<Webhook>,
    parts: Arc<Parts>,
}

/// Looks again at Pods that outside requests have come to reach.
async fn raised_once(watching: Arc<Watching>, now: Timestamp) {
    for raised in watching.knowledge.raised_once() {
        let standing = watching.door.look_again(&watching.name, &raised, now).await;
        let is_denied = match standing {
            Standing::Exempt => continue,
            Standing::Admitted => false,
            Standing::WouldBeDenied => true,
        };
        let labels = RaisedLabels {
            cluster: watching.name.as_str().into(),
            verdict: match is_denied {
                true => PodVerdict::Denied,
                false => PodVerdict::Allowed,
            },
        };
        watching
            .parts
            .metrics
            .pods_raised
            .get_or_create(&labels)
            .inc();
        if is_denied {
            tracing::warn!(
                cluster = watching.name,
                pod.namespace = %raised.namespace,
                pod.name = %raised.name,
                way = %raised.way,
                "a running Pod became reachable, and would be denied now"
            );
        }
    }
}

struct Armed {
    name: String,
    parts: Arc<Parts>,
    arming: Mutex<Arming>,
}

fn arm(name: &str, live: &Live, parts: &Arc<Parts>, tasks: &Tasks) {
    let armed = Arc::new(Armed {
        name: name.to_owned(),
        parts: parts.clone(),
        arming: Mutex::new(Arming::new(live.cluster.clone())),
    });
    tasks.every("webhooks", ARM, move |now| arm_once(armed.clone(), now));
}

/// Puts the webhooks in force, and keeps them as the configuration has them, under
/// the bundle of now.
async fn arm_once(armed: Arc<Armed>, now: Timestamp) {
    let config = &armed.parts.config;
    let found = config.clusters.iter().find(|it| it.name == armed.name);
    let (Some(cluster), Some(keeper)) = (found, &armed.parts.authority) else {
        return;
    };
    let mut desired = match installation::installation(config, cluster) {
        Ok(desired) => desired,
        Err(error) => {
            tracing::error!(cluster = armed.name, %error, "webhooks not looked after");
            return;
        }
    };
    desired.ca_bundle = Some(keeper.bundle().borrow().to_string());
    let desired = webhook_configurations(&desired);
    for armed_now in armed.arming.lock().await.once(&desired, now).await {
        let stands = matches!(
            armed_now.outcome,
            Outcome::Stands | Outcome::Created | Outcome::Repaired(_)
        );
        let labels = ArmedLabels {
            cluster: armed.name.as_str().into(),
            configuration: armed_now.configuration.into(),
        };
        let gauge = armed
            .parts
            .metrics
            .webhook_armed
            .get_or_create_owned(&labels);
        gauge.set(i64::from(stands));
    }
}

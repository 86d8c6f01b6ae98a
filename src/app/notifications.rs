//! Who is told of what: the notifier over the program's parts.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::exposures::exposures_of_pulls;
use super::in_use::running_images;
use super::long_period::{LOOK_PERIOD, LongPeriod};
use super::{Components, StartError, notify_files};
use crate::gate::{
    ExposureInput, ForecastCause, ForeseenDenial, ImageInUse, ImageUsage, LookAhead, Outlook,
};
use crate::metrics::SharedWork;
use crate::notify::{ForecastSource, NoticeSample, Notifier};
use crate::tasks::Tasks;

const GATHER_INTERVAL: Duration = Duration::from_secs(2);
const PRUNE_PERIOD: SignedDuration = SignedDuration::from_hours(1);
/// The forecast is of tomorrow.
const FORECAST_HORIZON: SignedDuration = SignedDuration::from_hours(24);
/// Things of one forecast, at most; what is more shows in the console.
const MAX_FORESEEN: usize = 10_000;

/// The notifier of the configured targets; it runs as one of `tasks`.
///
/// # Errors
/// A target that cannot be used.
pub(super) fn start(parts: &Arc<Components>, tasks: &Tasks) -> Result<Arc<Notifier>, StartError> {
    let notifier = Arc::new(Notifier::new(
        parts.ledger.clone(),
        parts.config.notify.clone(),
        parts.public_url.clone(),
        forecast(Arc::downgrade(parts)),
        parts.metrics.clone(),
    )?);
    if !notifier.is_idle() {
        spawn(&notifier, parts, tasks);
        notify_files::spawn(&parts.config.notify, &notifier, tasks);
    }
    Ok(notifier)
}

/// One replica tells: else clocks that differ could let two send the same.
fn spawn(notifier: &Arc<Notifier>, parts: &Arc<Components>, tasks: &Tasks) {
    let (telling, of) = (notifier.clone(), parts.clone());
    tasks.every("notify", GATHER_INTERVAL, move |now| {
        let notifier = telling.clone();
        let is_ours = of.leases.held(SharedWork::Notifications);
        async move {
            if is_ours {
                tell_once(&notifier, now).await;
            }
        }
    });
    let (telling, of) = (notifier.clone(), parts.clone());
    tasks.every("foresee", GATHER_INTERVAL, move |now| {
        let notifier = telling.clone();
        let is_ours = of.leases.held(SharedWork::Notifications);
        async move {
            if is_ours && let Err(error) = notifier.foresee_once(now).await {
                tracing::error!(%error, "the forecast is not told: the ledger fails");
            }
        }
    });
    let (pruned, of) = (notifier.clone(), parts.clone());
    let pruning = LongPeriod::of(PRUNE_PERIOD);
    tasks.every("told", LOOK_PERIOD, move |now| {
        let notifier = pruned.clone();
        let begins = pruning.begins(of.leases.held(SharedWork::Notifications), now);
        async move {
            if begins {
                prune_once(&notifier, now).await;
            }
        }
    });
}

async fn tell_once(notifier: &Notifier, now: Timestamp) {
    if let Err(error) = notifier.once(now).await {
        tracing::error!(%error, "notifications wait: the ledger fails");
    }
}

async fn prune_once(notifier: &Notifier, now: Timestamp) {
    if let Err(error) = notifier.prune_once(now).await {
        tracing::error!(%error, "old records of notifications not pruned");
    }
}

fn forecast(parts: Weak<Components>) -> ForecastSource {
    Arc::new(move |now| {
        let parts = parts.upgrade();
        Box::pin(async move {
            match parts {
                Some(parts) => foreseen(&parts, now).await,
                None => Vec::new(),
            }
        })
    })
}

/// What is let in now, and will be denied by tomorrow. What runs comes first.
async fn foreseen(parts: &Components, now: Timestamp) -> Vec<(String, NoticeSample)> {
    let rulebook = parts.gate.rulebook();
    let query = LookAhead {
        rulebook: &rulebook,
        now,
        within: FORECAST_HORIZON,
    };
    let mut found = Vec::new();
    for image in in_use(parts, now).await {
        let outlook = parts.gate.forecasts();
        let outlook = outlook.outlook(&query, &image.subject, image.exposure);
        if let Outlook::Denied(denied) = outlook.await
            && denied.cause != ForecastCause::Now
        {
            found.push(sample(&denied, image.usage));
        }
        if found.len() == MAX_FORESEEN {
            break;
        }
        tokio::task::yield_now().await;
    }
    found
}

async fn in_use(parts: &Components, now: Timestamp) -> Vec<ImageInUse> {
    let mut images = running_images(parts);
    let exposures = exposures_of_pulls(parts);
    let used = parts.gate.forecasts().in_use(now, &|_, _| true).await;
    let used = used.unwrap_or_else(|error| {
        tracing::error!(%error, "the forecast knows of no pulls");
        Vec::new()
    });
    images.extend(used.into_iter().map(|subject| {
        let exposure = exposures.get(&subject.environment).copied();
        ImageInUse {
            exposure: ExposureInput::Listener(exposure.unwrap_or_default()),
            subject,
            usage: ImageUsage::Pulled,
        }
    }));
    let mut seen = HashSet::new();
    images.retain(|image| seen.insert(image.subject.clone()));
    images
}

fn sample(denied: &ForeseenDenial, usage: ImageUsage) -> (String, NoticeSample) {
    let subject = &denied.subject;
    let first = denied.denials.first();
    let runs = match usage {
        ImageUsage::Running => " It runs, and could not start again.",
        ImageUsage::Pulled | ImageUsage::Kept | ImageUsage::Denied => "",
    };
    let at = denied.at.map(|at| format!("from {at:.0}: "));
    let detail = first.map(|denial| denial.detail.as_str());
    let next_step = first.map(|denial| denial.next_step.clone());
    let sample = NoticeSample {
        time: denied.at.unwrap_or_default(),
        what: format!("{}@{}", subject.repository, subject.digest),
        digest: Some(subject.digest.to_string()),
        reason: Some(denied.cause.as_str().to_owned()),
        detail: format!(
            "{}{}.{runs}",
            at.unwrap_or_default(),
            detail.unwrap_or("denied")
        ),
        next_step: next_step.unwrap_or_default(),
        path: Some(format!("/images/{}", subject.digest)),
    };
    (subject.environment.to_string(), sample)
}

//! A log of requests: counts of all, details of the latest.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use http::{HeaderName, Method, header};

use super::route::{DemoRoute, RequestKind};

/// Requests whose details are kept.
const MAX_REQUESTS_KEPT: usize = 1024;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    pub method: Method,
    pub kind: RequestKind,
    pub repository: String,
    pub reference: String,
    pub query: String,
    pub authorization: Option<String>,
    pub range: Option<String>,
    pub accept: Option<String>,
}

#[derive(Default)]
pub(super) struct RequestLog(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    counts: HashMap<(Method, RequestKind, String, String), usize>,
    latest: VecDeque<SeenRequest>,
}

impl RequestLog {
    pub(super) fn add(&self, parts: &Parts, route: &DemoRoute) {
        let mut counted = self.lock();
        let (repository, reference) = (route.repository.clone(), route.reference.clone());
        let key = (parts.method.clone(), route.kind, repository, reference);
        *counted.counts.entry(key).or_default() += 1;
        counted.latest.push_back(SeenRequest::of(parts, route));
        if counted.latest.len() > MAX_REQUESTS_KEPT {
            counted.latest.pop_front();
        }
    }

    /// Requests of this method and kind, for one repository and reference if given.
    pub(super) fn count(
        &self,
        method: &Method,
        kind: RequestKind,
        of: Option<(&str, &str)>,
    ) -> usize {
        let counted = self.lock();
        let asked = counted
            .counts
            .iter()
            .filter(|((verb, sort, name, reference), _)| {
                let named = of.is_none_or(|of| of == (name.as_str(), reference.as_str()));
                verb == method && *sort == kind && named
            });
        asked.map(|(_, count)| count).sum()
    }

    pub(super) fn total(&self) -> usize {
        self.lock().counts.values().sum()
    }

    pub(super) fn latest(&self) -> Vec<SeenRequest> {
        self.lock().latest.iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        *self.lock() = Counted::default();
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SeenRequest {
    fn of(parts: &Parts, route: &DemoRoute) -> Self {
        let text = |name: HeaderName| {
            let value = parts.headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        Self {
            method: parts.method.clone(),
            kind: route.kind,
            repository: route.repository.clone(),
            reference: route.reference.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            authorization: text(header::AUTHORIZATION),
            range: text(header::RANGE),
            accept: text(header::ACCEPT),
        }
    }
}

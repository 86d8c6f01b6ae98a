//! The environments that a page can be narrowed to.

use super::filters::Filters;
use super::visit::Visit;
use crate::api::{STATUS, Status};

const KEY: &str = "environment";

/// Their names, and whether the page is narrowed to each.
pub(super) struct EnvironmentChoice {
    pub names: Vec<(String, bool)>,
}

impl EnvironmentChoice {
    /// Those that the reader may see; the page goes on without.
    pub async fn read(visit: &Visit, filters: &Filters) -> Self {
        match visit.ask::<Status>(STATUS, &()).await {
            Ok(status) => Self::of(&status, filters),
            Err(_) => Self::among(Vec::new(), filters),
        }
    }

    pub fn of(status: &Status, filters: &Filters) -> Self {
        let here = status.environments.iter();
        Self::among(here.map(|it| it.name.to_string()).collect(), filters)
    }

    /// The one that is chosen stands there also where it is no more, as in an old address.
    fn among(mut here: Vec<String>, filters: &Filters) -> Self {
        let chosen = filters.get(KEY);
        if !chosen.is_empty() && !here.iter().any(|name| name == chosen) {
            here.push(chosen.to_owned());
        }
        let names = here.into_iter();
        Self {
            names: names.map(|name| (name.clone(), name == chosen)).collect(),
        }
    }
}

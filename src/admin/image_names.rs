//! Which gateways are names of the program itself, by environment.

use crate::oci::{RegistryHost, written_host};
use crate::trust::{EnvironmentName, ImageNames};

/// How names of images are read in each environment.
#[derive(Clone, Debug)]
pub struct EnvironmentImageNames {
    /// Every gateway, with an environment whose nodes pull from it.
    gateways: Vec<(EnvironmentName, RegistryHost)>,
    /// The upstreams; its gateways are not used.
    names: ImageNames,
}

impl EnvironmentImageNames {
    /// `names` as they are read where `gateways` go by their environment.
    pub fn new(gateways: Vec<(EnvironmentName, RegistryHost)>, names: ImageNames) -> Self {
        Self { gateways, names }
    }

    /// The environment of a name at a gateway that is of one alone.
    pub(super) fn environment_at(&self, image: &str) -> Option<EnvironmentName> {
        let host = written_host(image)?;
        let gateways = self.gateways.iter();
        let mut found = gateways.filter(|(_, gateway)| gateway.as_str() == host);
        let (environment, _) = found.next()?;
        found
            .all(|(other, _)| other == environment)
            .then(|| environment.clone())
    }

    /// How they are read in `environment`; `None`: in any, by the gateways of all.
    pub(super) fn of(&self, environment: Option<&EnvironmentName>) -> ImageNames {
        let gateways = self.gateways.iter();
        let own = gateways.filter(|(of, _)| environment.is_none_or(|it| it == of));
        ImageNames {
            gateways: own.map(|(_, gateway)| gateway.clone()).collect(),
            ..self.names.clone()
        }
    }
}

//! Which objects an installation consists of.

use serde_json::Value;

use super::installation::{Installation, KubernetesVersion, Workload, check_image};
use super::{InstallationError, registries, rewrite, workload};

impl Installation {
    /// What runs the program there, in an order in which it can be applied.
    ///
    /// # Errors
    /// [`InstallationError`] where the installation does not hold together.
    pub fn workload(&self, program: &Workload) -> Result<Vec<Value>, InstallationError> {
        check_image(&program.image, &self.gateway)?;
        let mut objects = vec![workload::namespace(self)];
        objects.extend(workload::rights(self));
        objects.push(workload::config(self, program));
        objects.extend(workload::claim(self, program));
        objects.extend([
            workload::service(self, program.ports),
            workload::deployment(self, program),
            workload::disruption(self),
        ]);
        Ok(objects)
    }

    /// What the API server holds by itself: the allow-list of registries and, where
    /// `version` has it, the rewriting.
    pub fn policies(&self, version: KubernetesVersion) -> Vec<Value> {
        let mut objects = registries::registries(self);
        if version.mutates() {
            objects.extend(rewrite::rewrite(self));
        }
        objects
    }
}

//! Who is asking.

use std::sync::Arc;

use super::{Role, Scope};

/// The one on whose behalf a request is served.
#[derive(Clone, Debug)]
pub struct Principal {
    name: Arc<str>,
    role: Role,
    scope: Arc<Scope>,
}

impl Principal {
    pub fn new(name: &str, role: Role, scope: Scope) -> Self {
        Self {
            name: Arc::from(name),
            role,
            scope: Arc::new(scope),
        }
    }

    /// Someone on a listener or address that asks for no papers.
    pub fn anonymous(role: Role) -> Self {
        Self::new("anonymous", role, Scope::everything())
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name, for keys that must not allocate.
    pub fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}

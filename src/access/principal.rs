//! Who is asking.

use std::sync::Arc;

use super::{Role, Scope};
use crate::oci::Repository;

/// Who shows no credentials, where none are asked for.
const ANONYMOUS: &str = "anonymous";
/// The program itself, where it does something that nobody asked for.
pub const PROGRAM: &str = "sekisho";

/// Whether records name somebody so who holds no token, or a reader may take it for that.
pub fn is_reserved_name(name: &str) -> bool {
    let reserved = [ANONYMOUS, PROGRAM];
    reserved.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// The authenticated caller of a request: its name, role and scope.
#[derive(Clone, Debug)]
pub struct Principal {
    name: Arc<str>,
    role: Role,
    scope: Arc<Scope>,
    is_claimed: bool,
}

/// What keeps somebody from pulling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    /// The role is for other work.
    Role,
    /// The scope leaves the environment out.
    Environment,
    /// The scope leaves the repository out.
    Repository,
}

impl Principal {
    pub fn new(name: &str, role: Role, scope: Scope) -> Self {
        Self {
            name: Arc::from(name),
            role,
            scope: Arc::new(scope),
            is_claimed: false,
        }
    }

    /// Somebody of whom another says who it is, and nobody checked that other.
    pub fn claimed(name: &str, role: Role, scope: Scope) -> Self {
        Self {
            is_claimed: true,
            ..Self::new(name, role, scope)
        }
    }

    /// The principal of a request on a listener or address that asks for no credentials.
    pub fn anonymous(role: Role) -> Self {
        Self::new(ANONYMOUS, role, Scope::everything())
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name, shared: for map keys on the hot path, which must not allocate.
    pub fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether the name is only claimed.
    pub fn is_claimed(&self) -> bool {
        self.is_claimed
    }

    /// What keeps it from pulling in `environment`: anything at all, or from
    /// `repository`. Allocates nothing.
    pub fn barred(&self, environment: &str, repository: Option<&Repository>) -> Option<Barred> {
        let is_outside = |it: &Repository| !self.scope.covers_repository(it);
        if !self.role.may_pull() {
            Some(Barred::Role)
        } else if !self.scope.covers_environment(environment) {
            Some(Barred::Environment)
        } else {
            repository
                .filter(|it| is_outside(it))
                .map(|_| Barred::Repository)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::RepositoryGlobs;

    fn principal(role: Role) -> Principal {
        let globs = RepositoryGlobs::new(vec!["registry.corp/team/a".to_owned()]).unwrap();
        Principal::new("p", role, Scope::new(globs, vec!["staging".to_owned()]))
    }

    #[test]
    fn only_pullers_and_admins_pull() {
        let may = Role::ALL.into_iter().filter(|role| role.may_pull());
        assert_eq!(may.collect::<Vec<_>>(), [Role::Puller, Role::Admin]);
        let viewer = principal(Role::Viewer);
        assert_eq!(viewer.barred("staging", None), Some(Barred::Role));
    }

    #[test]
    fn role_environment_and_repository_each_bar_a_pull() {
        let puller = principal(Role::Puller);
        let [own, other] = ["a", "b"]
            .map(|name| Repository::parse(&format!("registry.corp/team/{name}")).unwrap());
        assert_eq!(puller.barred("staging", None), None);
        assert_eq!(puller.barred("staging", Some(&own)), None);
        let outside = puller.barred("staging", Some(&other));
        assert_eq!(outside, Some(Barred::Repository));
        let elsewhere = puller.barred("production", Some(&own));
        assert_eq!(elsewhere, Some(Barred::Environment));
    }
}

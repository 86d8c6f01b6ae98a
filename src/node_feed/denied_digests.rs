//! Which digests are denied, and all by which a runtime may name the same images: the
//! index, the manifest and the config, under either algorithm.
//!
//! A node knows a digest and no repository. What is denied in some repositories alone is
//! left out where the same digest is known to lie in others, too: nobody's word reaches
//! further on nodes than at pulls.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::ledger::Index;
use crate::oci::{Child, Closure, Digest, Image, Repository};
use crate::trust::{DenialReason, Environment, Revocation};

/// Images that hold one revoked blob, at most: what is built on one base.
const MAX_HOLDERS: usize = 4096;
/// Images that a config is looked for in. Where more hold it, it is not denied.
const MAX_SHARERS: usize = 64;

/// What is denied in one environment.
pub(super) struct DeniedDigests<'a> {
    index: &'a Index,
    environment: &'a Environment,
    /// Indexes, manifests and whatever else was named.
    named: HashMap<Digest, DenialReason>,
    /// Of those images; one may belong to others, too.
    configs: Vec<(Digest, DenialReason)>,
}

/// Something denied, and where.
struct Denied<'a> {
    reason: DenialReason,
    /// In each repository there is.
    everywhere: bool,
    reaches: &'a dyn Fn(&Repository) -> bool,
}

impl<'a> DeniedDigests<'a> {
    pub(super) fn new(index: &'a Index, environment: &'a Environment) -> Self {
        Self {
            index,
            environment,
            named: HashMap::new(),
            configs: Vec::new(),
        }
    }

    /// A revoked digest: with all below it, what holds it, and indexes that deploy it.
    pub(super) fn revoke(&mut self, digest: &Digest, revocations: &[Revocation]) {
        let environment = &self.environment.name;
        let here = |it: &&Revocation| it.environment.as_ref().is_none_or(|at| at == environment);
        let here: Vec<&Revocation> = revocations.iter().filter(here).collect();
        let reaches = |it: &Repository| here.iter().any(|one| one.reaches(environment, it));
        let denied = Denied {
            reason: DenialReason::Revoked,
            everywhere: here.iter().any(|it| it.repositories.is_empty()),
            reaches: &reaches,
        };
        if here.is_empty() {
            return;
        }
        for digest in self.index.alias(digest).iter().chain([digest]) {
            self.add(digest, &denied);
            for repository in self.index.repositories(digest) {
                self.add_around(&repository, digest, &denied);
            }
            let holders = self.index.holders_in(digest, reaches, MAX_HOLDERS);
            for (repository, image) in holders {
                self.add(&image, &denied);
                self.add_around(&repository, &image, &denied);
            }
        }
    }

    /// An image that was judged and is denied, in these repositories.
    pub(super) fn deny(
        &mut self,
        digest: &Digest,
        reason: DenialReason,
        repositories: &HashSet<Repository>,
    ) {
        let denied = Denied {
            reason,
            everywhere: false,
            reaches: &|it| repositories.contains(it),
        };
        self.add(digest, &denied);
        for repository in repositories {
            if let Some(closure) = self.index.closure(repository, digest) {
                self.add_only_image(repository, &closure, &denied);
            }
        }
    }

    /// Where one image alone of a closure is deployed, it goes the way of the whole.
    fn add_only_image(&mut self, repository: &Repository, closure: &Closure, denied: &Denied<'_>) {
        let settings = self.environment.settings(repository);
        let deployed = |it: &&Child| settings.deploys_child(it);
        let mut children = closure.children().iter().filter(deployed);
        match (
            closure.children().is_empty(),
            children.next(),
            children.next(),
        ) {
            (true, _, _) => self.add_configs(closure.images(), denied),
            (false, Some(only), None) => {
                self.add(&only.descriptor.digest, denied);
                self.add_configs(only.image().into_iter(), denied);
            }
            (false, _, _) => {}
        }
    }

    /// What lies below `digest` in a repository, and the indexes there that deploy it.
    fn add_around(&mut self, repository: &Repository, digest: &Digest, denied: &Denied<'_>) {
        if !(denied.reaches)(repository) {
            return;
        }
        if let Some(closure) = self.index.closure(repository, digest) {
            let nested = closure.nested().iter();
            let children = closure.children().iter().map(|child| &child.descriptor);
            for descriptor in nested.chain(children) {
                self.add(&descriptor.digest, denied);
            }
            self.add_configs(closure.images(), denied);
        }
        for index in self.index.indexes_holding(repository, digest) {
            if self.deploys(repository, &index, digest) {
                self.add(&index, denied);
            }
        }
    }

    fn deploys(&self, repository: &Repository, index: &Digest, member: &Digest) -> bool {
        let settings = self.environment.settings(repository);
        let closure: Option<Arc<Closure>> = self.index.closure(repository, index);
        closure.is_some_and(|closure| {
            let mut children = closure.children().iter();
            children.any(|it| it.descriptor.digest == *member && settings.deploys_child(it))
        })
    }

    fn add_configs<'i>(&mut self, images: impl Iterator<Item = &'i Image>, denied: &Denied<'_>) {
        let configs = images.filter(|image| image.platform().is_some());
        let configs = configs.map(|image| (image.config.digest.clone(), denied.reason));
        self.configs.extend(configs);
    }

    fn add(&mut self, digest: &Digest, denied: &Denied<'_>) {
        let alias = self.index.alias(digest);
        for digest in alias.iter().chain([digest]) {
            if denied.everywhere || self.lies_only_where(digest, denied.reaches) {
                self.named.entry(digest.clone()).or_insert(denied.reason);
            }
        }
    }

    fn lies_only_where(&self, digest: &Digest, reaches: &dyn Fn(&Repository) -> bool) -> bool {
        let places = self.index.repositories(digest);
        !places.is_empty() && places.iter().all(reaches)
    }

    /// All of them, but for `lifted`. A config is denied where each image is that is known
    /// to hold it.
    pub(super) fn finish(mut self, lifted: &HashSet<Digest>) -> HashMap<Digest, DenialReason> {
        self.named.retain(|digest, _| !lifted.contains(digest));
        let denied = |(_, image): &(Repository, Digest)| self.named.contains_key(image);
        let mut configs: HashMap<Digest, DenialReason> = HashMap::new();
        for (config, reason) in &self.configs {
            let holders = self.index.holders_in(config, |_| true, MAX_SHARERS + 1);
            let is_shared = holders.len() > MAX_SHARERS || !holders.iter().all(denied);
            if is_shared || lifted.contains(config) {
                continue;
            }
            let alias = self.index.alias(config);
            configs.extend(
                alias
                    .into_iter()
                    .chain([config.clone()])
                    .map(|it| (it, *reason)),
            );
        }
        for (config, reason) in configs {
            self.named.entry(config).or_insert(reason);
        }
        self.named
    }
}

//! The reference: what has happened, in lists, and a walk over all of them for each
//! question. Slow, and obviously right. It shares nothing with the program but digests.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::site::{ALIAS, FIRST, Item, OTHER, Place, Site};
use super::step::{Advice, Env, Found, Hand, PRODUCTION};

const MAX_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Clone, Debug)]
pub struct Scanned {
    pub item: Item,
    pub found: Found,
    pub hand: Hand,
    pub at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Promoted {
    pub place: Place,
    pub item: Item,
    pub env: Env,
    pub at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Granted {
    pub id: String,
    pub item: Item,
    pub env: Env,
    pub lifts_revocation: bool,
    pub at: Timestamp,
    pub until: Timestamp,
}

#[derive(Clone, Debug)]
pub struct ModeSet {
    pub mode: &'static str,
    pub at: Timestamp,
    pub until: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Advised {
    pub advice: Advice,
    /// The day at the end of which it ends.
    pub until: Option<Date>,
}

#[derive(Clone, Debug)]
pub struct Accepted {
    pub place: Place,
    pub critical: bool,
    pub until: Date,
}

/// Where a pull comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entrance {
    pub env: Env,
    pub external: bool,
}

/// What the reference says of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Everything against it, lifted or not.
    pub against: BTreeSet<&'static str>,
    /// What of that is not lifted.
    pub denying: BTreeSet<&'static str>,
}

impl Word {
    pub fn allows(&self) -> bool {
        self.denying.is_empty()
    }
}

/// All that has happened and still counts.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    pub scans: Vec<Scanned>,
    pub promotions: Vec<Promoted>,
    /// Digests of [`Site::named`], with where.
    pub revoked: BTreeSet<(usize, Option<Env>)>,
    pub grants: Vec<Granted>,
    /// By environment, the last one set; `None` where it was ended.
    pub modes: [Option<ModeSet>; 2],
    pub advisories: Vec<Advised>,
    pub exceptions: Vec<Accepted>,
    /// What each tag means.
    pub tags: [Option<Item>; 2],
}

fn is_before_end_of(day: Date, now: Timestamp) -> bool {
    let end = day.tomorrow().unwrap().to_zoned(TimeZone::UTC).unwrap();
    now < end.timestamp()
}

/// The day so many days ahead.
pub fn day(now: Timestamp, days: i64) -> Date {
    let ahead = now + SignedDuration::from_hours(24 * days);
    ahead.to_zoned(TimeZone::UTC).date()
}

/// The index that holds an item, by whichever digest of it.
fn parents(site: &Site, item: Item) -> impl Iterator<Item = Item> {
    let holds = move |index: &Item| site.manifests[*index].children.contains(&item);
    (0..site.manifests.len()).filter(holds)
}

/// The digests of the same bytes.
fn same(item: Item) -> Vec<Item> {
    match item {
        FIRST | ALIAS => vec![FIRST, ALIAS],
        other => vec![other],
    }
}

impl Reference {
    /// Everything whose fate an item shares: itself, what lies below it and what holds it,
    /// each under both digests.
    fn related(&self, site: &Site, item: Item) -> BTreeSet<Item> {
        let own = same(item).into_iter();
        let below_and_above = |item: Item| {
            let below = site.manifests[item].children.iter().copied();
            below.chain(parents(site, item))
        };
        let related = own.flat_map(|it| std::iter::once(it).chain(below_and_above(it)));
        related.flat_map(same).collect()
    }

    /// Whether a digest that is spoken against concerns the item.
    fn concerns(&self, site: &Site, named: usize, item: Item) -> bool {
        if named < site.manifests.len() {
            return self.related(site, item).contains(&named);
        }
        let (_, blob) = site.named().swap_remove(named);
        let own = |item: Item| {
            site.manifests[item]
                .blobs
                .iter()
                .any(|it| it.digest == blob)
        };
        own(item)
            || site.manifests[item]
                .children
                .iter()
                .any(|child| own(*child))
    }

    fn is_revoked(&self, site: &Site, env: Env, item: Item) -> bool {
        let mut revoked = self.revoked.iter();
        revoked.any(|(named, within)| {
            within.is_none_or(|it| it == env) && self.concerns(site, *named, item)
        })
    }

    fn is_blocked(&self, site: &Site, item: Item) -> bool {
        let mut advisories = self.advisories.iter();
        advisories.any(|it| match it.advice {
            Advice::BlockDigest(named) => self.concerns(site, named, item),
            Advice::BlockMedium | Advice::RaiseMedium | Advice::LowerCritical(_) => false,
        })
    }

    /// The latest of each hand, of those whose token reaches the place. One that is dated
    /// ahead of a clock that was set back does not count yet.
    fn standing(&self, place: Place, item: Item, now: Timestamp) -> Vec<&Scanned> {
        let mut standing: Vec<&Scanned> = Vec::new();
        for scan in &self.scans {
            let reaches = scan.hand != Hand::Narrow || place == OTHER;
            if scan.item != item || !reaches || scan.at > now {
                continue;
            }
            match standing.iter_mut().find(|it| it.hand == scan.hand) {
                Some(known) if known.at <= scan.at => *known = scan,
                Some(_) => {}
                None => standing.push(scan),
            }
        }
        standing
    }

    fn advises(&self, now: Timestamp, is_it: impl Fn(Advice) -> bool) -> bool {
        let holds = |it: &Advised| it.until.is_none_or(|day| is_before_end_of(day, now));
        self.advisories
            .iter()
            .any(|it| holds(it) && is_it(it.advice))
    }

    fn is_accepted(&self, place: Place, critical: bool, now: Timestamp) -> bool {
        let mut exceptions = self.exceptions.iter();
        exceptions.any(|it| {
            it.place == place && it.critical == critical && is_before_end_of(it.until, now)
        })
    }

    /// How severe the medium finding is.
    fn medium(&self, place: Place, now: Timestamp) -> Option<Severity> {
        if self.advises(now, |it| it == Advice::RaiseMedium) {
            return Some(Severity::Critical);
        }
        (!self.is_accepted(place, false, now)).then_some(Severity::Medium)
    }

    fn critical(&self, place: Place, now: Timestamp) -> Option<Severity> {
        if self.is_accepted(place, true, now) {
            return None;
        }
        let lowered = self.advises(now, |it| matches!(it, Advice::LowerCritical(_)));
        Some(if lowered {
            Severity::Low
        } else {
            Severity::Critical
        })
    }

    fn findings(
        &self,
        (place, at): (Place, Entrance),
        scan: &Scanned,
        now: Timestamp,
    ) -> BTreeSet<&'static str> {
        let mut against = BTreeSet::new();
        let ceiling = if at.external {
            Severity::Low
        } else {
            Severity::High
        };
        let (medium, critical) = scan.found;
        let worst = [
            medium.then(|| self.medium(place, now)).flatten(),
            critical.then(|| self.critical(place, now)).flatten(),
        ];
        if worst.into_iter().flatten().any(|it| it > ceiling) {
            against.insert("too-severe");
        }
        if medium && self.advises(now, |it| it == Advice::BlockMedium) {
            against.insert("blocked-by-advisory");
        }
        against
    }

    fn is_promoted(
        &self,
        site: &Site,
        env: Env,
        (place, item): (Place, Item),
        now: Timestamp,
    ) -> bool {
        let mut named = BTreeSet::from([item]);
        named.extend(parents(site, item));
        let mut promotions = self.promotions.iter();
        promotions.any(|it| {
            it.env == env && it.place == place && named.contains(&it.item) && it.at <= now
        })
    }

    /// Everything against it.
    fn against(
        &self,
        site: &Site,
        at: Entrance,
        (place, item): (Place, Item),
        now: Timestamp,
    ) -> BTreeSet<&'static str> {
        let mut against = BTreeSet::new();
        if self.is_revoked(site, at.env, item) {
            against.insert("revoked");
        }
        if self.is_blocked(site, item) {
            against.insert("blocked-by-advisory");
        }
        let children = &site.manifests[item].children;
        let images = if children.is_empty() {
            vec![item]
        } else {
            children.clone()
        };
        let scans = |image: &Item| self.standing(place, *image, now);
        let some_scanned = !children.is_empty() && images.iter().any(|it| !scans(it).is_empty());
        for image in &images {
            let standing = scans(image);
            let freshest = standing.iter().map(|it| it.at).max();
            match freshest {
                None if some_scanned => against.insert("platform-not-scanned"),
                None => against.insert("not-scanned"),
                Some(at) if now >= at + MAX_AGE => against.insert("scan-stale"),
                Some(_) => false,
            };
            for scan in standing {
                against.extend(self.findings((place, at), scan, now));
            }
        }
        if at.env == PRODUCTION && !self.is_promoted(site, at.env, (place, item), now) {
            against.insert("not-promoted");
        }
        against
    }

    /// The answer at an entrance.
    pub fn word(
        &self,
        site: &Site,
        at: Entrance,
        (place, item): (Place, Item),
        now: Timestamp,
    ) -> Word {
        let against = self.against(site, at, (place, item), now);
        let mode = self.modes[at.env].as_ref();
        let mode = mode.filter(|it| it.at <= now && now < it.until);
        let is_lax = mode.is_some_and(|it| it.mode != "enforce");
        // An index counts where it lies.
        let mut named = BTreeSet::from([item]);
        named.extend(parents(site, item).filter(|it| Site::items(place).contains(it)));
        let grants = self.grants.iter().filter(|it| {
            it.env == at.env && named.contains(&it.item) && it.at <= now && now < it.until
        });
        let grants: Vec<_> = grants.collect();
        let is_lifted = |reason: &&'static str| match *reason {
            "revoked" => grants.iter().any(|it| it.lifts_revocation),
            _ => is_lax || !grants.is_empty(),
        };
        let denying = against
            .iter()
            .copied()
            .filter(|it| !is_lifted(it))
            .collect();
        Word { against, denying }
    }

    /// Whether a blob may leave: an image of that repository that holds it may.
    pub fn permits_blob(
        &self,
        site: &Site,
        at: Entrance,
        (place, blob): (Place, &sekisho::oci::Digest),
        now: Timestamp,
    ) -> bool {
        let holds = |item: &Item| {
            site.manifests[*item]
                .blobs
                .iter()
                .any(|it| it.digest == *blob)
        };
        let mut holders = Site::items(place).into_iter().filter(holds);
        holders.any(|item| self.word(site, at, (place, item), now).allows())
    }
}

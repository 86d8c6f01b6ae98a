//! What a step does to the program and to its reference.

use jiff::SignedDuration;
use sekisho::demo::Fault;
use serde_json::{Value, json};

use super::files;
use super::gateways::{Checked, Gateways};
use super::reference::{Accepted, Advised, Entrance, Granted, ModeSet, Promoted, Scanned, day};
use super::site::{APP, Item, OTHER, PLACES, TAGS};
use super::step::{Advice, ENVIRONMENTS, Env, Hand, Played, Step, Trouble};
use crate::kit::lab::grype;
use crate::kit::{Found, report};

impl Gateways {
    /// Lets it happen, here and in the reference.
    pub async fn play(&mut self, Played { at, step }: Played) -> Checked {
        match step {
            Step::Scan(item, found, hand, age) => self.scan(at, (item, found, hand, age)).await?,
            Step::Promote(place, item, env, force) => {
                self.promote(at, (place, item, env), force).await?
            }
            Step::Revoke(named, env) => self.revoke(at, named, env).await?,
            Step::Reinstate(named, env) => self.reinstate(at, named, env).await?,
            Step::BreakGlass(item, env, revoked) => {
                self.break_glass(at, item, env, revoked).await?
            }
            Step::EndBreakGlass => self.end_break_glass(at).await?,
            Step::Mode(env, mode, hours) => self.set_mode(at, env, mode, hours).await?,
            Step::EndMode(env) => self.end_mode(at, env).await?,
            Step::Advise(_) | Step::AdviseNothing | Step::Accept(..) | Step::AcceptNothing => {
                self.decree(at, step).await?
            }
            Step::WithdrawNarrow => self.withdraw_narrow(at).await?,
            Step::MoveTag(tag, item) => self.move_tag(tag, item),
            Step::Clock(hours) => self.move_clock(SignedDuration::from_hours(hours)).await?,
            Step::Restart => self.restart(at).await,
            Step::LoseCache => self.lose_cache(at).await,
            Step::Upstream(trouble) => self.trouble(trouble).await?,
        }
        self.followed().await
    }

    async fn scan(
        &mut self,
        at: usize,
        (item, found, hand, age): (Item, (bool, bool), Hand, i64),
    ) -> Checked {
        let scanned = self.now(at) - SignedDuration::from_hours(age);
        let place = if hand == Hand::Narrow { OTHER } else { APP };
        let image = &self.site.images[item];
        let document = match hand {
            Hand::Grype => {
                let mut document = grype(image);
                document["descriptor"]["timestamp"] = json!(scanned.to_string());
                document["descriptor"]["db"]["built"] = json!(scanned.to_string());
                document
            }
            Hand::Trivy | Hand::Narrow => {
                let medium = Found {
                    id: files::MEDIUM,
                    severity: "MEDIUM",
                    package: "zlib",
                };
                let critical = Found {
                    id: files::CRITICAL,
                    severity: "CRITICAL",
                    package: "openssl",
                };
                let all = [(found.0, medium), (found.1, critical)];
                let all: Vec<_> = all.iter().filter(|it| it.0).map(|it| it.1).collect();
                let mut document = report(image, &all);
                document["CreatedAt"] = json!(scanned.to_string());
                document
            }
        };
        let body = json!({"image": self.image(place, item), "report": document});
        let token = if hand == Hand::Narrow {
            &self.narrow.scanner
        } else {
            &self.token
        };
        let told = self
            .api_as(token, at, ("POST", "/api/v1/scans"), Some(body))
            .await;
        if self.is_done(told, "a scan")?.is_some() {
            let found = if hand == Hand::Grype {
                (false, false)
            } else {
                found
            };
            self.reference.scans.push(Scanned {
                item,
                found,
                hand,
                at: scanned,
            });
        }
        Ok(())
    }

    /// Not forced, it is recorded where a pull by digest would pass then.
    async fn promote(
        &mut self,
        at: usize,
        (place, item, env): (usize, Item, Env),
        force: bool,
    ) -> Checked {
        let entrance = Entrance {
            env,
            external: true,
        };
        let now = self.now(at);
        let body = json!({"image": self.image(place, item), "environment": ENVIRONMENTS[env], "force": force});
        let token = if place == OTHER {
            &self.narrow.promoter
        } else {
            &self.token
        };
        let asked = ("POST", "/api/v1/promotions");
        let (status, answer) = self.api_as(token, at, asked, Some(body)).await;
        let mut against = self
            .reference
            .word(&self.site, entrance, (place, item), now)
            .against;
        against.remove("not-promoted");
        let expected = match against.contains("revoked") || (!force && !against.is_empty()) {
            true => 422,
            false => 200,
        };
        if status == 200 {
            self.reference.promotions.push(Promoted {
                place,
                item,
                env,
                at: now,
            });
        }
        match status == expected || (status != 200 && self.trouble != Trouble::None) {
            true => Ok(()),
            false => Err(format!(
                "the promotion: {status} {answer}, against it: {against:?}"
            )),
        }
    }

    fn spoken_against(&self, named: usize, env: Option<Env>) -> Value {
        let (_, digest) = self.site.named().swap_remove(named);
        let image = format!("{}@{digest}", PLACES[APP]);
        match env {
            Some(env) => json!({"image": image, "reason": "bad", "environment": ENVIRONMENTS[env]}),
            None => json!({"image": image, "reason": "bad"}),
        }
    }

    async fn revoke(&mut self, at: usize, named: usize, env: Option<Env>) -> Checked {
        let body = self.spoken_against(named, env);
        if self.done(at, "/api/v1/revocations", body).await?.is_some() {
            self.reference.revoked.insert((named, env));
        }
        Ok(())
    }

    async fn reinstate(&mut self, at: usize, named: usize, env: Option<Env>) -> Checked {
        let body = self.spoken_against(named, env);
        let path = "/api/v1/revocations/reinstate";
        let (status, answer) = self.api(at, "POST", path, Some(body)).await;
        let was_revoked = self.reference.revoked.remove(&(named, env));
        match (status, was_revoked) {
            (200, true) | (_, false) => Ok(()),
            (_, true) => Err(format!("reinstate: {status} {answer}")),
        }
    }

    async fn break_glass(&mut self, at: usize, item: Item, env: Env, revoked: bool) -> Checked {
        let now = self.now(at);
        let body = json!({
            "image": self.image(APP, item), "environment": ENVIRONMENTS[env], "ticket": "INC-7",
            "hours": 2, "reason": "checkout is down", "revoked": revoked,
        });
        if let Some(granted) = self.done(at, "/api/v1/break-glass", body).await? {
            self.reference.grants.push(Granted {
                id: granted["id"].as_str().unwrap().to_owned(),
                item,
                env,
                lifts_revocation: revoked,
                at: now,
                until: now + SignedDuration::from_hours(2),
            });
        }
        Ok(())
    }

    async fn end_break_glass(&mut self, at: usize) -> Checked {
        for grant in std::mem::take(&mut self.reference.grants) {
            let path = format!("/api/v1/break-glass/{}", grant.id);
            let (status, answer) = self.api(at, "DELETE", &path, None).await;
            if status == 200 {
                continue;
            }
            // Only one whose time is over cannot be ended, and a clock that is set back
            // brings it back.
            if self.now(at) < grant.until {
                return Err(format!("the end of {}: {status} {answer}", grant.id));
            }
            self.reference.grants.push(grant);
        }
        Ok(())
    }

    async fn set_mode(&mut self, at: usize, env: Env, mode: &'static str, hours: u32) -> Checked {
        let now = self.now(at);
        let body = json!({"environment": ENVIRONMENTS[env], "mode": mode, "hours": hours, "ticket": "OPS-1"});
        if self.done(at, "/api/v1/modes", body).await?.is_some() {
            let until = now + SignedDuration::from_hours(hours.into());
            self.reference.modes[env] = Some(ModeSet {
                mode,
                at: now,
                until,
            });
        }
        Ok(())
    }

    async fn end_mode(&mut self, at: usize, env: Env) -> Checked {
        let path = format!("/api/v1/modes/{}", ENVIRONMENTS[env]);
        let (status, answer) = self.api(at, "DELETE", &path, None).await;
        let now = self.now(at);
        let lasts = self.reference.modes[env]
            .as_ref()
            .is_some_and(|it| now < it.until);
        if status == 200 {
            self.reference.modes[env] = None;
        } else if lasts {
            return Err(format!("the end of the mode: {status} {answer}"));
        }
        Ok(())
    }

    /// Writes the files of exceptions and advisories of every replica anew.
    async fn decree(&mut self, at: usize, step: Step) -> Checked {
        let now = self.now(at);
        let reference = &mut self.reference;
        match step {
            Step::Advise(advice) => {
                let until = match advice {
                    Advice::LowerCritical(days) => Some(day(now, days)),
                    _ => None,
                };
                reference.advisories.push(Advised { advice, until });
            }
            Step::AdviseNothing => reference.advisories.clear(),
            Step::Accept(place, critical, days) => {
                let until = day(now, days);
                reference.exceptions.push(Accepted {
                    place,
                    critical,
                    until,
                });
            }
            _ => reference.exceptions.clear(),
        }
        let exceptions = files::exceptions(&self.reference);
        let advisories = files::advisories(&self.reference, &self.site);
        for replica in &self.replicas {
            replica.put_file("exceptions/1.toml", &exceptions);
            replica.put_file("advisories/1.toml", &advisories);
        }
        self.looked("policy").await
    }

    pub(super) async fn make_narrow(&mut self) -> Checked {
        self.narrow.number += 1;
        self.narrow.scanner = self.made("scanner").await?;
        self.narrow.promoter = self.made("promoter").await?;
        Ok(())
    }

    async fn made(&self, role: &str) -> Result<String, String> {
        let name = format!("{role}-{}", self.narrow.number);
        let request = json!({"name": name, "role": role, "repositories": [PLACES[OTHER]]});
        let (status, made) = self.api(0, "POST", "/api/v1/tokens", Some(request)).await;
        let secret = made["secret"].as_str().map(str::to_owned);
        secret.ok_or_else(|| format!("a token: {status} {made}"))
    }

    async fn withdraw_narrow(&mut self, at: usize) -> Checked {
        for role in ["scanner", "promoter"] {
            let path = format!("/api/v1/tokens/{role}-{}?evidence=true", self.narrow.number);
            let (status, answer) = self.api(at, "DELETE", &path, None).await;
            if status != 200 {
                return Err(format!("{path}: {status} {answer}"));
            }
        }
        self.reference.scans.retain(|it| it.hand != Hand::Narrow);
        self.reference.promotions.retain(|it| it.place != OTHER);
        self.make_narrow().await
    }

    pub(super) fn move_tag(&mut self, tag: usize, item: Item) {
        self.reference.tags[tag] = Some(item);
        if self.trouble != Trouble::Empty {
            let digest = self.site.digest(item);
            self.upstream.tag("team/app", TAGS[tag], digest);
        }
    }

    /// Whoever judges by an older time than the ledger was confirmed at finds it silent.
    async fn move_clock(&mut self, by: SignedDuration) -> Checked {
        for replica in &self.replicas {
            replica.advance(by);
        }
        self.looked("follow").await
    }

    async fn restart(&mut self, at: usize) {
        self.replicas[at].stop().await;
        self.replicas[at].serve().await;
    }

    async fn lose_cache(&mut self, at: usize) {
        self.replicas[at].stop().await;
        std::fs::remove_dir_all(self.replicas[at].data().join("cache")).unwrap();
        self.at_hand.retain(|(replica, ..)| *replica != at);
        self.replicas[at].serve().await;
    }

    async fn trouble(&mut self, trouble: Trouble) -> Checked {
        self.upstream.heal();
        let names = PLACES.map(|place| place.strip_prefix("docker.io/").unwrap());
        for manifest in self
            .site
            .manifests
            .iter()
            .filter(|_| trouble == Trouble::Empty)
        {
            for name in names {
                self.upstream
                    .delete(name, &manifest.content.digest.to_string());
                for blob in &manifest.blobs {
                    self.upstream.delete(name, &blob.digest.to_string());
                }
            }
        }
        match trouble {
            Trouble::Fails => self.upstream.inject("/v2/", usize::MAX, Fault::Status(503)),
            Trouble::Refuses => self.upstream.inject("/v2/", usize::MAX, Fault::Status(403)),
            Trouble::Lies => self.upstream.inject("/v2/", usize::MAX, Fault::WrongBytes),
            Trouble::Empty => {}
            Trouble::None => self.site.put(&self.upstream),
        }
        let was_well = self.trouble == Trouble::None;
        self.trouble = trouble;
        match trouble {
            Trouble::None if !was_well => self.is_asked_again().await,
            _ => Ok(()),
        }
    }

    /// What the upstream failed at is remembered for a while.
    async fn is_asked_again(&mut self) -> Checked {
        for tag in 0..TAGS.len() {
            if let Some(item) = self.reference.tags[tag] {
                self.move_tag(tag, item);
            }
        }
        self.move_clock(SignedDuration::from_hours(1)).await?;
        for at in 0..self.replicas.len() {
            for tag in ["absent"].iter().chain(&TAGS) {
                self.until("the upstream is asked again", async || {
                    self.is_told_anew(at, tag).await
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Whether it is told of a tag as the upstream does now: what was asked in its trouble
    /// may come back with it for a while.
    async fn is_told_anew(&self, at: usize, tag: &str) -> bool {
        let address = self.replicas[at].app().registries()[0];
        let url = format!("http://{address}/v2/{}/manifests/{tag}", PLACES[APP]);
        let answer = self.client.get(&url).send().await.unwrap();
        let warnings = answer.headers().get_all("warning").iter();
        let mut warnings = warnings.map(|it| String::from_utf8_lossy(it.as_bytes()));
        answer.status().as_u16() != 503 && !warnings.any(|it| it.contains("stale"))
    }
}

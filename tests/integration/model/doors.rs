//! Asks every door of every replica, and holds its answers to the reference.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::try_join_all;
use futures_util::try_join;
use hyper::ext::ReasonPhrase;
use jiff::Timestamp;
use sekisho::admission::ClusterPolicy;
use sekisho::gate::Listener;
use sekisho::trust::{EnvironmentName, Exposure};
use serde_json::{Value, json};

use super::gateways::{Checked, Gateways};
use super::reference::{Entrance, Word};
use super::site::{APP, Item, PLACES, Place, Site, TAGS};
use super::step::{ENVIRONMENTS, PRODUCTION, Trouble};
use crate::admission::door::{Door, cluster, pod, review};

/// In the order of the listeners.
pub(super) const ENTRANCES: [Entrance; 3] = [
    Entrance {
        env: PRODUCTION,
        external: true,
    },
    Entrance {
        env: PRODUCTION,
        external: false,
    },
    Entrance {
        env: 1,
        external: true,
    },
];

/// What a door says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// By this digest, where the door tells it.
    Allowed(String),
    Denied(String),
    /// Neither: nothing is there, or nobody can tell.
    Neither(u16),
}

/// A pull as it came back.
pub(super) struct Pulled {
    pub(super) answer: Answer,
    pub(super) body: Vec<u8>,
}

impl Gateways {
    /// Everything, everywhere at once. In every other round blobs come first.
    pub async fn ask_all(&mut self) -> Checked {
        self.rounds += 1;
        let is_after = self.rounds.is_multiple_of(2);
        if !is_after {
            self.ask_blobs(is_after).await?;
        }
        let replicas = 0..self.replicas.len();
        let all = replicas.flat_map(|at| (0..ENTRANCES.len()).map(move |it| (at, it)));
        let asked = all.map(|(at, entrance)| self.ask_entrance(at, entrance));
        let served = try_join_all(asked).await?;
        self.at_hand.extend(served.into_iter().flatten());
        match is_after {
            true => self.ask_blobs(is_after).await,
            false => Ok(()),
        }
    }

    /// All but blobs; what the replica has at hand from then on.
    async fn ask_entrance(
        &self,
        at: usize,
        entrance: usize,
    ) -> Result<Vec<(usize, Place, Item)>, String> {
        let served = self.ask_manifests(at, entrance).await?;
        try_join!(
            self.ask_tags(at, entrance),
            self.ask_referrers(at, entrance),
            self.ask_list(at, entrance),
            self.ask_admission(at, entrance),
            self.ask_api(at, entrance),
        )?;
        Ok(served)
    }

    async fn pull(&self, at: usize, entrance: usize, method: &str, path: &str) -> Pulled {
        self.pull_part(at, entrance, (method, path), None).await
    }

    /// The same of so much of it, where that is said.
    pub(super) async fn pull_part(
        &self,
        at: usize,
        entrance: usize,
        (method, path): (&str, &str),
        range: Option<&str>,
    ) -> Pulled {
        let address = self.replicas[at].app().registries()[entrance];
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .client
            .request(method, format!("http://{address}{path}"));
        if let Some(range) = range {
            request = request.header("range", range);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let phrase = answer.extensions().get::<ReasonPhrase>();
        let phrase = phrase.map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
        let header = answer.headers().get("docker-content-digest");
        let digest = header.map(|it| it.to_str().unwrap().to_owned());
        let body = answer.bytes().await.unwrap().to_vec();
        let answer = match status {
            200 | 206 => Answer::Allowed(digest.unwrap_or_default()),
            403 => Answer::Denied(reason_in(&phrase.unwrap_or_default())),
            status => Answer::Neither(status),
        };
        Pulled { answer, body }
    }

    /// HEAD and GET, which have to agree.
    async fn both(&self, at: usize, entrance: usize, path: &str) -> Result<Pulled, String> {
        let head = self.pull(at, entrance, "HEAD", path).await;
        let got = self.pull(at, entrance, "GET", path).await;
        match head.answer == got.answer {
            true => Ok(got),
            false => Err(format!(
                "HEAD {:?}, GET {:?} {path}",
                head.answer, got.answer
            )),
        }
    }

    fn word(&self, entrance: Entrance, image: (Place, Item), now: Timestamp) -> Word {
        self.reference.word(&self.site, entrance, image, now)
    }

    /// Whether `is_right` of the reference at a moment of the question: before or after.
    pub(super) fn hold(
        &self,
        at: usize,
        before: Timestamp,
        what: &str,
        is_right: impl Fn(Timestamp) -> Checked,
    ) -> Checked {
        let told = is_right(before);
        if told.is_ok() {
            return told;
        }
        is_right(self.now(at)).map_err(|why| format!("replica {at}, {what}: {why}"))
    }

    /// An answer against what the reference says of one image. In trouble nobody need be
    /// able to tell, unless it is `at_hand`.
    fn compare(&self, answer: &Answer, word: &Word, digest: &str, at_hand: bool) -> Checked {
        let is_right = match answer {
            Answer::Allowed(told) => word.allows() && told == digest,
            Answer::Denied(reason) => word.denying.contains(reason.as_str()),
            Answer::Neither(_) => self.trouble != Trouble::None && !(at_hand && word.allows()),
        };
        let difference = || format!("{answer:?}, and it should be {word:?}");
        is_right.then_some(()).ok_or_else(difference)
    }

    async fn ask_manifests(
        &self,
        at: usize,
        entrance: usize,
    ) -> Result<Vec<(usize, Place, Item)>, String> {
        let mut served = Vec::new();
        for (place, repository) in PLACES.iter().enumerate() {
            for item in Site::items(place) {
                let before = self.now(at);
                let digest = self.site.digest(item).to_string();
                let path = format!("/v2/{repository}/manifests/{digest}");
                let pulled = self.both(at, entrance, &path).await?;
                let what = format!("{:?} {path}", ENTRANCES[entrance]);
                let at_hand = self.at_hand.contains(&(at, place, item));
                self.hold(at, before, &what, |now| {
                    let word = self.word(ENTRANCES[entrance], (place, item), now);
                    self.compare(&pulled.answer, &word, &digest, at_hand)
                })?;
                if matches!(pulled.answer, Answer::Allowed(_)) {
                    self.holds_bytes(&pulled.body, item)?;
                    served.push((at, place, item));
                }
            }
        }
        Ok(served)
    }

    fn holds_bytes(&self, body: &[u8], item: Item) -> Checked {
        let manifest = &self.site.manifests[item];
        match body == manifest.content.bytes {
            true => Ok(()),
            false => Err(format!("other bytes of {}", manifest.name)),
        }
    }

    async fn ask_tags(&self, at: usize, entrance: usize) -> Checked {
        for (number, tag) in TAGS.iter().enumerate() {
            let before = self.now(at);
            let path = format!("/v2/{}/manifests/{tag}", PLACES[APP]);
            let pulled = match self.trouble {
                Trouble::None => self.both(at, entrance, &path).await?,
                _ => self.pull(at, entrance, "GET", &path).await,
            };
            let what = format!("{:?} {path}", ENTRANCES[entrance]);
            let meant = self.reference.tags[number];
            self.hold(at, before, &what, |now| match (meant, self.trouble) {
                (None, _) if pulled.answer == Answer::Neither(404) => Ok(()),
                (Some(item), Trouble::None) => {
                    let word = self.word(ENTRANCES[entrance], (APP, item), now);
                    let digest = self.site.digest(item).to_string();
                    self.compare(&pulled.answer, &word, &digest, false)?;
                    match pulled.answer {
                        Answer::Allowed(_) => self.holds_bytes(&pulled.body, item),
                        _ => Ok(()),
                    }
                }
                // What it meant once may be served, if it may.
                _ => self.compare_any(&pulled.answer, ENTRANCES[entrance], now),
            })?;
        }
        Ok(())
    }

    fn compare_any(&self, answer: &Answer, entrance: Entrance, now: Timestamp) -> Checked {
        let mut items = Site::items(APP).into_iter();
        let allows = |item| self.word(entrance, (APP, item), now).allows();
        match answer {
            Answer::Allowed(told) => {
                let served = items.find(|item| self.site.digest(*item).to_string() == *told);
                let is_right = served.is_some_and(allows);
                is_right
                    .then_some(())
                    .ok_or_else(|| format!("served {told}"))
            }
            Answer::Denied(_) | Answer::Neither(_) => Ok(()),
        }
    }

    /// What refers to an image is told to whom the image is served.
    async fn ask_referrers(&self, at: usize, entrance: usize) -> Checked {
        if self.trouble != Trouble::None {
            return Ok(());
        }
        for (place, repository) in PLACES.iter().enumerate() {
            for item in Site::items(place) {
                let before = self.now(at);
                let path = format!("/v2/{repository}/referrers/{}", self.site.digest(item));
                let pulled = self.pull(at, entrance, "GET", &path).await;
                let what = format!("{:?} {path}", ENTRANCES[entrance]);
                self.hold(at, before, &what, |now| {
                    let word = self.word(ENTRANCES[entrance], (place, item), now);
                    self.compare(&pulled.answer, &word, "", false)
                })?;
            }
        }
        Ok(())
    }

    async fn ask_list(&self, at: usize, entrance: usize) -> Checked {
        let before = self.now(at);
        let path = format!("/v2/{}/tags/list", PLACES[APP]);
        let pulled = self.pull(at, entrance, "GET", &path).await;
        if self.trouble != Trouble::None {
            return Ok(());
        }
        let listed: Value = serde_json::from_slice(&pulled.body).map_err(|it| it.to_string())?;
        let listed: BTreeSet<&str> = strings(&listed["tags"]).collect();
        let what = format!("{:?} {path}", ENTRANCES[entrance]);
        self.hold(at, before, &what, |now| {
            let entrance = ENTRANCES[entrance];
            let is_served = |number: &usize| {
                let item = self.reference.tags[*number];
                item.is_some_and(|item| self.word(entrance, (APP, item), now).allows())
            };
            let served = (0..TAGS.len()).filter(is_served).map(|it| TAGS[it]);
            let expected: BTreeSet<&str> = served.collect();
            let difference = || format!("lists {listed:?}, and it should be {expected:?}");
            (listed == expected).then_some(()).ok_or_else(difference)
        })
    }

    fn cluster(&self, entrance: Entrance) -> ClusterPolicy {
        let exposure = match entrance.external {
            true => Exposure::External,
            false => Exposure::Internal,
        };
        let mut cluster = cluster(exposure);
        cluster.listener = Arc::new(Listener {
            name: "cluster prod".into(),
            environment: EnvironmentName::parse(ENVIRONMENTS[entrance.env]).unwrap(),
            exposure,
            repositories: Vec::new(),
            mirror_of: None,
        });
        cluster
    }

    /// A Pod that runs everything.
    async fn ask_admission(&self, at: usize, entrance: usize) -> Checked {
        let entrance = ENTRANCES[entrance];
        let before = self.now(at);
        let door = Door::of(&self.replicas[at], self.cluster(entrance));
        let all = (0..PLACES.len()).flat_map(|place| {
            Site::items(place)
                .into_iter()
                .map(move |item| (place, item))
        });
        let all: Vec<_> = all.collect();
        let named: Vec<String> = all.iter().map(|it| self.image(it.0, it.1)).collect();
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        let tried = door.validate(&review(json!({"object": pod(&named)}))).await;
        for (number, image) in all.into_iter().enumerate() {
            let key = format!("image-{number}");
            let told = tried.response["auditAnnotations"][&key].as_str();
            let what = format!("{entrance:?} admission of {}", named[number]);
            let mut told = told.ok_or_else(|| format!("{what}: {tried:?}"))?.split(' ');
            let (named, verdict) = (told.next().unwrap(), told.next().unwrap_or_default());
            let digest = named.rsplit('@').next().unwrap();
            let expected = self.site.digest(image.1).to_string();
            self.hold(at, before, &what, |now| {
                let word = self.word(entrance, image, now);
                let answer = match verdict {
                    "allowed" | "would-deny" | "break-glass" => Answer::Allowed(digest.to_owned()),
                    reason if word.denying.contains(reason) => Answer::Denied(reason.to_owned()),
                    reason if self.trouble != Trouble::None => Answer::Neither(reason.len() as u16),
                    reason => Answer::Denied(reason.to_owned()),
                };
                self.compare(&answer, &word, &expected, false)
            })?;
        }
        Ok(())
    }

    /// The verdict with everything against it, and what is told to pass.
    async fn ask_api(&self, at: usize, number: usize) -> Checked {
        let entrance = ENTRANCES[number];
        let exposure = if entrance.external {
            "external"
        } else {
            "internal"
        };
        let of = format!(
            "environment={}&exposure={exposure}",
            ENVIRONMENTS[entrance.env]
        );
        for (place, repository) in PLACES.iter().enumerate() {
            for item in Site::items(place) {
                let before = self.now(at);
                let image = self.image(place, item);
                let path = format!("/api/v1/verdicts?image={image}&{of}");
                let (status, told) = self.api(at, "GET", &path, None).await;
                if status != 200 && self.trouble != Trouble::None {
                    continue;
                }
                self.hold(at, before, &path, |now| {
                    let word = self.word(entrance, (place, item), now);
                    let reasons = told["reasons"].as_array().into_iter().flatten();
                    let reasons: BTreeSet<&str> =
                        reasons.filter_map(|it| it["reason"].as_str()).collect();
                    let is_right = told["allowed"] == word.allows() && reasons == word.against;
                    let difference = || format!("{status} {told}, and it should be {word:?}");
                    is_right.then_some(()).ok_or_else(difference)
                })?;
            }
            let before = self.now(at);
            let path = format!("/api/v1/passing?image={repository}&{of}");
            let (_, told) = self.api(at, "GET", &path, None).await;
            let images = told["images"].as_array().into_iter().flatten();
            for image in images.filter_map(|it| it["image"].as_str()) {
                self.hold(at, before, &path, |now| {
                    let mut items = Site::items(place).into_iter();
                    let named =
                        items.find(|item| image.ends_with(&self.site.digest(*item).to_string()));
                    let is_clean = named.is_some_and(|item| {
                        self.word(entrance, (place, item), now).against.is_empty()
                    });
                    is_clean
                        .then_some(())
                        .ok_or_else(|| format!("{image} is told to pass"))
                })?;
            }
        }
        Ok(())
    }
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// `sekisho: too-severe: …`
fn reason_in(phrase: &str) -> String {
    let rest = phrase.strip_prefix("sekisho: ").unwrap_or(phrase);
    rest.split(':').next().unwrap_or_default().to_owned()
}

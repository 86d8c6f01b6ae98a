//! Generated images: where they lie, what is known of them, and how they are named.

use proptest::prelude::*;
use proptest::sample::select;
use sekisho::demo::{DemoRegistry, SampleImage};
use sekisho::oci::Digest;
use serde_json::json;

use crate::kit::{Found, Setup, World, image};

pub const GATEWAY: &str = "gateway.corp:5080";

/// A repository that some list speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Library,
    Team,
    Corp,
    /// Where a tag means what was promoted under it.
    PromotedTags,
    /// The listener's `repositories` leave it out.
    NotByListener,
    /// The upstream's `repositories` leave it out.
    NotByUpstream,
    /// The environment's `upstreams` leave its upstream out.
    NotByPolicy,
}

use Place::*;

impl Place {
    pub fn is_at_corp(self) -> bool {
        matches!(self, Corp | NotByUpstream)
    }

    pub fn host(self) -> &'static str {
        match self.is_at_corp() {
            true => "registry.corp:5000",
            false => "docker.io",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Library => "library",
            Team | Corp => "team",
            PromotedTags => "promoted",
            NotByListener => "unlisted",
            NotByUpstream => "unserved",
            NotByPolicy => "barred",
        }
    }

    fn upstream(self, world: &World) -> &DemoRegistry {
        match self.is_at_corp() {
            true => &world.corp,
            false => &world.hub,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Sha256,
    Sha512,
}

use Algorithm::*;

/// What a name says behind the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suffix {
    Nothing,
    Tag,
    Digest(Algorithm),
    TagAndDigest(Algorithm),
}

/// How the repository is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    WithHost,
    /// Without what may be left out.
    Short,
    Index,
    AtGateway,
    ShortAtGateway,
    /// From here on names that nodes read otherwise, or that lead elsewhere.
    UpperHost,
    UpperName,
    DefaultPort,
    OtherPort,
    OldHub,
    TrailingDot,
    Scheme,
    Foreign,
    GatewayTwice,
    OtherGatewayPort,
}

use Spelling::*;

/// Promoted tags are asked for twice as often.
const PLACES: [Place; 8] = [
    Library,
    Team,
    Corp,
    PromotedTags,
    PromotedTags,
    NotByListener,
    NotByUpstream,
    NotByPolicy,
];

const READABLE: [Spelling; 5] = [WithHost, Short, Index, AtGateway, ShortAtGateway];
const UNREADABLE: [Spelling; 10] = [
    UpperHost,
    UpperName,
    DefaultPort,
    OtherPort,
    OldHub,
    TrailingDot,
    Scheme,
    Foreign,
    GatewayTwice,
    OtherGatewayPort,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    Never,
    Clean,
    Severe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promoted {
    Never,
    UnderItsTag,
    UnderAnotherTag,
}

/// What is said against a digest of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    Nothing,
    Revoked(Algorithm),
    Blocked(Algorithm),
}

/// An image in a state, and a name for it.
#[derive(Clone, Debug)]
pub struct AnyCase {
    /// Its own, so that every case has a repository and bytes of its own.
    pub number: usize,
    pub place: Place,
    pub spelling: Spelling,
    pub suffix: Suffix,
    pub scanned: Scanned,
    pub promoted: Promoted,
    pub against: Against,
    /// Which of its digests scan, promotion and tags are of.
    evidence: Algorithm,
    /// Whether the upstream's tag leads to another image in the end.
    has_moved: bool,
    /// Which door is asked first.
    pub first: usize,
}

pub fn any_case(number: usize) -> impl Strategy<Value = AnyCase> {
    let algorithm = || select(vec![Sha256, Sha256, Sha512]);
    let spelling = prop_oneof![3 => select(&READABLE[..]), 1 => select(&UNREADABLE[..])];
    let suffix = prop_oneof![
        Just(Suffix::Nothing),
        Just(Suffix::Tag),
        algorithm().prop_map(Suffix::Digest),
        algorithm().prop_map(Suffix::TagAndDigest),
    ];
    let scanned = select(vec![
        Scanned::Never,
        Scanned::Clean,
        Scanned::Clean,
        Scanned::Clean,
        Scanned::Severe,
    ]);
    let promoted = select(vec![
        Promoted::Never,
        Promoted::UnderItsTag,
        Promoted::UnderItsTag,
        Promoted::UnderAnotherTag,
    ]);
    let against = prop_oneof![
        3 => Just(Against::Nothing),
        1 => algorithm().prop_map(Against::Revoked),
        1 => algorithm().prop_map(Against::Blocked),
    ];
    let state = (scanned, promoted, against, algorithm(), any::<bool>());
    (select(&PLACES[..]), spelling, suffix, state, 0..3usize).prop_map(
        move |(place, spelling, suffix, state, first)| {
            let (scanned, promoted, against, evidence, has_moved) = state;
            AnyCase {
                number,
                place,
                spelling,
                suffix,
                scanned,
                promoted,
                against,
                evidence,
                has_moved,
                first,
            }
        },
    )
}

impl AnyCase {
    /// Whether nodes read the name as we do, and it lies at an upstream.
    pub fn is_readable(&self) -> bool {
        READABLE.contains(&self.spelling)
    }

    /// Its name at the upstream.
    pub fn name(&self) -> String {
        format!("{}/app-{}", self.place.folder(), self.number)
    }

    pub fn repository(&self) -> String {
        format!("{}/{}", self.place.host(), self.name())
    }

    /// Its name at the gateway.
    pub fn path(&self) -> String {
        match self.place.is_at_corp() {
            true => format!("corp/{}", self.name()),
            false => self.repository(),
        }
    }

    fn short_name(&self) -> String {
        let name = self.name();
        name.strip_prefix("library/").unwrap_or(&name).to_owned()
    }

    fn written_repository(&self) -> String {
        let (host, name) = (self.place.host(), self.name());
        let is_at_corp = self.place.is_at_corp();
        match self.spelling {
            Short if !is_at_corp => self.short_name(),
            Index if !is_at_corp => format!("index.docker.io/{name}"),
            WithHost | Short | Index => self.repository(),
            AtGateway => format!("{GATEWAY}/{}", self.path()),
            ShortAtGateway if is_at_corp => format!("{GATEWAY}/{}", self.path()),
            ShortAtGateway => format!("{GATEWAY}/docker.io/{}", self.short_name()),
            UpperHost => format!("{}/{name}", host.to_uppercase()),
            UpperName => format!("{host}/{}", name.to_uppercase()),
            DefaultPort => format!("docker.io:443/{name}"),
            OtherPort => format!("registry.corp:5001/{name}"),
            OldHub => format!("registry-1.docker.io/{name}"),
            TrailingDot => format!("docker.io./{name}"),
            Scheme => format!("https://{host}/{name}"),
            Foreign => format!("quay.io/{name}"),
            GatewayTwice => format!("{GATEWAY}/{GATEWAY}/{}", self.path()),
            OtherGatewayPort => format!("gateway.corp:5081/{}", self.path()),
        }
    }

    /// As a Pod names it.
    pub fn written(&self) -> String {
        let repository = self.written_repository();
        match self.suffix {
            Suffix::Nothing => repository,
            Suffix::Tag => format!("{repository}:1"),
            Suffix::Digest(algorithm) => format!("{repository}@{}", self.digest(algorithm)),
            Suffix::TagAndDigest(algorithm) => {
                format!("{repository}:1@{}", self.digest(algorithm))
            }
        }
    }

    /// What a node asks a registry for.
    pub fn reference(&self) -> String {
        match self.suffix {
            Suffix::Nothing | Suffix::Tag => self.tag().to_owned(),
            Suffix::Digest(algorithm) | Suffix::TagAndDigest(algorithm) => {
                self.digest(algorithm).to_string()
            }
        }
    }

    fn tag(&self) -> &'static str {
        match self.suffix {
            Suffix::Nothing => "latest",
            _ => "1",
        }
    }

    fn image_under(&self, algorithm: Algorithm) -> SampleImage {
        let mut image = image(&format!("generated-{}", self.number));
        if algorithm == Sha512 {
            image.manifest.digest = Digest::sha512(&image.manifest.bytes);
        }
        image
    }

    pub fn digest(&self, algorithm: Algorithm) -> Digest {
        self.image_under(algorithm).manifest.digest
    }

    /// Brings the image into its state.
    pub async fn stage(&self, world: &World) {
        let evidence = self.image_under(self.evidence);
        self.put(world, &evidence);
        let repository = self.repository();
        let severe = Found {
            id: "CVE-2026-0001",
            severity: "CRITICAL",
            package: "openssl",
        };
        match self.scanned {
            Scanned::Never => {}
            _ if self.place == NotByUpstream => {}
            Scanned::Clean => world.scan(&repository, &evidence, &[]).await,
            Scanned::Severe => world.scan(&repository, &evidence, &[severe]).await,
        }
        self.promote(world, &evidence.manifest.digest).await;
        if self.has_moved {
            let next = image(&format!("next-{}", self.number));
            let upstream = self.place.upstream(world);
            upstream.put_image(&self.name(), &next);
            upstream.tag(&self.name(), self.tag(), &next.manifest.digest);
        }
        if let Against::Revoked(algorithm) = self.against {
            world.revoke(&self.digest(algorithm)).await;
        }
    }

    fn put(&self, world: &World, evidence: &SampleImage) {
        let (upstream, name) = (self.place.upstream(world), self.name());
        for algorithm in [Sha256, Sha512] {
            upstream.put_image(&name, &self.image_under(algorithm));
        }
        for tag in ["1", "latest", "other"] {
            upstream.tag(&name, tag, &evidence.manifest.digest);
        }
    }

    async fn promote(&self, world: &World, digest: &Digest) {
        let tag = match self.promoted {
            Promoted::Never => return,
            Promoted::UnderItsTag => self.tag(),
            Promoted::UnderAnotherTag => "other",
        };
        let image = format!("{}:{tag}@{digest}", self.repository());
        let body = json!({"image": image, "environment": "production", "force": true});
        let reply = world.admin("POST", "/api/v1/promotions", Some(&body)).await;
        // What no pull would be served is not promoted either.
        let is_served = !matches!(self.place, NotByListener | NotByUpstream | NotByPolicy);
        assert_eq!(reply.status == 200, is_served, "{self:?}: {reply:?}");
    }
}

/// A gateway under whose policy every case has its place.
pub fn setup(cases: &[AnyCase]) -> Setup {
    let mut advisories = String::new();
    for case in cases {
        if let Against::Blocked(algorithm) = case.against {
            advisories += &format!(
                "[[advisory]]\nid = \"SEC-{}\"\ndigests = [\"{}\"]\neffect = \"block\"\n\
                 reason = \"implant\"\nlink = \"https://gitlab.example/14\"\n",
                case.number,
                case.digest(algorithm)
            );
        }
    }
    Setup::default()
        .top("advisories_dir = \"advisories\"")
        .file("advisories/1.toml", &advisories)
        .listener(LISTENER)
        .hub("tag_ttl = \"0s\"")
        .corp("tag_ttl = \"0s\"\nrepositories = [\"registry.corp:5000/team/**\"]")
        .more(TABLES)
}

const LISTENER: &str = "repositories = [\"registry.corp:5000/**\", \"docker.io/library/**\", \
                        \"docker.io/team/**\", \"docker.io/promoted/**\", \"docker.io/barred/**\"]";

const TABLES: &str = "[[environments.production.rules]]
repositories = [\"docker.io/promoted/**\"]
promoted_tags = true
[[environments.production.rules]]
repositories = [\"docker.io/barred/**\"]
upstreams = [\"registry.corp:5000\"]
[webhook]
address = \"127.0.0.1:0\"
[[clusters]]
name = \"shop\"
environment = \"production\"
gateway = \"gateway.corp:5080\"
nodes = \"mirror\"
";

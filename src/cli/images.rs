//! `sekisho images`.

use clap::Args;
use jiff::Timestamp;

use super::arguments::SharedArgs;
use super::client::{ApiClient, RemoteArgs};
use super::csv::csv;
use super::failure::{Exit, Failure};
use super::listing::{Listing, ListingArgs, before};
use super::output::{Palette, Table};
use crate::api::{
    ExposureWatchState, IMAGES, ImageList, ImageQuery, ImageView, MAX_IMAGES_LISTED, MatchView,
};
use crate::app::config::Period;
use crate::oci::{Digest, printable};
use crate::trust::EnvironmentName;

/// Find images: which hold a vulnerability or a package, where they run, who pulled them
/// last
#[derive(Debug, Args)]
#[command(
    after_help = "Looked at are the scans in force. What no scan covers is counted below the list: of
those images nothing is known. PODS is unknown where no cluster is followed
([[clusters]] with access to its API); ? behind a number: some of them name the
image by its tag alone.

Examples:
  sekisho images --cve CVE-2026-1234
  sekisho images --package xz-utils@5.6.1-1 --environment production
  sekisho images --package pkg:maven/org.apache.logging.log4j/log4j-core
  sekisho images --denied --since 7d --output csv > denied.csv
  sekisho images --digest sha256:…              an image, an index, an image ID or a layer"
)]
pub struct Images {
    /// That have this vulnerability, by any of its ids: CVE, GHSA or a vendor's
    #[arg(long, value_name = "ID")]
    cve: Option<String>,
    /// That hold this package: a name, name@version, or a package URL
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// That were denied, or would have been in enforce
    #[arg(long)]
    denied: bool,
    /// How far to look back for --denied
    #[arg(
        long,
        value_name = "PERIOD",
        default_value = "24h",
        requires = "denied"
    )]
    since: Period,
    /// That are, hold or lie in this digest
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// That are promoted to, or were asked for in this environment
    #[arg(long, value_name = "ENV")]
    environment: Option<EnvironmentName>,
    #[command(flatten)]
    listing: ListingArgs,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// What was found, and what was looked for.
struct FoundImages {
    list: ImageList,
    query: ImageQuery,
}

impl Listing for FoundImages {
    fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&self.list)
    }

    fn csv(&self) -> String {
        csv(SPREADSHEET, self.list.images.iter().map(row))
    }

    fn text(&self, palette: Palette) -> String {
        render(&self.list, &self.query, palette)
    }

    fn next(&self) -> Option<&str> {
        self.list.next.as_deref()
    }
}

impl Images {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let since = before(Timestamp::now(), self.since.into());
        let query = ImageQuery {
            cve: self.cve,
            package: self.package,
            digest: self.digest,
            denied: self.denied,
            since: self.denied.then_some(since),
            environment: self.environment,
            limit: None,
            page: self.listing.page.clone(),
        };
        let list = fetch(&client, &query, self.listing.limit).await?;
        self.listing.show(&FoundImages { list, query })?;
        Ok(Exit::Done)
    }
}

/// Page by page, until there are `limit`.
async fn fetch(client: &ApiClient, query: &ImageQuery, limit: usize) -> Result<ImageList, Failure> {
    let ask = async |wanted: usize, page: Option<String>| {
        let query = ImageQuery {
            limit: Some(wanted.min(MAX_IMAGES_LISTED)),
            page,
            ..query.clone()
        };
        client.get::<ImageList>(IMAGES, &query).await
    };
    let mut list = ask(limit, query.page.clone()).await?.body;
    while list.images.len() < limit && list.next.is_some() {
        let more = ask(limit - list.images.len(), list.next.take()).await?.body;
        list.images.extend(more.images);
        list.next = more.next;
    }
    Ok(list)
}

fn render(list: &ImageList, query: &ImageQuery, palette: Palette) -> String {
    let mut table = Table::new(["IMAGE", "FOUND", "PROMOTED", "PULLED", "BY", "PODS"]);
    for image in &list.images {
        let pull = image.pulled.first();
        table.row([
            &image.image,
            &found(image),
            &or_dash(environments(image)),
            &pull.map_or_else(|| "-".to_owned(), |pull| format!("{:.0}", pull.at)),
            &pull.map_or_else(|| "-".to_owned(), |_| puller(image)),
            &pods(image),
        ]);
    }
    let shown = match table.is_empty() {
        true => format!("{}\n", nothing(list, query)),
        false => table.render(palette),
    };
    shown + &unknown(list, query, palette)
}

/// Nothing was found, which says something only of what was scanned.
fn nothing(list: &ImageList, query: &ImageQuery) -> String {
    let coverage = &list.coverage;
    let scanned = coverage.known - coverage.unscanned;
    let of_contents = query.cve.is_some() || query.package.is_some();
    match (of_contents, coverage.known) {
        (_, 0) => "no image is known here".to_owned(),
        (true, _) if scanned == 0 => "nothing is known: no image was scanned".to_owned(),
        (true, known) => format!("in none of the {scanned} scanned images of {known}"),
        (false, known) => format!("none of {known} images"),
    }
}

/// What could not be found, because nobody looked.
fn unknown(list: &ImageList, query: &ImageQuery, palette: Palette) -> String {
    let coverage = &list.coverage;
    let mut told = Vec::new();
    if coverage.unscanned > 0 {
        told.push(format!(
            "{} of {} images have no whole scan: what they hold is unknown; sekisho scan due lists \
             what wants one",
            coverage.unscanned, coverage.known
        ));
    }
    if let Some(count) = coverage.without_packages.filter(|count| *count > 0) {
        told.push(format!(
            "the scans of {count} images list only packages with a finding; trivy \
             --list-all-pkgs lists all"
        ));
    }
    if let Some(oldest) = coverage.oldest_scan.filter(|_| query.cve.is_some()) {
        told.push(format!(
            "the oldest scan is of {oldest:.0}: what became known later is not in it"
        ));
    }
    let partly = list
        .clusters
        .iter()
        .filter(|it| it.pods != ExposureWatchState::Followed);
    told.extend(partly.map(|it| {
        let why = it.detail.as_deref().unwrap_or("its API is not asked");
        let (name, why) = (printable(&it.cluster, 100), printable(why, 300));
        format!("what runs in {name} is not wholly known: {why}")
    }));
    if list.clusters.is_empty() && !list.images.is_empty() {
        told.push("where they run is unknown: no cluster is configured".to_owned());
    }
    let word = palette.doubtful("unknown");
    let lines = told.iter().map(|line| format!("{word}: {line}\n"));
    lines.collect()
}

/// The worst finding and how many more, the package, or the reasons of a denial.
fn found(image: &ImageView) -> String {
    let worst = image
        .matches
        .iter()
        .max_by_key(|it| (it.severity, it.id.is_some()));
    if let Some(worst) = worst {
        let more = match image.matches.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        return format!("{}{more}", one(worst));
    }
    match (image.denials.first(), image.scanned_at) {
        (Some(denial), _) => {
            let codes: Vec<&str> = denial.reasons.iter().map(|it| it.code()).collect();
            format!("{} {}x", codes.join(","), denial.count)
        }
        (None, Some(at)) => format!("scanned {at:.0}"),
        (None, None) => "not scanned: unknown".to_owned(),
    }
}

fn one(found: &MatchView) -> String {
    let rated = found.severity.map_or("unrated", |it| it.as_str());
    let package = format!("{} {}", found.package, found.installed);
    match &found.id {
        Some(id) => format!("{id} {rated} {}", package.trim_end()),
        None => package.trim_end().to_owned(),
    }
}

fn environments(image: &ImageView) -> String {
    let promoted: Vec<&str> = image.promoted.iter().map(|it| it.as_str()).collect();
    promoted.join(",")
}

fn or_dash(text: String) -> String {
    match text.is_empty() {
        true => "-".to_owned(),
        false => text,
    }
}

/// Who pulled it last, and in which environment.
fn puller(image: &ImageView) -> String {
    let Some(pull) = image.pulled.first() else {
        return String::new();
    };
    let who = pull.principal.as_deref().unwrap_or("unknown");
    let client = pull.client.as_ref().map(|it| format!(" at {it}"));
    let environment = &pull.environment;
    format!("{who}{} in {environment}", client.unwrap_or_default())
}

fn pods(image: &ImageView) -> String {
    let Some(pods) = &image.pods else {
        return "unknown".to_owned();
    };
    let Some(first) = pods.first() else {
        return "none".to_owned();
    };
    let doubt = if pods.iter().any(|it| it.by_name) {
        "?"
    } else {
        ""
    };
    let workload = first.workload.as_ref().unwrap_or(&first.pod);
    format!(
        "{}{doubt}: {}/{} {workload}",
        pods.len(),
        first.cluster,
        first.namespace
    )
}

/// One row for each image; what is unknown says so.
const SPREADSHEET: [&str; 13] = [
    "image",
    "platform",
    "scanned_at",
    "vulnerabilities",
    "packages",
    "severity",
    "denied",
    "promoted",
    "pulled_at",
    "pulled_in",
    "pulled_by",
    "pulled_from",
    "pods",
];

fn row(image: &ImageView) -> [String; 13] {
    let pull = image.pulled.first();
    let ids = image.matches.iter().filter_map(|it| it.id.clone());
    let packages = image.matches.iter();
    let packages = packages.map(|it| format!("{} {}", it.package, it.installed));
    let worst = image.matches.iter().filter_map(|it| it.severity).max();
    let reasons = image.denials.iter().flat_map(|it| &it.reasons);
    let pods = image.pods.as_ref().map(|pods| {
        let named = pods.iter();
        joined(named.map(|it| format!("{}/{}/{}", it.cluster, it.namespace, it.pod)))
    });
    [
        image.image.clone(),
        text(image.platform.as_ref()),
        text(image.scanned_at),
        joined(ids),
        joined(packages),
        text(worst),
        joined(reasons.map(|it| it.code().to_owned())),
        joined(image.promoted.iter().map(ToString::to_string)),
        text(pull.map(|it| it.at)),
        text(pull.map(|it| &it.environment)),
        text(pull.map(|it| it.principal.as_deref().unwrap_or("unknown"))),
        text(pull.and_then(|it| it.client.as_ref())),
        pods.unwrap_or_else(|| "unknown".to_owned()),
    ]
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|it| it.to_string()).unwrap_or_default()
}

/// Once each, in order.
fn joined(parts: impl Iterator<Item = String>) -> String {
    let mut once: Vec<String> = Vec::new();
    for part in parts {
        if !once.contains(&part) {
            once.push(part);
        }
    }
    once.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(images: &str, clusters: &str, unscanned: usize) -> ImageList {
        let text = format!(
            r#"{{"images":{images},"next":null,"coverage":{{"known":3,"unscanned":{unscanned},
            "without_packages":null,"oldest_scan":"2026-06-01T00:00:00Z"}},"clusters":{clusters}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    const IMAGE: &str = r#"[{"image":"registry.corp/app@sha256:00","digest":
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "platform":"linux/amd64","scanned_at":"2026-06-01T00:00:00Z","matches":[
        {"id":"CVE-1","severity":"high","package":"openssl","installed":"3.0.1","fixed":null,
         "tool":"trivy","scan":"scan:1","scanned_at":"2026-06-01T00:00:00Z"},
        {"id":"CVE-1","severity":"low","package":"=cmd","installed":"1","fixed":null,
         "tool":"trivy","scan":"scan:1","scanned_at":"2026-06-01T00:00:00Z"}],
        "promoted":["production"],"pulled":[{"environment":"production",
         "at":"2026-06-02T00:00:00Z","principal":"node-7","client":"10.0.0.7"}],
        "pods":null}]"#;

    fn cve() -> ImageQuery {
        ImageQuery {
            cve: Some("CVE-1".to_owned()),
            ..ImageQuery::default()
        }
    }

    #[test]
    fn tells_what_is_found_who_pulled_it_and_what_is_unknown() {
        let told = render(&list(IMAGE, "[]", 2), &cve(), Palette::plain());
        for part in [
            "CVE-1 high openssl 3.0.1 and 1 more",
            "node-7 at 10.0.0.7 in production",
            "  unknown\n",
            "unknown: 2 of 3 images have no whole scan",
            "unknown: where they run is unknown",
            "the oldest scan is of 2026-06-01",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        let found = FoundImages {
            list: list(IMAGE, "[]", 2),
            query: cve(),
        };
        let table = found.csv();
        let row = table.lines().nth(1).unwrap();
        assert!(row.contains("CVE-1,openssl 3.0.1; =cmd 1,high"), "{row}");
        assert!(row.ends_with("node-7,10.0.0.7,unknown"), "{row}");
    }

    #[test]
    fn what_nobody_scanned_is_no_all_clear() {
        let none = render(&list("[]", "[]", 3), &cve(), Palette::plain());
        assert!(
            none.starts_with("nothing is known: no image was scanned\n"),
            "{none}"
        );
        let some = render(&list("[]", "[]", 1), &cve(), Palette::plain());
        assert!(
            some.starts_with("in none of the 2 scanned images of 3\n"),
            "{some}"
        );
        assert!(some.contains("unknown: 1 of 3 images"), "{some}");
    }

    #[test]
    fn a_cluster_that_is_not_followed_is_told() {
        let clusters = r#"[{"cluster":"prod","environment":"production","pods":"partly",
            "detail":"pods: forbidden"}]"#;
        let told = render(&list(IMAGE, clusters, 0), &cve(), Palette::plain());
        assert!(
            told.contains("what runs in prod is not wholly known: pods: forbidden"),
            "{told}"
        );
    }
}

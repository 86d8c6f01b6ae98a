//! `sekisho images`.

use clap::Args;
use jiff::Timestamp;

use super::arguments::{SharedArgs, image_filter};
use super::client::{ApiClient, RemoteArgs};
use super::failure::{Exit, Failure};
use super::listing::{Listing, ListingArgs, before};
use super::output::{Palette, Table};
use crate::api::{IMAGES, ImageList, ImageQuery, ImageView, MAX_IMAGES_LISTED, MatchView};
use crate::app::config::Period;
use crate::oci::{Digest, counted, distinct, readable};
use crate::report::sourced;
use crate::trust::EnvironmentName;

/// Find images: which hold a vulnerability or a package, where they run, who pulled them
/// last
#[derive(Debug, Args)]
#[command(
    after_help = "Looked at are the scans in force. What no scan covers is counted below the list: of
those images nothing is known. PODS is unknown where no cluster is followed
([[clusters]] with access to its API); ? behind a number: some of them name the
image by its tag alone; ! behind it: requests from outside reach some of them.

Examples:
  sekisho images --cve CVE-2026-1234
  sekisho images --cve CVE-2026-1234 --exposed     what outsiders can reach, first of all
  sekisho images --advisory SEC-2026-014
  sekisho images team/app
  sekisho images --package xz-utils@5.6.1-1 --environment production
  sekisho images --package pkg:maven/org.apache.logging.log4j/log4j-core
  sekisho images --denied --since 7d --output csv > denied.csv
  sekisho images --digest sha256:…              an image, an index, an image ID or a layer"
)]
pub struct Images {
    /// Whose name has this part, or fits this glob over host/name
    #[arg(value_name = "NAME", value_parser = image_filter)]
    name: Option<String>,
    /// That have this vulnerability, by any of its ids: CVE, GHSA or a vendor's
    #[arg(long, value_name = "ID", value_parser = vulnerability)]
    cve: Option<String>,
    /// That hold this package: a name, name@version, or a package URL
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// That this advisory of the security department speaks of
    #[arg(long, value_name = "ID")]
    advisory: Option<String>,
    /// That Pods run
    #[arg(long)]
    running: bool,
    /// That Pods run which requests from outside can reach
    #[arg(long)]
    exposed: bool,
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

/// What can be the id of none would be in no image, and pass for an all-clear.
fn vulnerability(id: &str) -> Result<String, String> {
    let query = ImageQuery {
        cve: Some(id.to_owned()),
        ..ImageQuery::default()
    };
    match query.unheard_of() {
        None => Ok(id.to_owned()),
        Some(why) => Err(format!(
            "{why}; packages are found by --package, digests by --digest"
        )),
    }
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
        self.list.spreadsheet()
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
            name: self.name,
            advisory: self.advisory,
            running: self.running,
            exposed: self.exposed,
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
    let by_contents = [&query.cve, &query.package, &query.advisory];
    let of_contents = by_contents.iter().any(|it| it.is_some());
    let of_pods = query.running || query.exposed;
    match (of_contents, coverage.known) {
        (_, 0) => "no image is known here".to_owned(),
        _ if of_pods && list.clusters.is_empty() => {
            "nothing is known to run: no cluster is configured".to_owned()
        }
        (_, known) if of_pods => format!(
            "no Pod is known to run one of them, of {}",
            counted(known, "image")
        ),
        (true, _) if scanned == 0 => "nothing is known: no image was scanned".to_owned(),
        (true, known) => {
            let told = format!("in none of the scanned images, {scanned} of {known}");
            let unheard = query.cve.as_ref().filter(|_| is_of_id_alone(query));
            match unheard.map(|id| readable(id, 100)) {
                None => told,
                Some(id) => format!("{told}: no report names {id}; is the id right?"),
            }
        }
        (false, known) => format!("none of {}", counted(known, "image")),
    }
}

/// Whether nothing but the id narrows the search.
fn is_of_id_alone(query: &ImageQuery) -> bool {
    let others = [&query.package, &query.advisory, &query.name, &query.page];
    others.iter().all(|it| it.is_none())
        && query.digest.is_none()
        && query.environment.is_none()
        && !query.denied
}

/// What could not be found, because nobody looked.
fn unknown(list: &ImageList, query: &ImageQuery, palette: Palette) -> String {
    let word = palette.doubtful("unknown");
    let told = list.unknown(query.cve.is_some());
    told.iter()
        .map(|line| format!("{word}: {line}\n"))
        .collect()
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
            let codes = distinct(denial.reasons.iter().map(|it| it.code()));
            format!("{} {}x", codes.join(","), denial.count)
        }
        (None, Some(at)) => format!("scanned {at:.0}"),
        (None, None) => "not scanned: unknown".to_owned(),
    }
}

fn one(found: &MatchView) -> String {
    let rated = found.severity.map_or("unrated", |it| it.as_str());
    let package = sourced(&found.package, &found.installed, found.source.as_deref());
    match &found.id {
        Some(id) => format!("{id} {rated} {package}"),
        None => package,
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
    let reached = pods.iter().find(|it| it.reached_by.is_some());
    let Some(first) = reached.or(pods.first()) else {
        return "none".to_owned();
    };
    let doubt = match pods.iter().any(|it| it.by_name) {
        true => "?",
        false => "",
    };
    let reached = match pods.iter().any(|it| it.reached_by.is_some()) {
        true => "!",
        false => "",
    };
    let workload = first.workload.as_ref().unwrap_or(&first.pod);
    format!(
        "{}{doubt}{reached}: {}/{} {workload}",
        pods.len(),
        first.cluster,
        first.namespace
    )
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
            "unknown: without a whole scan: 2 of 3 images",
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
        assert!(row.ends_with("node-7,10.0.0.7,unknown,"), "{row}");
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
            some.starts_with(
                "in none of the scanned images, 2 of 3: no report names CVE-1; is the id right?\n"
            ),
            "{some}"
        );
        assert!(
            some.contains("unknown: without a whole scan: 1 of 3 images"),
            "{some}"
        );
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

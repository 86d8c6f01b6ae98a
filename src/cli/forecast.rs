//! `sekisho forecast`.

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::arguments::SharedArgs;
use super::client::{ApiClient, RemoteArgs};
use super::failure::{Exit, Failure};
use super::listing::{ListOutput, csv_out, list_output};
use super::output::{Output, Palette, Table, say};
use crate::api::{
    FORECAST, ForecastList, ForecastQuery, ForecastView, MAX_FORECAST_HOURS, RunningPodView,
};
use crate::app::config::Period;
use crate::oci::{counted, distinct};
use crate::trust::EnvironmentName;

/// What will be denied, and why: first of what runs, the Pods that could not start again
#[derive(Debug, Args)]
#[command(
    after_help = "Looked at is what Pods run, was pulled within 30 days or is promoted: each is judged again
at each moment at which a scan, a grace, an exception, an advisory, a vouching or an override
ends. What cannot be judged is counted below the list. Exits 3 if a Pod that runs could not
start again within that time.

Examples:
  sekisho forecast
  sekisho forecast --within 1d --running
  sekisho forecast --within 30d --environment production --output csv > ends.csv"
)]
pub struct ShowForecast {
    /// How far to look ahead; 90d at most
    #[arg(long, value_name = "PERIOD", default_value = "7d")]
    within: Period,
    /// Only what Pods run
    #[arg(long)]
    running: bool,
    /// Only in this environment
    #[arg(long, value_name = "ENV")]
    environment: Option<EnvironmentName>,
    /// text for people, json for scripts, csv for spreadsheets
    #[arg(
        short,
        long,
        value_name = "text|json|csv",
        default_value = "text",
        value_parser = list_output()
    )]
    output: ListOutput,
    #[command(flatten)]
    remote: RemoteArgs,
}

impl ShowForecast {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let hours = SignedDuration::from(self.within).as_hours().max(1);
        if hours > i64::from(MAX_FORECAST_HOURS) {
            let most = MAX_FORECAST_HOURS / 24;
            return Err(Failure::usage(format!(
                "--within {}: so far nothing is foreseen; {most}d at most",
                self.within
            )));
        }
        let client = self.remote.client(shared)?;
        let query = ForecastQuery {
            within_hours: Some(u32::try_from(hours).unwrap_or(u32::MAX)),
            environment: self.environment,
            running: self.running,
            ..ForecastQuery::default()
        };
        let list = fetch(&client, query).await?;
        match self.output {
            ListOutput::Json => {
                let unwritten = |error| Failure::new(format!("cannot write the list: {error}"));
                say(&serde_json::to_string(&list).map_err(unwritten)?)?;
            }
            ListOutput::Csv => csv_out(&list.spreadsheet())?,
            ListOutput::Text => Output::Text.show("", |palette| render(&list, palette))?,
        }
        Ok(match list.denials.iter().any(|it| !it.pods.is_empty()) {
            true => Exit::Denied,
            false => Exit::Done,
        })
    }
}

/// All pages as one.
async fn fetch(client: &ApiClient, query: ForecastQuery) -> Result<ForecastList, Failure> {
    let mut list = client.get::<ForecastList>(FORECAST, &query).await?.body;
    while let Some(page) = list.next.take() {
        let query = ForecastQuery {
            page: Some(page),
            ..query.clone()
        };
        let more = client.get::<ForecastList>(FORECAST, &query).await?.body;
        list.denials.extend(more.denials);
        list.coverage.judged += more.coverage.judged;
        list.coverage.unknown += more.coverage.unknown;
        list.coverage.denied_already += more.coverage.denied_already;
        list.next = more.next;
    }
    let order = |it: &ForecastView| (it.pods.is_empty(), it.at, it.image.clone());
    list.denials.sort_by_cached_key(order);
    Ok(list)
}

fn render(list: &ForecastList, palette: Palette) -> String {
    let mut table = Table::new(["WHEN", "CAUSE", "ENVIRONMENT", "PODS", "REASON", "IMAGE"]);
    for denial in &list.denials {
        table.row([
            &when(denial.at, list.from),
            &cause(denial),
            denial.environment.as_str(),
            &pods(&denial.pods),
            &reasons(denial),
            &denial.image,
        ]);
    }
    let shown = match table.is_empty() {
        true => format!("{}\n", nothing(list)),
        false => table.render(palette) + &next_steps(list),
    };
    let ends = list.certificates.iter().map(|end| {
        let (at, word) = (when(Some(end.at), list.from), palette.bad("certificate"));
        format!("{word}: that of {} ends {at}\n", end.listener)
    });
    shown + &denied_already(list, palette) + &ends.collect::<String>() + &unknown(list, palette)
}

/// An end that is near in minutes or hours, another by its day.
fn when(at: Option<Timestamp>, now: Timestamp) -> String {
    let Some(at) = at else {
        return "now".to_owned();
    };
    let left = at.duration_since(now);
    match left.as_hours() {
        ..1 => format!("in {}m", left.as_mins().max(0)),
        hours @ 1..48 => format!("in {hours}h"),
        hours => format!("in {}d", hours / 24),
    }
}

fn cause(denial: &ForecastView) -> String {
    match &denial.ends {
        Some(what) => format!("{} {what}", denial.cause),
        None => denial.cause.clone(),
    }
}

fn reasons(denial: &ForecastView) -> String {
    let codes = distinct(denial.reasons.iter().map(|it| it.reason.code()));
    codes.join(",")
}

fn pods(pods: &[RunningPodView]) -> String {
    let Some(first) = pods.first() else {
        return "-".to_owned();
    };
    let workload = first.workload.as_ref().unwrap_or(&first.pod);
    let count = pods.len();
    format!("{count}: {}/{} {workload}", first.cluster, first.namespace)
}

/// What to do about the first of each kind.
fn next_steps(list: &ForecastList) -> String {
    let mut told: Vec<String> = Vec::new();
    let firsts = list.denials.iter().filter_map(|it| it.reasons.first());
    for reason in firsts {
        let line = format!("{}: {}\n", reason.reason.code(), reason.next_step);
        if !told.contains(&line) && told.len() < 5 {
            told.push(line);
        }
    }
    told.concat()
}

fn nothing(list: &ForecastList) -> String {
    let coverage = &list.coverage;
    let known = coverage.judged.saturating_sub(coverage.unknown);
    let (still_let_in, until) = (known.saturating_sub(coverage.denied_already), list.until);
    match (known, still_let_in) {
        (0, _) => "nothing can be foreseen: no image in use is known".to_owned(),
        (known, 0) => {
            let known = counted(known, "image");
            format!("denied already: all that is known to be in use, {known}")
        }
        (known, left) if left == known => {
            let known = counted(known, "image");
            format!("of {known} in use none will be denied until {until:.0}")
        }
        (known, left) => format!(
            "of {known} images in use, {left} let in now: none of these will be denied until \
             {until:.0}"
        ),
    }
}

/// What is denied already and runs nowhere is none of the list: it is counted.
fn denied_already(list: &ForecastList, palette: Palette) -> String {
    let listed = list.denials.iter().filter(|it| it.at.is_none()).count();
    match list.coverage.denied_already.saturating_sub(listed) {
        0 => String::new(),
        count => format!(
            "{}: {} in use that no Pod is known to run; sekisho denials lists what was asked for, \
             sekisho explain IMAGE tells why\n",
            palette.bad("denied already"),
            counted(count, "image")
        ),
    }
}

/// What could not be looked at.
fn unknown(list: &ForecastList, palette: Palette) -> String {
    let word = palette.doubtful("unknown");
    let told = list.unknown();
    told.iter()
        .map(|line| format!("{word}: {line}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(denials: &str, coverage: &str) -> ForecastList {
        let text = format!(
            r#"{{"from":"2026-06-01T00:00:00Z","until":"2026-06-08T00:00:00Z","denials":{denials},
            "next":null,"coverage":{coverage},"certificates":[],"clusters":[]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    const DENIAL: &str = r#"[{"image":"registry.corp/app@sha256:00","digest":
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "environment":"production","exposure":"external","at":"2026-06-01T20:00:00Z",
        "cause":"exception-ends","ends":"team.toml#2","reasons":[{"reason":"too-severe",
        "detail":"CVE-1 high","next_step":"rebuild with the fix"}],"pods":[
        {"cluster":"a","namespace":"shop","pod":"web-1","workload":"ReplicaSet/web"}]}]"#;

    const KNOWN: &str = r#"{"in_use":3,"running":1,"judged":3,"unknown":1,"unnamed_pods":0}"#;

    #[test]
    fn tells_when_why_what_runs_and_what_to_do() {
        let told = render(&list(DENIAL, KNOWN), Palette::plain());
        for part in [
            "in 20h",
            "exception-ends team.toml#2",
            "1: a/shop ReplicaSet/web",
            "too-severe: rebuild with the fix",
            "unknown: never judged here, so that nothing is foreseen of it: 1 image in use",
            "unknown: which Pods run is unknown",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
    }

    #[test]
    fn the_last_hour_is_told_in_minutes() {
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        for (at, told) in [
            ("2026-05-31T23:00:00Z", "in 0m"),
            ("2026-06-01T00:59:59Z", "in 59m"),
            ("2026-06-01T01:00:00Z", "in 1h"),
            ("2026-06-02T23:59:59Z", "in 47h"),
            ("2026-06-03T00:00:00Z", "in 2d"),
        ] {
            assert_eq!(when(Some(at.parse().unwrap()), now), told);
        }
    }

    #[test]
    fn what_is_denied_already_is_no_all_clear() {
        let some = r#"{"in_use":7,"running":0,"judged":7,"unknown":0,"denied_already":1,
            "unnamed_pods":0}"#;
        let told = render(&list("[]", some), Palette::plain());
        for part in [
            "of 7 images in use, 6 let in now: none of these will be denied",
            "denied already: 1 image in use",
            "sekisho denials",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        let all = r#"{"in_use":1,"running":0,"judged":1,"unknown":0,"denied_already":1,
            "unnamed_pods":0}"#;
        let told = render(&list("[]", all), Palette::plain());
        assert!(
            told.starts_with("denied already: all that is known"),
            "{told}"
        );
        assert!(told.contains("in use, 1 image\n"), "{told}");
    }

    #[test]
    fn what_is_not_known_is_no_all_clear() {
        let none = r#"{"in_use":2,"running":0,"judged":2,"unknown":2,"unnamed_pods":1}"#;
        let told = render(&list("[]", none), Palette::plain());
        assert!(told.starts_with("nothing can be foreseen"), "{told}");
        let some = render(&list("[]", KNOWN), Palette::plain());
        assert!(some.starts_with("of 2 images in use none will"), "{some}");
    }
}

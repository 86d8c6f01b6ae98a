//! `sekisho status`.

use clap::Args;
use serde::Serialize;

use super::arguments::{OutputArgs, SharedArgs};
use super::break_glass::still_denied;
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use super::output::{Palette, Table, bytes, seconds};
use crate::api::{
    AuditStatus, LedgerStatus, NotifyTargetStatus, PRODUCT, ReasonCount, RemoteTierStatus, STATUS,
    Status, UpstreamState,
};
use crate::oci::{counted, readable};

/// One screen: is it Sekisho, in which modes, and is all well?
#[derive(Debug, Args)]
#[command(
    after_help = "With --exit-code it exits 1 where something needs somebody now: a certificate that
ends within 14 days, an upstream that fails, a file that is not in force, a ledger or
log that cannot be written. What is only worth a second look does not count.

Examples:
  sekisho status
  sekisho status --exit-code > /dev/null || page-somebody
  sekisho status --server https://sekisho.example --output json"
)]
pub struct ShowStatus {
    /// Exit 1 where something needs somebody now
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

#[derive(Serialize)]
struct Nothing {}

impl ShowStatus {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let answer = client.get::<Status>(STATUS, &Nothing {}).await?;
        if answer.body.product != PRODUCT {
            let product = readable(&answer.body.product, 64);
            let message = format!("{} is {product}, not Sekisho", client.server());
            return Err(Failure::new(message));
        }
        let server = client.server().as_str();
        self.screen
            .output
            .show(&answer.raw, |palette| render(&answer.body, server, palette))?;
        Ok(match self.exit_code && !answer.body.problems.is_empty() {
            true => Exit::Failure,
            false => Exit::Done,
        })
    }
}

fn render(status: &Status, server: &str, palette: Palette) -> String {
    let version = readable(&status.version, 40);
    let policy = readable(&status.policy_revision, 32);
    let parts = [
        format!("Sekisho {version} at {server}, policy {policy}\n"),
        environments(status).render(palette),
        break_glass(status, palette),
        listeners(status).render(palette),
        clusters(status, palette),
        upstreams(status).render(palette),
        stores(status),
        replicas(status, palette),
        warnings(status, palette),
    ];
    let told = parts.into_iter().filter(|part| !part.is_empty());
    told.collect::<Vec<_>>().join("\n")
}

fn environments(status: &Status) -> Table {
    let mut table = Table::new(["ENVIRONMENT", "MODE", "UNTIL", "FOR"]);
    for environment in &status.environments {
        let set = environment.set.as_ref();
        table.row([
            environment.name.as_str(),
            environment.mode.as_str(),
            &set.map_or_else(|| "-".to_owned(), |set| format!("{:.0}", set.until)),
            set.map_or("-", |set| &set.ticket),
        ]);
    }
    table
}

/// Nothing where nothing is let through.
fn break_glass(status: &Status, palette: Palette) -> String {
    let mut table = Table::new([
        "BREAK-GLASS",
        "ENVIRONMENT",
        "UNTIL",
        "BY",
        "FOR",
        "STILL DENIED",
        "REASON",
    ]);
    for grant in &status.break_glass {
        let digest = grant.digest.to_string();
        table.row([
            grant.image.as_ref().unwrap_or(&digest),
            grant.environment.as_str(),
            &format!("{:.0}", grant.until),
            &grant.granted_by,
            &grant.ticket,
            &still_denied(grant),
            &grant.reason,
        ]);
    }
    match table.is_empty() {
        true => String::new(),
        false => table.render(palette),
    }
}

fn listeners(status: &Status) -> Table {
    let head = [
        "LISTENER",
        "ENVIRONMENT",
        "EXPOSURE",
        "TLS",
        "AUTH",
        "CERTIFICATE",
    ];
    let mut table = Table::new(head);
    for listener in &status.listeners {
        let expiry = listener.certificate_expires_in_s;
        table.row([
            &listener.address,
            listener.environment.as_str(),
            listener.exposure.as_str(),
            if listener.tls { "yes" } else { "no" },
            &listener.auth,
            &expiry.map_or_else(|| "-".to_owned(), |left| format!("for {}", seconds(left))),
        ]);
    }
    table
}

/// Nothing where no cluster asks.
fn clusters(status: &Status, palette: Palette) -> String {
    let mut table = Table::new(["CLUSTER", "ENVIRONMENT", "EXPOSURE", "WAYS", "DETAIL"]);
    for cluster in &status.clusters {
        table.row([
            &cluster.name,
            cluster.environment.as_str(),
            cluster.exposure.as_str(),
            cluster.ways.as_str(),
            cluster.detail.as_deref().unwrap_or(""),
        ]);
    }
    match table.is_empty() {
        true => String::new(),
        false => table.render(palette),
    }
}

fn upstreams(status: &Status) -> Table {
    let mut table = Table::new(["UPSTREAM", "STATE", "DETAIL"]);
    for upstream in &status.upstreams {
        let state: UpstreamState = upstream.state;
        let detail = upstream.detail.as_deref().unwrap_or("");
        table.row([upstream.name.as_str(), state.as_str(), detail]);
    }
    table
}

/// Nothing where one process serves alone.
fn replicas(status: &Status, palette: Palette) -> String {
    if status.replicas.len() < 2 {
        return String::new();
    }
    let mut table = Table::new(["REPLICA", "ID", "VERSION", "STARTED", "SEEN", "BEHIND"]);
    for replica in &status.replicas {
        let seen = match (replica.this, replica.live) {
            (true, _) => "answers".to_owned(),
            (false, true) => format!("{} ago", seconds(replica.seen_ago_s)),
            (false, false) => format!("gone, {} ago", seconds(replica.seen_ago_s)),
        };
        table.row([
            &*readable(&replica.name, 60),
            &readable(&replica.id, 20),
            &readable(&replica.version, 20),
            &format!("{:.0}", replica.started_at),
            &seen,
            &replica.changes_behind.to_string(),
        ]);
    }
    table.render(palette)
}

fn stores(status: &Status) -> String {
    let ledger = &status.ledger;
    let state = if ledger.loaded { "" } else { ", still loading" };
    let unwritten = unwritten(ledger.problem.as_deref());
    let lag = lag(ledger);
    let cache = &status.cache;
    let free = cache.free_bytes;
    let free = free.map_or_else(String::new, |free| format!(", {} free", bytes(free)));
    let denied = match status.top_reasons.is_empty() {
        true => "no image".to_owned(),
        false => by_reason(&status.top_reasons),
    };
    let running = match status.running_denied.is_empty() {
        true => String::new(),
        false => {
            let denied = by_reason(&status.running_denied);
            format!("running, and would be denied now: {denied}\n")
        }
    };
    let time = match status.counted_since {
        None => "in the last hour".to_owned(),
        Some(at) => format!("since {at:.0}"),
    };
    format!(
        "ledger: change {}, confirmed {} ago{lag}{state}{unwritten}\n{}{}cache: {} of {}{free}\n{}\
         {running}denied {time}, and not let through since: {denied}\n",
        ledger.seq,
        seconds(ledger.age_s),
        audit(&status.audit),
        notifications(&status.notifications),
        bytes(cache.bytes),
        bytes(cache.max_bytes),
        remote(cache.remote.as_ref()),
    )
}

/// Images by reason and environment, in one line.
fn by_reason(reasons: &[ReasonCount]) -> String {
    let told = reasons
        .iter()
        .map(|it| format!("{} {} in {}", it.images, it.reason, it.environment));
    told.collect::<Vec<_>>().join(", ")
}

fn remote(remote: Option<&RemoteTierStatus>) -> String {
    let Some(remote) = remote else {
        return String::new();
    };
    let waiting = match remote.waiting {
        0 => String::new(),
        waiting => format!(", {waiting} wait for {}", seconds(remote.lag_s)),
    };
    let problem = remote.problem.as_deref();
    let problem = problem.map_or_else(String::new, |it| format!(", {}", readable(it, 200)));
    let url = readable(&remote.url, 200);
    format!("remote tier: {url}{waiting}{problem}\n")
}

/// How long the last write of another process took; nothing while only this one writes.
fn lag(ledger: &LedgerStatus) -> String {
    let lag = ledger
        .lag_ms
        .map(|lag| format!(", the last write elsewhere in force after {lag} ms"));
    lag.unwrap_or_default()
}

fn unwritten(problem: Option<&str>) -> String {
    problem.map_or_else(String::new, |problem| {
        format!(", cannot be written: {}", readable(problem, 200))
    })
}

/// Nothing while it is well.
fn audit(audit: &AuditStatus) -> String {
    match audit.problem.is_some() || audit.waiting > 0 {
        true => format!(
            "audit log: waiting: {}{}\n",
            counted(audit.waiting, "decision"),
            unwritten(audit.problem.as_deref())
        ),
        false => String::new(),
    }
}

/// A line for each of who is told.
fn notifications(targets: &[NotifyTargetStatus]) -> String {
    let line = |target: &NotifyTargetStatus| {
        let name = readable(&target.name, 64);
        let answer = match (target.status, &target.error) {
            (Some(status), _) => format!("it answered {status}"),
            (None, Some(error)) => readable(error, 200),
            (None, None) => "nothing sent since the start".to_owned(),
        };
        let at = target.last_at.map(|at| format!(" at {at:.0}"));
        let waiting = match target.waiting {
            0 => String::new(),
            waiting => format!(", waiting: {}", counted(waiting, "thing")),
        };
        format!(
            "notify {name}: {answer}{}{waiting}\n",
            at.unwrap_or_default()
        )
    };
    targets.iter().map(line).collect()
}

fn warnings(status: &Status, palette: Palette) -> String {
    let line = |warning: &String| {
        let word = match status.problems.contains(warning) {
            true => palette.bad("warning"),
            false => palette.doubtful("warning"),
        };
        format!("{word}: {}\n", readable(warning, 400))
    };
    status.warnings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_on_one_screen() {
        let status: Status = serde_json::from_str(
            r#"{"product":"sekisho","version":"0.1.0","policy_revision":"00ff",
            "environments":[{"name":"production","mode":"audit","set":{"id":"mode:1","environment":"production",
              "mode":"audit","ticket":"OPS-1","set_by":"kai","set_at":"2026-06-01T00:00:00Z","until":"2026-06-01T04:00:00Z"}}],
            "break_glass":[{"id":"break-glass:1","environment":"production","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
              "ticket":"INC-7","reason":"down","granted_by":"kai","granted_at":"2026-06-01T00:00:00Z","until":"2026-06-01T02:00:00Z","lifts_revocation":false}],
            "listeners":[{"address":"127.0.0.1:5080","environment":"production","exposure":"external",
              "tls":true,"auth":"none","certificate_expires_in_s":2592000}],
            "upstreams":[{"name":"docker.io","state":"backing-off","detail":"429"}],
            "ledger":{"seq":7,"age_s":1,"loaded":true},
            "cache":{"bytes":1610612736,"max_bytes":107374182400,"free_bytes":null},
            "replicas":[{"id":"aa","name":"a.example","version":"0.1.0","started_at":"2026-06-01T00:00:00Z","seen_ago_s":0,
              "changes_behind":0,"live":true,"this":true},
              {"id":"bb","name":"b.example","version":"0.1.0","started_at":"2026-06-01T00:00:00Z","seen_ago_s":70,
              "changes_behind":3,"live":false,"this":false}],
            "top_reasons":[{"environment":"production","reason":"not-scanned","images":4}],
            "running_denied":[{"environment":"production","reason":"revoked","images":2}],"warnings":["insecure\u001b"]}"#,
        )
        .unwrap();
        let told = render(&status, "http://127.0.0.1:5081/", Palette::plain());
        assert!(told.lines().count() <= 24, "{told}");
        for part in [
            "Sekisho 0.1.0 at http://127.0.0.1:5081/",
            "production   audit  2026-06-01T04:00:00Z  OPS-1",
            "production   2026-06-01T02:00:00Z  kai  INC-7  ?",
            "for 30d",
            "docker.io  backing-off  429",
            "cache: 1.5 GiB of 100.0 GiB",
            "gone, 70s ago",
            "4 not-scanned in production",
            "running, and would be denied now: 2 revoked in production",
            "warning: insecure?",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
    }

    /// What came before is not in the count.
    #[test]
    fn says_since_when_denials_are_counted() {
        let status = |since: &str| {
            let text = format!(
                r#"{{"product":"sekisho","version":"0.1.0","policy_revision":"00ff","environments":[],
                "listeners":[],"upstreams":[],"ledger":{{"seq":7,"age_s":1,"loaded":true}},
                "cache":{{"bytes":0,"max_bytes":1,"free_bytes":null}},"top_reasons":[],"warnings":[]{since}}}"#
            );
            stores(&serde_json::from_str(&text).unwrap())
        };
        assert!(
            status("").ends_with("denied in the last hour, and not let through since: no image\n")
        );
        let since = r#","counted_since":"2026-06-01T00:00:00Z""#;
        let told = "denied since 2026-06-01T00:00:00Z, and not let through since: no image\n";
        assert!(status(since).ends_with(told), "{}", status(since));
    }

    #[test]
    fn shows_how_messages_to_each_target_went() {
        let targets: Vec<NotifyTargetStatus> = serde_json::from_str(
            r#"[{"name":"on-call","waiting":3,"last_at":"2026-06-01T00:00:00Z","error":"no answer in time"},
            {"name":"chat","waiting":0,"last_at":"2026-06-01T00:00:00Z","status":200},{"name":"new","waiting":0}]"#,
        )
        .unwrap();
        assert_eq!(
            notifications(&targets),
            "notify on-call: no answer in time at 2026-06-01T00:00:00Z, waiting: 3 things\n\
             notify chat: it answered 200 at 2026-06-01T00:00:00Z\n\
             notify new: nothing sent since the start\n"
        );
    }
}

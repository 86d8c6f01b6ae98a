//! `sekisho scan`.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Subcommand};
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::arguments::{OutputArgs, SharedArgs, image, moment};
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use super::output::Palette;
use super::{bind, due, verdict};
use crate::api::{
    FormatChoice, MAX_SCAN_BYTES, SCANS, ScanAnswer, ScanSubmission, ScanTimeSource, VerdictView,
};
use crate::app::bounded;
use crate::oci::{Digest, readable};
use crate::report;
use crate::trust::EnvironmentName;

/// Hand in scan reports, and see what wants one
#[derive(Debug, Args)]
pub struct ScanArgs {
    #[command(subcommand)]
    command: ScanCommand,
}

#[derive(Debug, Subcommand)]
enum ScanCommand {
    Submit(Box<Submit>),
    Bind(bind::Bind),
    Due(due::ScanDue),
}

/// Hand in the report on one image
#[derive(Debug, Args)]
#[command(
    after_help = "The report must be on the very digest: a report on another image is refused,
and one that is partial or filtered is recorded, but is no pass.

Before the push an image has only its ID: hand the report in for that, gate the
pipeline on it, push, and then say what was pushed with `sekisho scan bind`.
--image beside --image-id says where it will be pushed, so that the rules and
exceptions for that repository hold.

A report without a time of the scan (Snyk, Clair, Quay, Anchore) counts from when it
was first handed in: the same report, handed in again, is the same scan. After you
scanned again, say when with --scanned-at; that is on record as your word.

Examples:
  sekisho scan submit --image registry.corp/team/app@sha256:… --report report.json
  trivy image --format json registry.corp/team/app:1.4 | sekisho scan submit --image registry.corp/team/app:1.4 --report -
  sekisho scan submit --image app@sha256:… --report grype.json --format grype --scanner-info db.json
  sekisho scan submit --image-id sha256:… --image registry.corp/team/app:1.4 --report report.json --gate production
  sekisho scan submit --image app@sha256:… --report snyk.json --scanned-at \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\""
)]
#[command(group = ArgGroup::new("subject").args(["image", "image_id"]).required(true).multiple(true))]
struct Submit {
    /// The image that was scanned, by tag or digest
    #[arg(long, value_name = "REF", value_parser = image)]
    image: Option<String>,
    /// The image ID, for an image that no registry has yet
    #[arg(long, value_name = "DIGEST")]
    image_id: Option<Digest>,
    /// The report, or - for stdin; 256 MiB at most
    #[arg(long, value_name = "FILE|-")]
    report: PathBuf,
    /// Its format
    #[arg(long, default_value = "auto", value_parser = format())]
    format: FormatChoice,
    /// When the scan was made, as 2026-06-01T12:00:00Z, for a report that does not say it
    /// itself
    #[arg(long, value_name = "TIME", value_parser = moment)]
    scanned_at: Option<Timestamp>,
    /// Judge it for this environment as if it were promoted, show what blocks, and
    /// exit 3 if it would be denied
    #[arg(long, value_name = "ENV")]
    gate: Option<EnvironmentName>,
    /// What `trivy version -f json` or `grype db status -o json` printed, to date the
    /// vulnerability database
    #[arg(long, value_name = "FILE")]
    scanner_info: Option<PathBuf>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

fn format() -> impl TypedValueParser<Value = FormatChoice> {
    PossibleValuesParser::new(FormatChoice::words()).try_map(|word| word.parse::<FormatChoice>())
}

impl ScanArgs {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        match self.command {
            ScanCommand::Submit(command) => command.run(shared).await,
            ScanCommand::Bind(command) => command.run(shared).await,
            ScanCommand::Due(command) => command.run(shared).await,
        }
    }
}

impl Submit {
    async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let report = read_json("--report", &self.report)?;
        let info = self.scanner_info.as_deref();
        let info = info.map(|file| read_json(SCANNER_INFO, file));
        let info = info.transpose()?;
        let submission = ScanSubmission {
            image: self.image,
            image_id: self.image_id,
            gate: self.gate,
            format: self.format,
            scanned_at: self.scanned_at,
            report: &report,
            scanner_info: info.as_deref(),
        };
        let answer = client.post::<ScanAnswer>(SCANS, &submission).await?;
        self.screen
            .output
            .show(&answer.raw, |palette| render(&answer.body, palette))?;
        let gate = answer.body.gate.as_deref();
        Ok(gate.map_or(Exit::Done, Exit::of))
    }
}

const SCANNER_INFO: &str = "--scanner-info";

/// A file's JSON as it stands; `-` is stdin.
fn read_json(flag: &str, file: &Path) -> Result<Box<RawValue>, Failure> {
    let named = format!("{flag} {}", file.display());
    let bytes = match file.to_str() {
        Some("-") => whole(io::stdin().lock()),
        _ => bounded::open(file).and_then(whole),
    };
    let bytes = bytes.map_err(|error| Failure::new(format!("{named}: {error}")))?;
    if bytes.len() > MAX_SCAN_BYTES {
        return Err(Failure::new(format!("{named} is over 256 MiB")));
    }
    let text = report::decode(&bytes)
        .map_err(|error| Failure::new(format!("{named}: {error}")))?
        .into_owned();
    drop(bytes);
    RawValue::from_string(text).map_err(|error| {
        let next = match flag {
            SCANNER_INFO => {
                "hand in JSON as the scanner prints it, as of `trivy version -f json` or `grype db \
                 status -o json`"
            }
            _ => "hand in JSON as the scanner prints it, as of `trivy image --format json`",
        };
        Failure::new(format!("{named} is no JSON: {error}")).next(next)
    })
}

fn whole(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source
        .take(MAX_SCAN_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What to do about a report without a time.
const TIMELESS: &str = "the report carries no time of the scan: it counts from when it was first \
                        handed in, however often it is; after another scan --scanned-at renews it";

/// When the scan was made, and by whose word.
fn made(answer: &ScanAnswer) -> String {
    let at = answer.scanned_at;
    match answer.scanned_at_source {
        Some(ScanTimeSource::Report) | None => format!("of {at:.0}"),
        Some(ScanTimeSource::Submitter) => format!("of {at:.0} as its submitter declared"),
        Some(ScanTimeSource::Receipt) => format!("first handed in at {at:.0}"),
    }
}

fn render(answer: &ScanAnswer, palette: Palette) -> String {
    let platform = answer.platform.as_ref();
    let platform = platform.map_or_else(String::new, |platform| format!(" ({platform})"));
    let version = answer
        .tool
        .version
        .as_deref()
        .unwrap_or("of unknown version");
    let tool = readable(&format!("{} {version}", answer.tool.name), 120);
    let bound = readable(&answer.bound_by, 120);
    let mut text = format!(
        "{} {}{platform}\n  scan {} by {tool}, {}, bound by {bound}\n  \
         read as {}\n  findings: {}\n",
        palette.good("recorded for"),
        subject(answer),
        readable(&answer.id, 64),
        made(answer),
        answer.format,
        findings(answer),
    );
    if answer.scanned_at_source == Some(ScanTimeSource::Receipt) {
        text.push_str(&format!("  {}\n", palette.doubtful(TIMELESS)));
    }
    if !answer.format.can_satisfy() {
        let told = format!("no pass: a report of {} can only deny", answer.format);
        text.push_str(&format!("  {}\n", palette.doubtful(&told)));
    }
    if !answer.too_old_for.is_empty() {
        let names: Vec<&str> = answer.too_old_for.iter().map(|it| it.as_str()).collect();
        let told = format!("no pass: the scan is too old for {}", names.join(", "));
        text.push_str(&format!("  {}\n", palette.bad(&told)));
    }
    if let Some(newer) = &answer.replaced_by {
        let (id, at) = (readable(&newer.id, 64), newer.scanned_at);
        let told =
            format!("it does not count: {id} of {at:.0}, by the same tool, is newer and stands");
        text.push_str(&format!("  {}\n", palette.doubtful(&told)));
    }
    for cause in &answer.incomplete {
        let cause = readable(cause, 400);
        text.push_str(&format!(
            "  {}: {cause}\n",
            palette.bad("no pass, incomplete")
        ));
    }
    if answer.database_at.is_none() {
        let hint = "its database is not dated; --scanner-info dates it";
        text.push_str(&format!("  {}\n", palette.doubtful(hint)));
    }
    match &answer.gate {
        Some(gate) => text + &gated(gate, palette),
        None => text,
    }
}

/// What the report counts for, or will.
fn subject(answer: &ScanAnswer) -> String {
    match (&answer.manifest, &answer.image_id) {
        (Some(manifest), _) => manifest.to_string(),
        (None, Some(id)) => format!("image ID {id}"),
        (None, None) => readable(&answer.image, 600),
    }
}

/// The verdict as if it were promoted: all that blocks.
fn gated(gate: &VerdictView, palette: Palette) -> String {
    let as_if = format!("\nas if promoted to {}:\n", gate.environment);
    as_if + &verdict::render_all(gate, palette)
}

fn findings(answer: &ScanAnswer) -> String {
    let counts = answer.findings.listed();
    let shown: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    match shown.is_empty() {
        true => "none".to_owned(),
        false => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_is_no_json_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.txt");
        std::fs::write(&file, "2 vulnerabilities").unwrap();
        let told = read_json("--report", &file).unwrap_err().to_string();
        assert!(told.contains("report.txt is no JSON"), "{told}");
        assert!(told.contains("trivy image --format json"), "{told}");
    }

    #[test]
    fn reads_what_windows_writes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        let text = "\u{feff}{\"é\": 1}";
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [text.as_bytes(), &wide] {
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(read_json("--report", &file).unwrap().get(), "{\"é\": 1}");
        }
        std::fs::write(&file, &wide[..wide.len() - 1]).unwrap();
        let told = read_json("--report", &file).unwrap_err().to_string();
        assert!(
            told.contains("UTF-16") && told.contains("as UTF-8"),
            "{told}"
        );
    }

    #[test]
    fn tells_what_was_recorded_and_what_it_lacks() {
        let answer: ScanAnswer = serde_json::from_str(
            r#"{"id":"scan:1","image":"app","manifest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "platform":"linux/amd64","tool":{"name":"trivy","version":null},"format":"trivy",
            "findings":{"critical":0,"high":2,"medium":0,"low":1,"negligible":0,"unknown":0},
            "incomplete":["filtered"],"bound_by":"manifest digest",
            "scanned_at":"2026-06-01T00:00:00Z","database_at":null}"#,
        )
        .unwrap();
        let told = render(&answer, Palette::plain());
        assert!(told.contains("read as trivy"), "{told}");
        assert!(told.contains("findings: 2 high, 1 low"), "{told}");
        assert!(told.contains("no pass, incomplete: filtered"), "{told}");
        assert!(told.contains("--scanner-info dates it"), "{told}");
    }

    #[test]
    fn tells_whose_word_the_time_of_the_scan_is() {
        let told = |source: &str| {
            let answer = format!(
                r#"{{"id":"scan:1","image":"app","platform":null,
                "tool":{{"name":"snyk","version":null}},"format":"snyk",
                "findings":{{"critical":0,"high":0,"medium":0,"low":0,"negligible":0,"unknown":0}},
                "incomplete":[],"bound_by":"manifest digest","scanned_at":"2026-06-01T00:00:00Z",
                {source}"database_at":null}}"#
            );
            render(&serde_json::from_str(&answer).unwrap(), Palette::plain())
        };
        let of = |word: &str| told(&format!("\"scanned_at_source\":\"{word}\","));
        for own in [told(""), of("report")] {
            assert!(own.contains("version, of 2026-06-01T00:00:00Z,"), "{own}");
            assert!(!own.contains("--scanned-at"), "{own}");
        }
        let declared = of("submitter");
        assert!(declared.contains("as its submitter declared"), "{declared}");
        let received = of("receipt");
        assert!(
            received.contains("first handed in at 2026-06-01"),
            "{received}"
        );
        assert!(received.contains("--scanned-at renews it"), "{received}");
    }

    #[test]
    fn a_report_that_a_newer_one_replaces_is_said_not_to_count() {
        let told = |newer: &str| {
            let answer = format!(
                r#"{{"id":"scan:2","image":"app","platform":null,
                "tool":{{"name":"trivy","version":null}},"format":"trivy",
                "findings":{{"critical":0,"high":0,"medium":0,"low":0,"negligible":0,"unknown":0}},
                "incomplete":[],"bound_by":"manifest digest","scanned_at":"2026-06-01T00:00:00Z",
                {newer}"database_at":null}}"#
            );
            render(&serde_json::from_str(&answer).unwrap(), Palette::plain())
        };
        assert!(!told("").contains("does not count"));
        let newer = r#""replaced_by":{"id":"scan:1","scanned_at":"2026-06-02T00:00:00Z"},"#;
        let said = "it does not count: scan:1 of 2026-06-02T00:00:00Z, by the same tool,";
        assert!(told(newer).contains(said), "{}", told(newer));
    }

    #[test]
    fn takes_the_word_of_every_format() {
        let parser = format();
        let command = clap::Command::new("submit");
        for word in FormatChoice::words() {
            let read = parser.parse_ref(&command, None, word.as_ref());
            assert_eq!(read.unwrap().to_string(), word);
        }
        assert!(parser.parse_ref(&command, None, "nessus".as_ref()).is_err());
    }
}

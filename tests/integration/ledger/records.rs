//! Small records to hand in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sekisho::access::{Role, Scope};
use sekisho::ledger::{
    Alias, Ledger, LedgerAccess, LedgerError, LedgerLocation, LedgerOptions, NewBreakGlass,
    NewPromotion, NewRevocation, NewScan, NewTimedMode, NewToken, PostgresOptions, PostgresUrl,
    Reinstatement, ScanTarget,
};
use sekisho::oci::{Closure, Digest, Repository, RepositoryGlobs, Tag};
use sekisho::report::{Finding, Format, ReportBinding, Severity, Tool};
use sekisho::trust::{EnvironmentName, Evidence, Mode, Subject};
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

use crate::kit::postgres::{Database, PASSWORD, Postgres, USER};
use crate::lab::Missing;

/// A ledger's place, which goes away: a folder, and a database on a server where the
/// ledger is not a file.
pub struct Place {
    pub folder: TempDir,
    database: Option<Database<'static>>,
}

impl Place {
    pub fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            database: None,
        }
    }

    pub fn on_server() -> Result<Self, Missing> {
        Ok(Self {
            database: Some(Postgres::shared()?.database()),
            ..Self::new()
        })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Beside the ledger, as another program would.
    pub async fn beside(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.file("data/ledger.db"));
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    pub async fn sql(&self, statement: &'static str) {
        if let Some(database) = &self.database {
            database.sql(statement);
            return;
        }
        let mut beside = self.beside().await;
        sqlx::query(statement).execute(&mut beside).await.unwrap();
        beside.close().await.unwrap();
    }

    /// The first column of all rows.
    pub async fn text(&self, query: &'static str) -> String {
        if let Some(database) = &self.database {
            return database.sql(query);
        }
        let mut beside = self.beside().await;
        let rows: Vec<String> = sqlx::query_scalar(query)
            .fetch_all(&mut beside)
            .await
            .unwrap();
        rows.join("\n")
    }

    /// On a server.
    pub fn database_name(&self) -> String {
        self.database.as_ref().unwrap().name().to_owned()
    }

    /// On a server, what its superuser is answered there.
    pub fn rows(&self, sql: &str) -> String {
        let server = Postgres::shared().unwrap();
        server.sql(&self.database_name(), sql)
    }

    /// Rows of a table on a server.
    pub fn count(&self, table: &str) -> i64 {
        let database = self.database.as_ref().unwrap();
        let counted = database.sql(&format!("SELECT count(*) FROM \"{table}\""));
        counted.parse().unwrap()
    }

    pub fn location(&self) -> LedgerLocation {
        match &self.database {
            None => LedgerLocation::File(self.file("data/ledger.db")),
            Some(database) => server_location(
                Postgres::shared().unwrap().port(),
                database.name(),
                &self.file("password"),
            ),
        }
    }

    pub async fn open(&self, access: LedgerAccess) -> Result<Ledger, LedgerError> {
        Ledger::open(LedgerOptions::of(self.location()), access, now()).await
    }

    pub async fn serve(&self) -> Ledger {
        self.open(LedgerAccess::Serve).await.unwrap()
    }

    pub async fn client(&self) -> Ledger {
        self.open(LedgerAccess::Client).await.unwrap()
    }
}

/// A database of the kit's user on 127.0.0.1, whose password is put into `password_file`.
pub fn server_location(port: u16, database: &str, password_file: &Path) -> LedgerLocation {
    std::fs::write(password_file, format!("{PASSWORD}\n")).unwrap();
    let url = format!("postgres://{USER}@127.0.0.1:{port}/{database}");
    LedgerLocation::Server(PostgresOptions {
        password_file: Some(password_file.to_owned()),
        ..PostgresUrl::parse(&url).unwrap().into()
    })
}

pub fn now() -> Timestamp {
    "2026-07-01T12:00:00Z".parse().unwrap()
}

pub fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

pub fn digest(text: &str) -> Digest {
    Digest::sha256(text.as_bytes())
}

pub fn app() -> Repository {
    Repository::parse("registry.corp/app").unwrap()
}

pub fn production() -> EnvironmentName {
    EnvironmentName::parse("production").unwrap()
}

pub fn subject(root: &str) -> Subject {
    Subject {
        environment: production(),
        repository: app(),
        digest: digest(root),
    }
}

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

fn image_json(manifest: &str, layers: &[&str]) -> Value {
    let blob = |text: &str| json!({ "media_type": "a/b", "digest": digest(text), "size": 1 });
    let layers: Vec<Value> = layers.iter().map(|layer| blob(layer)).collect();
    json!({
        "manifest": digest(manifest),
        "media_type": IMAGE,
        "size": 1,
        "content": { "runnable": { "platform": "linux/amd64", "diff_ids": [] } },
        "config": blob(&format!("config of {manifest}")),
        "layers": layers,
        "subject": null,
    })
}

fn closure(root: &str, shape: &Value) -> Arc<Closure> {
    let closure = json!({ "root": digest(root), "media_type": IMAGE, "size": 1, "shape": shape });
    Arc::new(serde_json::from_value(closure).unwrap())
}

pub fn image(manifest: &str, layers: &[&str]) -> Arc<Closure> {
    closure(manifest, &json!({ "image": image_json(manifest, layers) }))
}

/// An index of images that stand below another index.
pub fn nested(root: &str, between: &str, children: &[(&str, &str)]) -> Arc<Closure> {
    let mut closure = serde_json::to_value(index(root, children)).unwrap();
    closure["nested"] = json!([{ "media_type": "a/b", "digest": digest(between), "size": 1 }]);
    Arc::new(serde_json::from_value(closure).unwrap())
}

/// An index of images, each over the one layer named after it.
pub fn index(root: &str, children: &[(&str, &str)]) -> Arc<Closure> {
    let child = |(manifest, layer): &(&str, &str)| {
        json!({
            "descriptor": { "media_type": "a/b", "digest": digest(manifest), "size": 1 },
            "outcome": { "image": image_json(manifest, &[layer]) },
        })
    };
    let children: Vec<Value> = children.iter().map(child).collect();
    closure(root, &json!({ "index": children }))
}

pub fn finding(id: &str) -> Finding {
    Finding {
        id: id.to_owned(),
        aliases: vec!["GHSA-1".to_owned()],
        mentioned: Vec::new(),
        package: "openssl".to_owned(),
        purl: None,
        installed: "3.0.1".to_owned(),
        fixed: Some("3.0.2".to_owned()),
        severity: Some(Severity::High),
        severity_source: None,
        status: None,
        source: None,
    }
}

/// Digests of the same bytes, so it is said.
pub fn pair(sha256: &Digest, sha512: &Digest) -> Alias {
    Alias {
        sha256: sha256.clone(),
        sha512: sha512.clone(),
    }
}

pub fn scan(manifest: &str, scanned_at: Timestamp) -> NewScan {
    NewScan {
        about: ScanTarget::Manifest(digest(manifest)),
        format: Format::Trivy,
        tool: Tool {
            name: "trivy".to_owned(),
            version: None,
        },
        binding: ReportBinding::Manifest,
        submitter: "ci".to_owned(),
        scope: Scope::everything(),
        scanned_at: Some(scanned_at),
        declared_at: None,
        received_at: now(),
        database_at: None,
        incomplete: Vec::new(),
        end_of_life: false,
        malware: 0,
        secrets: 0,
        findings: vec![finding("CVE-2026-1"), finding("CVE-2026-2")],
        packages: Vec::new(),
    }
}

pub fn unbound(image_id: &str, scanned_at: Timestamp) -> NewScan {
    NewScan {
        about: ScanTarget::ImageId(digest(image_id)),
        ..scan(image_id, scanned_at)
    }
}

pub fn token(name: &str) -> NewToken {
    NewToken {
        name: name.to_owned(),
        role: Role::Scanner,
        scope: Scope::everything(),
        created_at: now(),
        expires_at: None,
    }
}

pub fn promotion(root: &str, tag: Option<&str>) -> NewPromotion {
    NewPromotion {
        subject: subject(root),
        tag: tag.map(|tag| Tag::parse(tag).unwrap()),
        promoter: "release".to_owned(),
        promoted_at: now(),
        reason: None,
        link: Some("https://ci.example/1".to_owned()),
        forced: false,
    }
}

pub fn revocation(digest: Digest) -> NewRevocation {
    NewRevocation {
        digest,
        environment: None,
        repositories: RepositoryGlobs::none(),
        revoker: "security".to_owned(),
        revoked_at: now(),
        reason: "stolen key".to_owned(),
    }
}

pub fn reinstatement(digest: Digest) -> Reinstatement {
    Reinstatement {
        digest,
        environment: None,
        repositories: RepositoryGlobs::none(),
        by: "security".to_owned(),
        at: now(),
        reason: "false alarm".to_owned(),
    }
}

/// For an hour, in production.
pub fn break_glass(digest: Digest) -> NewBreakGlass {
    NewBreakGlass {
        environment: production(),
        digest,
        image: Some("registry.corp/app:1".to_owned()),
        ticket: "OPS-1".to_owned(),
        reason: "the shop is down".to_owned(),
        granted_by: "on-call".to_owned(),
        granted_at: now(),
        until: now() + minutes(60),
        lifts_revocation: false,
    }
}

/// For an hour, in production.
pub fn timed_mode(mode: Mode) -> NewTimedMode {
    NewTimedMode {
        environment: production(),
        mode,
        ticket: "OPS-2".to_owned(),
        reason: Some("the scanner is down".to_owned()),
        set_by: "on-call".to_owned(),
        set_at: now(),
        until: now() + minutes(60),
    }
}

/// What is known of a recorded root.
pub async fn evidence(ledger: &Ledger, root: &str) -> Evidence {
    let closure = ledger.index().closure(&app(), &digest(root)).unwrap();
    let read = ledger.evidence(&subject(root), closure, &[], now()).await;
    read.unwrap().0
}

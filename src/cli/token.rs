//! `sekisho token`.

use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;

use super::arguments::{OutputArgs, SharedArgs, one_of};
use super::aside::say_aside;
use super::client::{ApiAnswer, ApiClient, RemoteArgs};
use super::failure::{Exit, Failure};
use super::ledger_file;
use super::output::{Palette, Table};
use crate::access::{Role, Scope, TOKEN_NAME_RULE, is_token_name};
use crate::api::{
    ErrorCode, STATUS, TOKENS, TokenList, TokenRequest, TokenRevoked, TokenSecret, TokenView,
};
use crate::app::config::Period;
use crate::ledger::{ActOrigin, NewToken};
use crate::oci::{RepositoryGlobs, counted, listed, readable};
use crate::trust::EnvironmentName;

/// How long a token that was written to the ledger is held back until the server knows it.
const KNOWN_BOUND: Duration = Duration::from_secs(3);
/// How often it is asked.
const KNOWN_CHECK: Duration = Duration::from_millis(50);

/// The longest list in a row, in characters.
const MAX_LIST_CHARS: usize = 100;

/// Make, list and revoke tokens
#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    Create(Create),
    List(ListTokens),
    Revoke(RevokeToken),
}

/// Make a token; its secret is shown this once
#[derive(Debug, Args)]
#[command(
    after_help = "With --config and no --server it is written straight to the ledger, so it
needs no other token: for whoever may write that file.

What a role may, within the token's repositories and environments:
  puller    pull, where a listener asks for tokens
  scanner   hand in scans; ask for verdicts and for what wants a scan
  promoter  promote; read verdicts, decisions, exceptions, advisories
  viewer    read the same
  on-call   read the same; revoke, reinstate, break glass, set modes
  node      of agents on nodes: ask what must not start there
  admin     all of it but that, and pull; one without bounds also makes tokens

Examples:
  sekisho token create --name ci --role scanner --repository 'registry.corp/team/**' --expires 90d
  sekisho token create --name release --role promoter --environment staging --environment production
  sekisho token create --config /etc/sekisho/sekisho.toml --name ops --role admin"
)]
struct Create {
    /// Whose it is; a name is never used again
    #[arg(long, value_parser = token_name)]
    name: String,
    /// puller, scanner, promoter, viewer, on-call, node or admin
    #[arg(long, value_parser = one_of(Role::ALL, Role::as_str))]
    role: Role,
    /// Only these repositories, by glob over host/name; may be repeated
    #[arg(long, value_name = "GLOB")]
    repository: Vec<String>,
    /// Only these environments; may be repeated
    #[arg(long, value_name = "ENV")]
    environment: Vec<EnvironmentName>,
    /// How long it holds; by default until revoked
    #[arg(long, value_name = "90d")]
    expires: Option<Period>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

fn token_name(text: &str) -> Result<String, String> {
    match is_token_name(text) {
        true => Ok(text.to_owned()),
        false => Err(TOKEN_NAME_RULE.to_owned()),
    }
}

/// List all tokens, without their secrets
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho token list
  sekisho token list --output json")]
struct ListTokens {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

/// Revoke a token, and with --evidence what was submitted with it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho token revoke ci
  sekisho token revoke ci --evidence        it was stolen: nothing that it let pass counts any more

The answer names the tokens that were made with it and hold still: revoke those, too.")]
struct RevokeToken {
    /// The token
    name: String,
    /// Withdraw its scans, promotions, break-glass, modes and reinstatements too
    #[arg(long)]
    evidence: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl TokenArgs {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        match self.command {
            TokenCommand::Create(command) => command.run(shared).await?,
            TokenCommand::List(command) => command.run(shared).await?,
            TokenCommand::Revoke(command) => command.run(shared).await?,
        }
        Ok(Exit::Done)
    }
}

impl Create {
    async fn run(self, shared: &SharedArgs) -> Result<(), Failure> {
        let request = self.request(Timestamp::now())?;
        let answer = match shared.config.is_some() && !self.remote.is_named() {
            true => {
                let made = write(shared, request).await?;
                let secret = made.body.secret.as_str().into();
                until_known(&self.remote.with_token(secret), shared).await;
                made
            }
            false => {
                let client = self.remote.client(shared)?;
                let made = client.post::<TokenSecret>(TOKENS, &request).await;
                made.map_err(needs_another)?
            }
        };
        self.screen
            .output
            .show(&answer.raw, |palette| made(&answer.body, palette))
    }

    fn request(&self, now: Timestamp) -> Result<TokenRequest, Failure> {
        let repositories = RepositoryGlobs::new(self.repository.clone())
            .map_err(|error| Failure::usage(format!("--repository: {error}")))?;
        let end = |period: Period| now.checked_add(SignedDuration::from(period));
        let expires_at = self.expires.map(end).transpose();
        let request = TokenRequest {
            name: self.name.clone(),
            role: self.role,
            repositories,
            environments: self.environment.clone(),
            expires_at: expires_at.map_err(|error| Failure::usage(error.to_string()))?,
        };
        match request.lifeless(now) {
            None => Ok(request),
            Some(why) => Err(Failure::usage(why)),
        }
    }
}

/// Only who holds a token makes another, but for who may write the ledger itself.
fn needs_another(failure: Failure) -> Failure {
    match failure.code() {
        Some(ErrorCode::Unauthenticated) => failure.instead(
            "pass an admin's token by --token or SEKISHO_TOKEN; on the gateway's own machine, as \
             the user of serve, --config FILE writes straight to the ledger and needs none",
        ),
        _ => failure,
    }
}

/// Waits until the `serve` of this configuration, if one runs, has heard of the token in
/// `remote`: it follows what others write within a moment.
async fn until_known(remote: &RemoteArgs, shared: &SharedArgs) {
    let Ok(client) = remote.client(shared) else {
        return;
    };
    let known = async {
        // What else it answers, or that nobody does, is not about the token.
        while is_unknown(&client).await {
            tokio::time::sleep(KNOWN_CHECK).await;
        }
    };
    if tokio::time::timeout(KNOWN_BOUND, known).await.is_err() {
        say_aside(&format!(
            "{} does not take the token yet; it does as soon as it reads the ledger again",
            client.server()
        ));
    }
}

async fn is_unknown(client: &ApiClient) -> bool {
    let asked = client.get::<Value>(STATUS, &Everything {}).await;
    asked.is_err_and(|failure| failure.code() == Some(ErrorCode::Unauthenticated))
}

/// Straight to the ledger that the configuration names.
async fn write(
    shared: &SharedArgs,
    request: TokenRequest,
) -> Result<ApiAnswer<TokenSecret>, Failure> {
    refuse_unknown(shared, &request.environments)?;
    let ledger = ledger_file::open(shared).await?;
    let environments: Vec<String> = request
        .environments
        .iter()
        .map(ToString::to_string)
        .collect();
    let new = NewToken {
        name: request.name.clone(),
        role: request.role,
        scope: Scope::new(request.repositories.clone(), environments.clone()),
        created_at: Timestamp::now(),
        expires_at: request.expires_at,
    };
    let created_at = new.created_at;
    let origin = ActOrigin {
        principal: Some(local_user()),
        ..ActOrigin::default()
    };
    let made = ledger.create_token(origin.of(new)).await;
    ledger.close().await;
    let secret = made.map_err(|error| Failure::new(error.to_string()))?;
    let body = TokenSecret {
        secret: secret.expose_secret().to_owned(),
        token: TokenView {
            name: request.name,
            role: request.role,
            repositories: request.repositories.written().to_vec(),
            environments,
            created_at,
            expires_at: request.expires_at,
            revoked_at: None,
        },
    };
    let raw = serde_json::to_string(&body)
        .map_err(|error| Failure::new(format!("cannot write the token: {error}")))?;
    Ok(ApiAnswer { body, raw })
}

/// As the server would, where the configuration can be read.
fn refuse_unknown(shared: &SharedArgs, named: &[EnvironmentName]) -> Result<(), Failure> {
    let Ok(config) = shared.read() else {
        return Ok(());
    };
    let policy = config.policy();
    let mut unknown = named.iter().filter(|it| policy.environment(it).is_none());
    let known = policy.environments().map(|it| it.name.as_str());
    match unknown.next() {
        None => Ok(()),
        Some(name) => Err(
            Failure::new(format!("no environment is called {name}")).next(format!(
                "name one of: {}",
                known.collect::<Vec<_>>().join(", ")
            )),
        ),
    }
}

/// Whoever runs this on the gateway's machine, for the record.
fn local_user() -> String {
    let id = rustix::process::getuid().as_raw();
    format!("local:uid-{id}")
}

fn made(made: &TokenSecret, palette: Palette) -> String {
    let name = readable(&made.token.name, 64);
    let expiry = expiry(&made.token);
    let secret = readable(&made.secret, 256);
    format!(
        "token {name} is made: {}, expires {expiry}. Its secret, shown this once:\n{}",
        made.token.role,
        palette.strong(&secret),
    )
}

fn expiry(token: &TokenView) -> String {
    let end = token.expires_at;
    end.map_or_else(|| "never".to_owned(), |end| format!("{end:.0}"))
}

#[derive(Serialize)]
struct Everything {}

impl ListTokens {
    async fn run(self, shared: &SharedArgs) -> Result<(), Failure> {
        let client = self.remote.client(shared)?;
        let answer = client.get::<TokenList>(TOKENS, &Everything {}).await?;
        self.screen
            .output
            .show(&answer.raw, |palette| table(&answer.body, palette))
    }
}

fn table(list: &TokenList, palette: Palette) -> String {
    let head = [
        "NAME",
        "ROLE",
        "REPOSITORIES",
        "ENVIRONMENTS",
        "CREATED",
        "EXPIRES",
        "REVOKED",
    ];
    let mut table = Table::new(head);
    for token in &list.tokens {
        let revoked = token.revoked_at;
        table.row([
            &token.name,
            token.role.as_str(),
            &or_all(&token.repositories),
            &or_all(&token.environments),
            &format!("{:.0}", token.created_at),
            &expiry(token),
            &revoked.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}")),
        ]);
    }
    table.render(palette)
}

fn or_all(words: &[String]) -> String {
    match words.is_empty() {
        true => "all".to_owned(),
        false => listed(words, MAX_LIST_CHARS),
    }
}

#[derive(Serialize)]
struct RevokeQuery {
    evidence: bool,
}

impl RevokeToken {
    async fn run(self, shared: &SharedArgs) -> Result<(), Failure> {
        let client = self.remote.client(shared)?;
        let query = RevokeQuery {
            evidence: self.evidence,
        };
        let answer = client
            .delete::<TokenRevoked>(TOKENS, &self.name, &query)
            .await?;
        self.screen.output.show(&answer.raw, |palette| {
            revoked(&answer.body, self.evidence, palette)
        })
    }
}

/// What ended, whether what the token handed in goes on to count, and what was made with it.
fn revoked(told: &TokenRevoked, with_evidence: bool, palette: Palette) -> String {
    let name = readable(&told.name, 64);
    let ended = match told.revoked_before {
        Some(at) => format!("was {} already, at {at:.0}", palette.bad("revoked")),
        None => format!("is {}", palette.bad("revoked")),
    };
    let evidence = match with_evidence {
        true => format!("withdrawn: {}", withdrawn(told)),
        false if told.revoked_before.is_some() => format!(
            "what it handed in and promoted counts, unless that was withdrawn; to withdraw it: \
             sekisho token revoke {name} --evidence"
        ),
        false => format!(
            "what it handed in and promoted still counts; to withdraw that: sekisho token revoke \
             {name} --evidence"
        ),
    };
    let made = still_good(told, palette);
    format!("token {name} {ended}; {evidence}{made}")
}

/// How much of what, and at least of what is asked for most.
fn withdrawn(body: &TokenRevoked) -> String {
    let usual = [
        (body.withdrawn_scans, "scan"),
        (body.withdrawn_promotions, "promotion"),
    ];
    let others = [
        (body.withdrawn_unbound_scans, "pre-push scan"),
        (body.withdrawn_break_glass, "break-glass grant"),
        (body.withdrawn_modes, "mode"),
        (body.withdrawn_reinstatements, "reinstatement"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let told = usual.into_iter().chain(others);
    let told: Vec<String> = told.map(|(count, what)| counted(count, what)).collect();
    told.join(", ")
}

/// The tokens that were made with it, which whoever stole it may have.
fn still_good(body: &TokenRevoked, palette: Palette) -> String {
    if body.tokens_made.is_empty() {
        return String::new();
    }
    let names = body.tokens_made.iter().map(|it| readable(it, 64));
    let names: Vec<String> = names.collect();
    let warning = palette.bad("tokens made with it hold still");
    format!(
        "\n{warning}: {}; revoke each that you do not know",
        names.join(", ")
    )
}

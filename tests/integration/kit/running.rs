//! The whole program in this process, over a configuration file in a folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use secrecy::ExposeSecret;
use sekisho::access::{Role, Scope};
use sekisho::app::config::Config;
use sekisho::app::{App, Components, StartError};
use sekisho::clock::Clock;
use sekisho::ledger::NewToken;
use tempfile::TempDir;

/// A program that can be stopped, started again, and moved on in time. What it
/// stands in front of is its user's: [`super::World`] has two upstreams, and
/// [`super::lab::Lab`] has one and a client of the admin API.
pub struct Running {
    /// With `sekisho.toml`, and `data` below it.
    pub folder: TempDir,
    clock: Clock,
    app: Option<App>,
    /// As `serve --accept-loss`.
    pub accept_loss: bool,
}

impl Running {
    /// Nothing runs yet, and there is no configuration file yet.
    pub fn over(folder: TempDir) -> Self {
        // Whether or not its file will name it.
        std::fs::create_dir_all(folder.path().join("advisories")).unwrap();
        Self {
            folder,
            clock: Clock::adjustable(),
            app: None,
            accept_loss: false,
        }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("sekisho.toml")
    }

    /// Where everything is kept.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The token that the first start wrote.
    pub fn admin_token(&self) -> String {
        let text = std::fs::read_to_string(self.data().join("admin.token"));
        text.unwrap().trim().to_owned()
    }

    /// Makes a token beside it where another program that shares the ledger has the first.
    pub async fn ensure_token(&self) {
        let file = self.data().join("admin.token");
        if file.exists() {
            return;
        }
        let now = self.clock.now();
        let new = NewToken {
            name: format!("admin-beside-{}", self.app().admin().port()),
            role: Role::Admin,
            scope: Scope::everything(),
            created_at: now,
            expires_at: None,
        };
        let made = self.parts().ledger.create_token(new).await.unwrap();
        std::fs::write(file, made.expose_secret()).unwrap();
    }

    /// Starts the program.
    pub async fn serve(&mut self) {
        self.try_serve().await.unwrap();
    }

    /// The same, where it may be refused.
    pub async fn try_serve(&mut self) -> Result<(), StartError> {
        let config = Config::load(Some(&self.file()), |_| None, self.clock.now());
        let mut config = config.unwrap_or_else(|problems| panic!("{problems}"));
        config.accept_loss = self.accept_loss;
        self.app = Some(App::start_by(self.clock.clone(), config).await?);
        Ok(())
    }

    /// Stops the program, when what it began is done.
    pub async fn stop(&mut self) {
        self.take_app().stop().await;
    }

    /// Gives the program away, to be stopped elsewhere.
    pub fn take_app(&mut self) -> App {
        self.app.take().unwrap()
    }

    pub fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    pub fn parts(&self) -> &Arc<Components> {
        self.app().parts()
    }

    /// Moves on the program's clock: what lives for less has ended then.
    pub fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    /// The same for longer than the ledger may be silent, or back: waits until the
    /// ledger is followed by the new time.
    pub async fn advance_long(&self, by: SignedDuration) {
        self.advance(by);
        self.looked("follow").await;
    }

    /// Waits until a background task has looked twice at everything that stands now, as files
    /// of policy want it: a round that is under way may have begun before.
    pub async fn looked(&self, task: &str) {
        let enough = self.app().rounds(task) + 3;
        eventually(task, || async { self.app().rounds(task) >= enough }).await;
    }

    /// Writes a file beside the configuration, in one step.
    pub fn put_file(&self, path: &str, text: &str) {
        let file = self.folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let half = self.folder.path().join("half-written");
        std::fs::write(&half, text).unwrap();
        std::fs::rename(half, file).unwrap();
    }

    pub fn remove_file(&self, path: &str) {
        std::fs::remove_file(self.folder.path().join(path)).unwrap();
    }

    /// As after a disk went bad: no page that is read from now on is what it was.
    pub fn spoil_ledger(&self) {
        for entry in std::fs::read_dir(self.data()).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with("ledger.db") && !name.ends_with("-shm") {
                let length = entry.metadata().unwrap().len();
                let length = usize::try_from(length).unwrap();
                std::fs::write(entry.path(), vec![b'x'; length]).unwrap();
            }
        }
    }
}

/// Long, since machines that run tests stand still now and then; nobody waits for it
/// where all is well.
const EVENTUALLY_WITHIN: Duration = Duration::from_mins(1);

/// Asks again until it is so; fails after [`EVENTUALLY_WITHIN`].
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + EVENTUALLY_WITHIN;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

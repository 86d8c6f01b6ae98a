//! The real program, as a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sekisho::demo::SampleImage;

use crate::kit::lab::{Ask, NAME, eventually, named, trivy};

/// The program, serving. It is killed when this goes away.
pub struct Served {
    child: Child,
    pub registry: SocketAddr,
    pub admin: SocketAddr,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    pub async fn start(folder: &Path, arguments: &[&str]) -> Self {
        let log = folder.join(format!("log-{}", arguments.len()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        command.args(arguments).env_clear();
        Self::of(&mut command, folder, &log).await
    }

    /// A command that becomes the program.
    pub async fn of(command: &mut Command, folder: &Path, log: &Path) -> Self {
        let stderr = std::fs::File::create(log).unwrap();
        let child = command
            .env("HOME", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let address = |said: &str| -> Option<SocketAddr> {
            let text = std::fs::read_to_string(log).unwrap();
            let line = text.lines().find(|line| line.contains(said))?;
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            line["address"].as_str()?.parse().ok()
        };
        eventually("it listens", || async {
            address("admin API listens").is_some()
        })
        .await;
        Self {
            child,
            registry: address("registry listens").unwrap(),
            admin: address("admin API listens").unwrap(),
        }
    }

    /// Hands in a report without findings on an image of [`NAME`]; `folder` is the program's.
    pub async fn admit(&self, folder: &Path, image: &SampleImage) {
        let token = std::fs::read_to_string(folder.join("data/admin.token")).unwrap();
        let report = trivy(image, &[]);
        let named = named(NAME, &image.manifest.digest);
        let body = serde_json::json!({"image": named, "report": report});
        let ask = Ask::new(self.admin, "POST", "/api/v1/scans").token(token.trim());
        ask.json(&body).send().await.expect(200);
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let id = rustix::process::Pid::from_child(&self.child);
        let signal = match name {
            "TERM" => rustix::process::Signal::TERM,
            "QUIT" => rustix::process::Signal::QUIT,
            "HUP" => rustix::process::Signal::HUP,
            "USR1" => rustix::process::Signal::USR1,
            "STOP" => rustix::process::Signal::STOP,
            "CONT" => rustix::process::Signal::CONT,
            "USR2" => rustix::process::Signal::USR2,
            _ => rustix::process::Signal::KILL,
        };
        rustix::process::kill_process(id, signal).unwrap();
    }

    pub async fn ended(&mut self) -> Option<i32> {
        let mut ended = None;
        let child = std::cell::RefCell::new((&mut self.child, &mut ended));
        eventually("it ends", || async {
            let (child, ended) = &mut *child.borrow_mut();
            **ended = child.try_wait().unwrap();
            ended.is_some()
        })
        .await;
        ended.unwrap().code()
    }
}

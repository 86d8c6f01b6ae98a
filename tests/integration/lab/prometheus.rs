//! A Prometheus that scrapes a gateway each second, under the rules of `config/prometheus`.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use url::form_urlencoded::byte_serialize;

use super::{Missing, Part, free_port, get, installed};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/prometheus/rules.yml");

#[derive(Debug)]
pub struct Prometheus {
    _part: Part,
    address: String,
    _folder: TempDir,
}

impl Prometheus {
    /// `target`: where `/metrics` is, as `127.0.0.1:port`.
    pub fn scraping(target: &str) -> Result<Self, Missing> {
        let program = installed("prometheus")?;
        let folder = tempfile::tempdir().unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [{RULES}]\n\
             scrape_configs: [{{ job_name: sekisho, static_configs: [{{ targets: ['{target}'] }}] }}]\n"
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"));
        let mut part = Part::start("prometheus", &command, &folder.path().join("log"));
        part.ready(|| get(&address, "/-/ready").filter(|answer| answer.status == 200));
        Ok(Self {
            _part: part,
            address,
            _folder: folder,
        })
    }

    /// The series that an instant query finds.
    #[track_caller]
    pub fn query(&self, query: &str) -> Vec<Value> {
        let encoded: String = byte_serialize(query.as_bytes()).collect();
        let answer = get(&self.address, &format!("/api/v1/query?query={encoded}")).unwrap();
        let answer = answer.json();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }

    /// What it says of its targets.
    pub fn targets(&self) -> Value {
        get(&self.address, "/api/v1/targets").unwrap().json()
    }
}

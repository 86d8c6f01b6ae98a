//! Where the kernel has Landlock, the program writes below its own folders alone, whatever it is
//! led to.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use sekisho::demo::{DemoRegistry, SampleImage};
use sekisho::tasks::Tasks;
use tempfile::TempDir;

use super::served::Served;
use crate::kit::lab::{Ask, NAME, config, eventually, sample};
use crate::lab::{Missing, or_skip};

/// A second upstream, whose credentials a program gives: then nothing is confined.
const OF_A_PROGRAM: &str = "[[upstreams]]\nname = \"other.example\"\nurl = \"http://127.0.0.1:1\"\n\
                            credentials = { command = [\"true\"] }\n";

/// How many files are written outside of its folders when a link leads there, which somebody
/// made before the program began or meanwhile.
async fn written_outside(tables: &str, is_made_before: bool) -> Result<usize, Missing> {
    let (tasks, folder, outside) = (Tasks::new(), own_folder(), own_folder());
    let registry = DemoRegistry::start(&tasks).await.unwrap();
    let image = sample("app", "amd64");
    registry.put_image(NAME, &image);
    let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n";
    let rest = format!("{tables}[environments.production]\nrequire = [\"scan\"]\n");
    let file = folder.path().join("sekisho.toml");
    fs::write(&file, config(&registry.origin(), listener, &rest)).unwrap();
    let blobs = folder.path().join("data/cache/blobs");
    if is_made_before {
        fs::create_dir_all(blobs.parent().unwrap()).unwrap();
        symlink(outside.path(), &blobs).unwrap();
    }
    let arguments = ["serve", "--config", file.to_str().unwrap()];
    let served = Served::start(folder.path(), &arguments).await;
    let log = fs::read_to_string(folder.path().join("log-3")).unwrap();
    if log.contains("this kernel has no Landlock") {
        return Err(Missing::new("this kernel has no Landlock"));
    }
    served.admit(folder.path(), &image).await;
    if !is_made_before {
        fs::rename(&blobs, folder.path().join("blobs")).unwrap();
        symlink(outside.path(), &blobs).unwrap();
    }
    pull(&served, &image).await;
    // Kept there, or said that it could not be.
    eventually("it tried to keep it", || async {
        let log = fs::read_to_string(folder.path().join("log-3")).unwrap();
        files(outside.path()) > 0 || log.contains("a blob could not be kept")
    })
    .await;
    Ok(files(outside.path()))
}

/// Not below `/tmp`, where it may write.
fn own_folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// It is served, wherever it can be kept.
async fn pull(served: &Served, image: &SampleImage) {
    let path = format!(
        "/v2/registry.example/{NAME}/blobs/{}",
        image.layers[0].digest
    );
    let pulled = Ask::new(served.registry, "GET", &path).send().await;
    assert!(pulled.body == image.layers[0].bytes, "{}", pulled.text());
}

fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|it| if it.is_dir() { files(&it) } else { 1 })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_leads_no_write_out_of_the_programs_folders() {
    assert_eq!(or_skip!(written_outside("", false).await), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_its_folders_may_lie_on_another_disk() {
    assert_ne!(or_skip!(written_outside("", true).await), 0);
}

/// What the test before would find, too.
#[tokio::test(flavor = "multi_thread")]
async fn beside_a_program_that_gives_credentials_a_link_is_followed() {
    assert_ne!(or_skip!(written_outside(OF_A_PROGRAM, false).await), 0);
}

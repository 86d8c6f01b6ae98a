//! Credentials of an upstream that change while the program runs.

use std::fs;

use sekisho::demo::{DemoAuth, DemoRegistry, Login};
use sekisho::tasks::Tasks;

use crate::kit::{Setup, World, image, manifests};

const NAME: &str = "corp/team/app";

/// A world whose second upstream wants robot's password `new`.
async fn world(credentials: &str, files: &[(&str, &str)]) -> (World, Tasks, String) {
    let tasks = Tasks::new();
    let auth = DemoAuth::Basic(Login::new("robot", "new"));
    let corp = DemoRegistry::start_with(&tasks, auth).await.unwrap();
    let world = World::behind(corp, |folder| {
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        let credentials = credentials.replace('@', folder.to_str().unwrap());
        Setup::default()
            .production("mode = \"audit\"")
            .corp(&format!("credentials = {credentials}"))
    });
    let world = world.await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    (world, tasks, manifests(NAME, &app.manifest.digest))
}

async fn warnings(world: &World) -> String {
    let status = world.admin("GET", "/api/v1/status", None).await.json();
    status["warnings"].to_string()
}

/// `{"auths":{"registry.corp:5000":{"auth":…}}}` of robot and a password.
fn docker_config(password: &str) -> String {
    let entry = format!(r#"{{"username":"robot","password":"{password}"}}"#);
    format!(r#"{{"auths":{{"registry.corp:5000":{entry}}}}}"#)
}

#[tokio::test]
async fn a_file_of_credentials_is_read_again_when_it_changes() {
    let password = "{ username = \"robot\", password_file = \"secret\" }";
    let config = "{ docker_config = \"secret\" }";
    for (credentials, old, new) in [
        (password, "old\n".to_owned(), "new\n".to_owned()),
        (config, docker_config("old"), docker_config("new")),
    ] {
        let (world, _tasks, path) = world(credentials, &[("secret", &old)]).await;
        let refused = world.get(&path).await;
        assert_eq!(refused.status, 403, "{refused:?}");
        assert!(refused.phrase.contains("credentials"), "{refused:?}");
        world.put_file("secret", &new);
        world.looked("upstream credentials").await;
        // A failure is remembered for two seconds.
        world.advance(jiff::SignedDuration::from_secs(3));
        assert_eq!(world.get(&path).await.status, 200);
        assert!(!warnings(&world).await.contains("not in force"));
        // What became invalid keeps what was last good.
        world.put_file("secret", "");
        world.looked("upstream credentials").await;
        assert!(warnings(&world).await.contains("registry.corp:5000"));
        let other = manifests(NAME, "none");
        assert_eq!(world.get(&other).await.status, 404);
    }
}

#[tokio::test]
async fn a_commands_credentials_are_those_that_it_prints() {
    for credentials in [
        "{ username = \"robot\", command = [\"cat\", \"@/secret\"] }",
        "{ command = [\"/bin/sh\", \"-c\", \"echo robot:$(cat @/secret)\"] }",
    ] {
        let (world, _tasks, path) = world(credentials, &[("secret", "new\n")]).await;
        assert_eq!(world.get(&path).await.status, 200);
    }
    let credentials = "{ command = [\"@/nowhere\"] }";
    let (world, _tasks, path) = world(credentials, &[]).await;
    let failed = world.get(&path).await;
    assert!(
        failed.phrase.contains("command cannot be run"),
        "{failed:?}"
    );
    assert!(!failed.phrase.contains("retried"), "{failed:?}");
}

//! The lab proves itself: what the other tests count as zero is seen when it
//! happens, and each origin lets in whom it should.

use crate::lab::{
    Auth, Containerd, Crane, Docker, Origin, Podman, Release, TokenServer, get, or_skip, request,
};

const ROBOT: (&str, &str) = ("Authorization", "Basic cm9ib3Q6dGVnYXRh");

#[test]
fn every_containerd_is_seen_at_the_origin_when_it_goes_there() {
    let origin = or_skip!(Origin::start());
    for release in Release::ALL {
        let containerd = or_skip!(Containerd::start(release));
        containerd
            .pull(&format!("{}/team/multi:1", origin.address()))
            .expect_ok();
        assert!(containerd.images().contains("team/multi:1"));
    }
    let image = origin.image("team/multi", "1");
    assert_eq!(origin.fetches_of(&image.layers[0]), Release::ALL.len());
    for agent in ["containerd/1.6", "containerd/1.7", "containerd/2.4"] {
        assert!(
            !origin.requests_by(agent).is_empty(),
            "{agent}: {:?}",
            origin.requests()
        );
    }
}

#[test]
fn docker_podman_and_crane_are_seen_at_the_origin_when_they_go_there() {
    let origin = or_skip!(Origin::start());
    let name = format!("{}/team/app:1", origin.address());
    let (docker, podman, crane) = (
        or_skip!(Docker::start()),
        or_skip!(Podman::find()),
        or_skip!(Crane::find()),
    );
    docker.pull(&name).expect_ok();
    let said = docker
        .run(&["run", "--rm", "--network", "none", &name])
        .expect_ok();
    assert_eq!(said, "I am app\n");
    podman.pull(&name).expect_ok();
    crane.pull(&name).expect_ok();
    for agent in ["docker/", "containers/", "crane/"] {
        assert!(
            !origin.requests_by(agent).is_empty(),
            "{agent}: {:?}",
            origin.requests()
        );
    }
}

#[test]
fn an_origin_with_passwords_knows_its_robot() {
    let origin = or_skip!(Origin::start_with(Auth::Basic));
    assert_eq!(get(origin.address(), "/v2/").unwrap().status, 401);
    assert_eq!(
        request(origin.address(), "GET", "/v2/", &[ROBOT])
            .unwrap()
            .status,
        200
    );
}

#[test]
fn an_origin_with_tokens_believes_its_issuer() {
    let issuer = TokenServer::start();
    let origin = or_skip!(Origin::start_with(Auth::Token(&issuer)));
    let path = "/v2/team/app/manifests/1";
    let challenge = get(origin.address(), path).unwrap();
    assert!(
        challenge
            .header("www-authenticate")
            .unwrap()
            .contains(&issuer.realm()),
        "{challenge:?}"
    );
    let target = "/token?service=lab&scope=repository%3Ateam%2Fapp%3Apull";
    assert_eq!(get(issuer.address(), target).unwrap().status, 401);
    let token = request(issuer.address(), "GET", target, &[ROBOT])
        .unwrap()
        .json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let pulled = request(origin.address(), "GET", path, &[("Authorization", &bearer)]).unwrap();
    assert_eq!(pulled.status, 200, "{}", pulled.text());
    assert_eq!(issuer.asked(), ["repository:team/app:pull"; 2]);
}

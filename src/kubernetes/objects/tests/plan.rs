//! What is refused before anything is printed.

use super::sample::{host, installation, program};
use crate::kubernetes::objects::{Endpoint, InstallationError, KubernetesVersion};

#[test]
fn takes_a_whole_installation() {
    assert_eq!(installation().check(), Ok(()));
}

#[test]
fn refuses_names_that_objects_cannot_have() {
    for bad in ["", "Prod", "prod.", "-prod", "a b", &"a".repeat(64)] {
        let mut cluster = installation();
        cluster.cluster = bad.to_owned();
        assert!(
            matches!(cluster.check(), Err(InstallationError::Cluster(_))),
            "{bad}"
        );
        let mut exempt = installation();
        exempt.exempt_namespaces.push(bad.to_owned());
        assert!(
            matches!(exempt.check(), Err(InstallationError::Namespace(_))),
            "{bad}"
        );
    }
}

#[test]
fn refuses_a_gateway_that_no_image_can_name() {
    let mut installation = installation();
    installation.gateway = host("gateway");
    assert_eq!(
        installation.check(),
        Err(InstallationError::Gateway(host("gateway")))
    );
}

#[test]
fn refuses_a_url_that_is_not_an_https_origin() {
    for bad in [
        "http://gate.example",
        "https://gate.example/",
        "gate.example",
        "https://a@b.example",
    ] {
        let mut installation = installation();
        installation.endpoint = Endpoint::Url(bad.to_owned());
        assert!(
            matches!(installation.check(), Err(InstallationError::Url(_))),
            "{bad}"
        );
    }
}

#[test]
fn refuses_to_pull_itself_through_itself() {
    let mut program = program();
    program.image = "registry.example:5080/corp/sekisho:1".to_owned();
    assert!(matches!(
        installation().workload(&program),
        Err(InstallationError::OwnImage(_))
    ));
    program.image = "Sekisho".to_owned();
    assert!(matches!(
        installation().workload(&program),
        Err(InstallationError::Image { .. })
    ));
}

#[test]
fn reads_versions_from_1_30_on() {
    for good in ["1.30", "v1.34.2", "1.36"] {
        assert!(good.parse::<KubernetesVersion>().is_ok(), "{good}");
    }
    for bad in ["1.29", "2.0", "1", "", "latest"] {
        assert!(bad.parse::<KubernetesVersion>().is_err(), "{bad}");
    }
}

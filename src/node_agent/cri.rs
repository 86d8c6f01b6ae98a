//! The runtime's CRI, for what NRI does not do: digests by name on older runtimes, stopping
//! a container, and canaries.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::cri_messages::{
    ContainerConfig, ContainerMetadata, CreateContainerRequest, ImageSpec, ImageStatusRequest,
    ImageStatusResponse, ListImagesRequest, ListImagesResponse, ListPodSandboxRequest,
    ListPodSandboxResponse, Nothing, PodSandboxConfig, PodSandboxFilter, PodSandboxRequest,
    RunPodSandboxRequest, RunPodSandboxResponse, StopContainerRequest, VersionRequest,
    VersionResponse,
};
use super::error::CriError;
use super::grpc::call;
use crate::oci::Digest;

/// Within the time that NRI gives a plugin for an answer (2 s).
const QUESTION_TIME: Duration = Duration::from_secs(1);
const ACT_TIME: Duration = Duration::from_secs(30);
/// How long a container has to end by itself, in seconds.
const GRACE_SECONDS: i64 = 30;

/// A client of one runtime. It connects for each call.
#[derive(Clone, Debug)]
pub struct CriClient(PathBuf);

impl CriClient {
    pub fn new(socket: PathBuf) -> Self {
        Self(socket)
    }

    /// The version of the runtime, as it tells it.
    ///
    /// # Errors
    /// [`CriError`].
    pub async fn runtime_version(&self) -> Result<String, CriError> {
        let path = "/runtime.v1.RuntimeService/Version";
        let answer: VersionResponse =
            call(&self.0, path, &VersionRequest {}, QUESTION_TIME).await?;
        Ok(answer.runtime_version)
    }

    /// The digests of the image of that name: of its config, and of each index or manifest
    /// under which it was pulled. Empty: the runtime has no such image.
    ///
    /// # Errors
    /// [`CriError`].
    pub async fn image_digests(&self, name: &str) -> Result<Vec<Digest>, CriError> {
        let image = Some(ImageSpec {
            image: name.to_owned(),
        });
        let asked = ImageStatusRequest { image };
        let path = "/runtime.v1.ImageService/ImageStatus";
        let answer: ImageStatusResponse = call(&self.0, path, &asked, QUESTION_TIME).await?;
        Ok(digests(&answer))
    }

    /// The smallest image that the runtime has, by its identifier.
    pub(super) async fn smallest_image(&self) -> Result<Option<String>, CriError> {
        let path = "/runtime.v1.ImageService/ListImages";
        let answer: ListImagesResponse =
            call(&self.0, path, &ListImagesRequest {}, ACT_TIME).await?;
        let smallest = answer.images.into_iter().min_by_key(|image| image.size);
        Ok(smallest.map(|image| image.id))
    }

    pub(super) async fn stop_container(&self, id: &str) -> Result<(), CriError> {
        let asked = StopContainerRequest {
            container_id: id.to_owned(),
            timeout: GRACE_SECONDS,
        };
        let path = "/runtime.v1.RuntimeService/StopContainer";
        let within = ACT_TIME + Duration::from_secs(30);
        let Nothing {} = call(&self.0, path, &asked, within).await?;
        Ok(())
    }

    pub(super) async fn run_sandbox(&self, config: PodSandboxConfig) -> Result<String, CriError> {
        let config = Some(config);
        let path = "/runtime.v1.RuntimeService/RunPodSandbox";
        let answer: RunPodSandboxResponse =
            call(&self.0, path, &RunPodSandboxRequest { config }, ACT_TIME).await?;
        Ok(answer.pod_sandbox_id)
    }

    /// The sandboxes with that label: identifier, and when it was made, in nanoseconds since
    /// 1970.
    pub(super) async fn sandboxes_labelled(
        &self,
        label: &str,
    ) -> Result<Vec<(String, i64)>, CriError> {
        let label_selector = HashMap::from([(label.to_owned(), String::new())]);
        let filter = Some(PodSandboxFilter { label_selector });
        let path = "/runtime.v1.RuntimeService/ListPodSandbox";
        let answer: ListPodSandboxResponse =
            call(&self.0, path, &ListPodSandboxRequest { filter }, ACT_TIME).await?;
        let items = answer.items.into_iter();
        Ok(items.map(|it| (it.id, it.created_at)).collect())
    }

    pub(super) async fn create_container(
        &self,
        pod_sandbox_id: &str,
        sandbox: PodSandboxConfig,
        image: String,
    ) -> Result<(), CriError> {
        let name = "canary".to_owned();
        let asked = CreateContainerRequest {
            pod_sandbox_id: pod_sandbox_id.to_owned(),
            config: Some(ContainerConfig {
                metadata: Some(ContainerMetadata { name }),
                image: Some(ImageSpec { image }),
                // Never run: it is created at most.
                command: vec!["/canary".to_owned()],
            }),
            sandbox_config: Some(sandbox),
        };
        let path = "/runtime.v1.RuntimeService/CreateContainer";
        let Nothing {} = call(&self.0, path, &asked, ACT_TIME).await?;
        Ok(())
    }

    pub(super) async fn remove_sandbox(&self, pod_sandbox_id: &str) -> Result<(), CriError> {
        let asked = PodSandboxRequest {
            pod_sandbox_id: pod_sandbox_id.to_owned(),
        };
        let paths = [
            "/runtime.v1.RuntimeService/StopPodSandbox",
            "/runtime.v1.RuntimeService/RemovePodSandbox",
        ];
        for path in paths {
            let Nothing {} = call(&self.0, path, &asked, ACT_TIME).await?;
        }
        Ok(())
    }
}

/// Those of its config, and of each name under which it was pulled.
pub(super) fn digests(answer: &ImageStatusResponse) -> Vec<Digest> {
    let images = answer.image.iter();
    let pulled = images.clone().flat_map(|image| &image.repo_digests);
    let pulled = pulled.filter_map(|it| it.rsplit_once('@').map(|(_, digest)| digest));
    let all = pulled.chain(images.map(|image| image.id.as_str()));
    all.filter_map(|text| Digest::parse(text).ok()).collect()
}

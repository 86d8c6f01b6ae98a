//! Whatever a runtime answers.

use bytes::BytesMut;
use prost::Message;

use super::super::cri::digests;
use super::super::cri_messages::{
    CriImage, ImageStatusResponse, ListImagesResponse, RunPodSandboxResponse,
};
use super::super::error::CriError;
use super::super::grpc::{framed, unframed};
use crate::oci::Digest;
use crate::tests::{Fuzz, folded};

fn image() -> CriImage {
    let digest = Digest::sha256(b"config");
    CriImage {
        id: digest.to_string(),
        repo_digests: vec![
            format!("gate.corp/team/app@{}", Digest::sha256(b"index")),
            format!("gate.corp/team/app@{}", Digest::sha512(b"index")),
        ],
        size: 7,
    }
}

fn outcome<A>(read: Result<A, CriError>, told: impl Fn(A) -> String) -> String {
    match read {
        Ok(answer) => told(answer),
        Err(error) => folded(&error.to_string()),
    }
}

fn read<A: Message + Default>(bytes: &[u8]) -> Result<A, CriError> {
    unframed(BytesMut::from(bytes))
}

#[test]
fn fuzz_answers_of_the_cri() {
    let image = Some(image());
    let seeds = [
        framed(&ImageStatusResponse {
            image: image.clone(),
        }),
        framed(&ListImagesResponse {
            images: image.into_iter().cycle().take(3).collect(),
        }),
        framed(&RunPodSandboxResponse {
            pod_sandbox_id: "a1b2".to_owned(),
        }),
    ];
    Fuzz::new("answers of the CRI", &seeds).run(|bytes| {
        let told = |answer: ImageStatusResponse| {
            let found = digests(&answer);
            for digest in &found {
                assert_eq!(Digest::parse(&digest.to_string()).as_ref(), Ok(digest));
            }
            format!("{} digests", found.len().min(4))
        };
        let outcomes = [
            outcome(read(bytes), told),
            outcome(read(bytes), |answer: ListImagesResponse| {
                answer.images.len().min(4).to_string()
            }),
            outcome(read(bytes), |answer: RunPodSandboxResponse| {
                answer.pod_sandbox_id.is_empty().to_string()
            }),
        ];
        outcomes.join("; ")
    });
}

/// A response that is whole stays so: whatever its message says, its length is that.
#[test]
fn fuzz_messages_of_the_cri() {
    let seeds = [ImageStatusResponse {
        image: Some(image()),
    }
    .encode_to_vec()];
    Fuzz::new("messages of the CRI", &seeds).run(|message| {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let response = [&[0][..], &length, message].concat();
        outcome(read(&response), |answer: ImageStatusResponse| {
            format!("{}", digests(&answer).len().min(4))
        })
    });
}

//! Each kind of store is set up from what a file of its credentials says, and no message
//! holds a part of them.

use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::json;
use url::Url;

use super::remote::options;
use crate::cache::{BlobStore, RemoteError, RemoteOptions};

fn with(url: &str, credentials: &str) -> RemoteOptions {
    RemoteOptions {
        credentials: Some(credentials.to_owned().into()),
        ..options(Url::parse(url).unwrap())
    }
}

fn refused(url: &str, credentials: &str) -> String {
    match BlobStore::connect(&with(url, credentials)) {
        Err(RemoteError::Unusable(text)) => text,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{url} is taken"),
    }
}

#[test]
fn takes_the_credentials_of_each_kind() {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let google = json!({
        "type": "service_account", "private_key_id": "1", "private_key": key.serialize_pem(),
        "client_email": "sekisho@example.iam.gserviceaccount.com", "client_id": "1",
        "disable_oauth": false,
    });
    for (url, credentials) in [
        (
            "s3://bucket/prefix",
            "# ours\n[default]\naws_access_key_id = a\naws_secret_access_key = b\n[other]\nx = y"
                .to_owned(),
        ),
        (
            "az://container/prefix",
            "azure_storage_account_name = a\nazure_storage_account_key = c2VjcmV0".to_owned(),
        ),
        ("gs://bucket/prefix", google.to_string()),
    ] {
        let connected = BlobStore::connect(&with(url, &credentials));
        assert!(connected.is_ok(), "{url}: {:?}", connected.err());
    }
}

#[test]
fn refuses_credentials_that_are_none_without_showing_them() {
    for (url, credentials) in [
        ("s3://bucket", "hunter2"),
        ("s3://bucket", ""),
        ("s3://bucket", "aws_secret_access_key = hunter2"),
        ("s3://bucket", "hunter2 = aws_access_key_id"),
        ("az://container", "hunter2"),
        ("gs://bucket", "hunter2"),
        ("gs://bucket", "{\"private_key\": \"hunter2\"}"),
    ] {
        let told = refused(url, credentials);
        assert!(!told.contains("hunter2"), "{url} {credentials}: {told}");
    }
    let unknown = with("ftp://somewhere", "a = b");
    assert!(BlobStore::connect(&unknown).is_err());
}

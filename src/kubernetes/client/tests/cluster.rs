use std::io::Write;

use crate::kubernetes::client::KubernetesClient;

#[tokio::test]
async fn without_kubeconfig_and_pod_there_is_no_cluster() {
    assert!(std::env::var_os("KUBERNETES_SERVICE_HOST").is_none());
    assert!(KubernetesClient::connect(None).await.unwrap().is_none());
}

#[tokio::test]
async fn a_kubeconfig_names_the_cluster_and_its_namespace() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
        clusters: [{name: c, cluster: {server: 'https://127.0.0.1:6443'}}]\n\
        users: [{name: u, user: {token: t}}]\n\
        contexts: [{name: here, context: {cluster: c, user: u, namespace: shop}}]\n";
    file.write_all(text.as_bytes()).unwrap();
    let cluster = KubernetesClient::connect(Some(file.path()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(cluster.namespace(), "shop");
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent");
    let error = KubernetesClient::connect(Some(&path)).await.err().unwrap();
    assert!(error.to_string().contains("absent"), "{error}");
    std::fs::write(&path, "current-context: gone\n").unwrap();
    let error = KubernetesClient::connect(Some(&path)).await.err().unwrap();
    assert!(error.to_string().contains("gone"), "{error}");
}

//! Reads once what the doctor judges. Everything but the trial is a list, and the
//! trial is a dry run: nothing is changed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview};
use kube::Api;
use kube::api::{ListParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::KubernetesClient;
use super::connection::with_timeout;
use super::probe::{ask_all, endpoints};
use super::watched_kind::WatchedKind;
use crate::kubernetes::doctor::{DryRun, ExposedPod, ObjectList, Snapshot, WebhookProbe};
use crate::kubernetes::exposure::{
    ExposurePaths, Pod, Route, RouteKind, RouteName, Service, ServiceName,
};
use crate::kubernetes::names::SECRET_NAME;

/// Objects of one answer.
const OBJECTS_PER_PAGE: u32 = 500;
/// Answers per kind: 50 000 objects.
const MAX_PAGES: usize = 100;
const ADMISSION_GROUP: &str = "admissionregistration.k8s.io";
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
const NOT_FOUND: u16 = 404;
const FORBIDDEN: u16 = 403;

/// What a snapshot covers besides the objects that every cluster has.
#[derive(Clone, Debug)]
pub struct SnapshotScope {
    /// Sekisho's own namespace.
    pub namespace: String,
    /// The name of both webhook configurations.
    pub configuration: String,
    /// A namespace that is judged, and an image by its upstream name: what a Pod in a
    /// dry run is made of. None where there is no such namespace.
    pub trial: Option<(String, String)>,
    /// Whether Services of the cluster are reached from here.
    pub inside: bool,
}

impl KubernetesClient {
    /// Everything that the doctor judges, as far as it may be read.
    pub async fn snapshot(&self, scope: &SnapshotScope, now: Timestamp) -> Snapshot {
        let own = Some(scope.namespace.as_str());
        let [mutating, validating] = self.webhooks().await;
        let pods = self
            .list(
                &WatchedKind::Pods.resource(),
                None,
                WatchedKind::Pods.fields(),
            )
            .await;
        let [policies, policy_bindings] = self.policies("Validating").await;
        let [mutating_policies, mutating_policy_bindings] = self.policies("Mutating").await;
        let [deployments, budgets, autoscalers] = self.workload(&scope.namespace).await;
        Snapshot {
            probes: answered(scope, [&mutating, &validating], now).await,
            exposed_pods: self.reached(&pods).await,
            dry_run: self.trial(scope).await,
            policies,
            policy_bindings,
            mutating_policies,
            mutating_policy_bindings,
            namespaces: self
                .list(&kind("", "Namespace", "namespaces"), None, None)
                .await,
            slices: self
                .list(
                    &kind("discovery.k8s.io", "EndpointSlice", "endpointslices"),
                    own,
                    None,
                )
                .await,
            secrets: self.certificates(&scope.namespace).await,
            deployments,
            budgets,
            autoscalers,
            cluster_roles: self
                .list(&kind(RBAC_GROUP, "ClusterRole", "clusterroles"), None, None)
                .await,
            cluster_role_bindings: self
                .list(
                    &kind(RBAC_GROUP, "ClusterRoleBinding", "clusterrolebindings"),
                    None,
                    None,
                )
                .await,
            mutating,
            validating,
            pods,
        }
    }

    async fn webhooks(&self) -> [ObjectList; 2] {
        let mutating = "MutatingWebhookConfiguration";
        let validating = "ValidatingWebhookConfiguration";
        [
            self.admission(mutating, "mutatingwebhookconfigurations")
                .await,
            self.admission(validating, "validatingwebhookconfigurations")
                .await,
        ]
    }

    /// What the API server holds by itself: policies that are `Validating` or `Mutating`, and
    /// their bindings.
    async fn policies(&self, which: &str) -> [ObjectList; 2] {
        let policy = format!("{which}AdmissionPolicy");
        let binding = format!("{policy}Binding");
        let plural = format!("{}admissionpolicies", which.to_lowercase());
        let bindings = format!("{}admissionpolicybindings", which.to_lowercase());
        [
            self.admission(&policy, &plural).await,
            self.admission(&binding, &bindings).await,
        ]
    }

    /// What runs the program in its namespace: Deployments, budgets, autoscalers.
    async fn workload(&self, namespace: &str) -> [ObjectList; 3] {
        let own = Some(namespace);
        let deployments = kind("apps", "Deployment", "deployments");
        let budgets = kind("policy", "PodDisruptionBudget", "poddisruptionbudgets");
        let scaler = GroupVersionKind::gvk("autoscaling", "v2", "HorizontalPodAutoscaler");
        let scalers = ApiResource::from_gvk_with_plural(&scaler, "horizontalpodautoscalers");
        [
            self.list(&deployments, own, None).await,
            self.list(&budgets, own, None).await,
            self.list(&scalers, own, None).await,
        ]
    }

    async fn admission(&self, name: &str, plural: &str) -> ObjectList {
        self.list(&kind(ADMISSION_GROUP, name, plural), None, None)
            .await
    }

    async fn list(
        &self,
        kind: &ApiResource,
        namespace: Option<&str>,
        fields: Option<&str>,
    ) -> ObjectList {
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client(), namespace, kind),
            None => Api::all_with(self.client(), kind),
        };
        let mut items = Vec::new();
        let mut page = ListParams::default().limit(OBJECTS_PER_PAGE);
        if let Some(fields) = fields {
            page = page.fields(fields);
        }
        for _ in 0..MAX_PAGES {
            match with_timeout(async { Ok(api.list(&page).await) }).await {
                Err(words) => return ObjectList::Unknown(words),
                Ok(Err(kube::Error::Api(status))) if status.code == NOT_FOUND => {
                    return ObjectList::NoSuchKind;
                }
                Ok(Err(error)) => return ObjectList::Unknown(super::error::describe(&error)),
                Ok(Ok(list)) => {
                    items.extend(list.items.into_iter().filter_map(raw));
                    match list.metadata.continue_.filter(|token| !token.is_empty()) {
                        Some(token) => page = page.continue_token(&token),
                        None => return ObjectList::Items(items),
                    }
                }
            }
        }
        ObjectList::Unknown(format!(
            "there are more than {}",
            MAX_PAGES * OBJECTS_PER_PAGE as usize
        ))
    }

    /// The one Secret that matters, without its keys.
    async fn certificates(&self, namespace: &str) -> ObjectList {
        let secrets = kind("", "Secret", "secrets");
        let api: Api<DynamicObject> = Api::namespaced_with(self.client(), namespace, &secrets);
        match with_timeout(api.get_opt(SECRET_NAME)).await {
            Err(words) => ObjectList::Unknown(words),
            Ok(found) => {
                ObjectList::Items(found.and_then(raw).map(without_keys).into_iter().collect())
            }
        }
    }

    /// The Pods that requests from outside can reach. A kind of route that is not
    /// served or may not be read opens no way, as in admission.
    async fn reached(&self, pods: &ObjectList) -> Vec<ExposedPod> {
        let mut paths = ExposurePaths::default();
        for kind in WatchedKind::ALL
            .into_iter()
            .filter(|kind| *kind != WatchedKind::Pods)
        {
            for object in self.list(&kind.resource(), None, None).await.items() {
                open(&mut paths, kind, object);
            }
        }
        let reached = |pod: &Value| {
            let (namespace, name) = place(pod);
            let path = paths.path_to(namespace, &Pod::read(pod))?;
            Some(ExposedPod {
                namespace: namespace.to_owned(),
                pod: name.to_owned(),
                path: path.to_string(),
            })
        };
        pods.items().iter().filter_map(reached).collect()
    }

    /// Asks for a Pod in a dry run, as anybody would.
    async fn trial(&self, scope: &SnapshotScope) -> DryRun {
        let Some((namespace, image)) = &scope.trial else {
            return DryRun::NotTried("no namespace is judged".to_owned());
        };
        let pods = WatchedKind::Pods.resource();
        let api: Api<DynamicObject> = Api::namespaced_with(self.client(), namespace, &pods);
        let dry = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let Ok(pod) = serde_json::from_value(trial_pod(image)) else {
            return DryRun::NotTried("the Pod cannot be written".to_owned());
        };
        match with_timeout(async { Ok(api.create(&dry, &pod).await) }).await {
            Err(words) => DryRun::NotTried(words),
            Ok(Ok(made)) => DryRun::Admitted {
                asked: image.clone(),
                image: image_of(&made),
            },
            Ok(Err(error)) => self.not_made(namespace, &error).await,
        }
    }

    /// Admission may refuse with the status of a user who may not make Pods, so the
    /// API server is asked which of the two it was.
    async fn not_made(&self, namespace: &str, error: &kube::Error) -> DryRun {
        let words = super::error::describe(error);
        let forbidden = matches!(error, kube::Error::Api(status) if status.code == FORBIDDEN);
        match forbidden && self.may_make_pods(namespace).await == Some(false) {
            true => DryRun::NotTried(words),
            false => DryRun::Refused(words),
        }
    }

    /// Whether we may, admission aside; `None`: the API server does not tell.
    async fn may_make_pods(&self, namespace: &str) -> Option<bool> {
        let asked = ResourceAttributes {
            namespace: Some(namespace.to_owned()),
            verb: Some("create".to_owned()),
            resource: Some("pods".to_owned()),
            ..ResourceAttributes::default()
        };
        let mut review = SelfSubjectAccessReview::default();
        review.spec.resource_attributes = Some(asked);
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client());
        let answer = with_timeout(api.create(&PostParams::default(), &review)).await;
        Some(answer.ok()?.status?.allowed)
    }
}

fn kind(group: &str, name: &str, plural: &str) -> ApiResource {
    let kind = GroupVersionKind::gvk(group, "v1", name);
    ApiResource::from_gvk_with_plural(&kind, plural)
}

/// As the API server wrote it, without its own book-keeping.
fn raw(mut object: DynamicObject) -> Option<Value> {
    object.metadata.managed_fields = None;
    serde_json::to_value(object).ok()
}

fn without_keys(mut secret: Value) -> Value {
    if let Some(files) = secret.get_mut("data").and_then(Value::as_object_mut) {
        files.retain(|name, _| !name.ends_with(".key"));
    }
    secret
}

/// Webhooks behind a Service are asked only from inside the cluster, where its name
/// is known; from outside the trial and the Secret tell the same.
async fn answered(
    scope: &SnapshotScope,
    listed: [&ObjectList; 2],
    now: Timestamp,
) -> Vec<WebhookProbe> {
    let mut all = Vec::new();
    let configurations = listed.into_iter().flat_map(ObjectList::items);
    let own = |object: &&Value| object["metadata"]["name"] == scope.configuration.as_str();
    for configuration in configurations.filter(own) {
        let webhooks = configuration["webhooks"].as_array().into_iter().flatten();
        let mut hooks =
            webhooks.filter(|webhook| scope.inside || webhook["clientConfig"]["url"].is_string());
        if hooks.next().is_none() {
            continue;
        }
        let problem = match endpoints(configuration) {
            Ok(targets) => ask_each(targets, now).await,
            Err(problem) => Some(problem),
        };
        all.push(WebhookProbe {
            who: scope.configuration.clone(),
            problem,
        });
    }
    all
}

async fn ask_each(
    targets: BTreeSet<super::probe::WebhookEndpoint>,
    now: Timestamp,
) -> Option<String> {
    ask_all(&targets, now).await.err()
}

fn open(paths: &mut ExposurePaths, kind: WatchedKind, object: &Value) {
    let (namespace, name) = place(object);
    match kind {
        WatchedKind::Services => {
            let service = spec(object).and_then(Service::read);
            paths.set_service(ServiceName::new(namespace, name), service);
        }
        WatchedKind::Routes(kind) => {
            let route = match kind {
                RouteKind::Ingress => spec(object).map(|spec| Route::of_ingress(namespace, spec)),
                RouteKind::Http | RouteKind::Grpc => {
                    spec(object).map(|spec| Route::of_gateway(namespace, spec))
                }
            };
            let (namespace, name) = (namespace.into(), name.into());
            let name = RouteName {
                kind,
                namespace,
                name,
            };
            paths.set_route(name, route);
        }
        WatchedKind::Pods => {}
    }
}

fn spec<T: DeserializeOwned>(object: &Value) -> Option<T> {
    serde_json::from_value(object.get("spec")?.clone()).ok()
}

fn place(object: &Value) -> (&str, &str) {
    let text = |pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("")
    };
    (text("/metadata/namespace"), text("/metadata/name"))
}

/// Within what the strictest Pod Security level and most quotas allow.
fn trial_pod(image: &str) -> Value {
    let few = json!({ "cpu": "1m", "memory": "1Mi" });
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "generateName": "sekisho-doctor-" },
        "spec": {
            "automountServiceAccountToken": false,
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "trial",
                "image": image,
                "resources": { "requests": few, "limits": few },
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "capabilities": { "drop": ["ALL"] },
                },
            }],
        },
    })
}

fn image_of(pod: &DynamicObject) -> String {
    let image = pod.data.pointer("/spec/containers/0/image");
    image.and_then(Value::as_str).unwrap_or("").to_owned()
}

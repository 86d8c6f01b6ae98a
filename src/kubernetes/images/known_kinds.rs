//! The table of known kinds: where their images are, beside Pod templates, and which of
//! them bring images from elsewhere.

/// Group, kind, and where its images stand: `{a,b}` is either of them. A kind without
/// paths is known to have none but those of Pod templates.
type KnownKind = (&'static str, &'static str, &'static [&'static str]);

const NONE: &[&str] = &[];
const IMAGE: &[&str] = &["spec.image"];
const ARGO_TEMPLATES: &[&str] = &[
    "spec.{templates[],templateDefaults}.{container,script,sidecars[]}.image",
    "spec.templates[].{steps[][],dag.tasks[]}.inline.{container,script,sidecars[]}.image",
];
const ARGO_CRON: &[&str] = &[
    "spec.workflowSpec.{templates[],templateDefaults}.{container,script,sidecars[]}.image",
    "spec.workflowSpec.templates[].{steps[][],dag.tasks[]}.inline.{container,script,sidecars[]}.image",
];
const ARGO_EVENTS: &[&str] = &["spec.template.container.image"];
const TEKTON_TASK: &[&str] = &["spec.{steps[],sidecars[],stepTemplate}.image"];
const TEKTON_TASK_RUN: &[&str] = &["spec.taskSpec.{steps[],sidecars[],stepTemplate}.image"];
const TEKTON_PIPELINE: &[&str] = &[
    "spec.{tasks[],finally[]}.taskSpec.{steps[],sidecars[],stepTemplate}.image",
    "spec.{tasks[],finally[]}.pipelineSpec.{tasks[],finally[]}.taskSpec.{steps[],sidecars[],stepTemplate}.image",
];
const TEKTON_PIPELINE_RUN: &[&str] = &[
    "spec.pipelineSpec.{tasks[],finally[]}.taskSpec.{steps[],sidecars[],stepTemplate}.image",
    "spec.pipelineSpec.{tasks[],finally[]}.pipelineSpec.{tasks[],finally[]}.taskSpec.{steps[],sidecars[],stepTemplate}.image",
];
const SPARK: &[&str] = &[
    "spec.image",
    "spec.{driver,executor}.{image,sidecars[].image}",
];
const SPARK_SCHEDULED: &[&str] = &[
    "spec.template.image",
    "spec.template.{driver,executor}.{image,sidecars[].image}",
];
const CNPG_CLUSTER: &[&str] = &[
    "spec.imageName",
    "spec.postgresql.extensions[].image.reference",
];
const CNPG_CATALOG: &[&str] = &[
    "spec.images[].image",
    "spec.images[].extensions[].image.reference",
];
const ZALANDO: &[&str] = &[
    "spec.dockerImage",
    "spec.sidecars[].image",
    "spec.connectionPooler.dockerImage",
];
const STRIMZI_KAFKA: &[&str] = &[
    "spec.kafka.{image,brokerRackInitImage,tlsSidecar.image}",
    "spec.{zookeeper,cruiseControl}.{image,tlsSidecar.image}",
    "spec.entityOperator.{topicOperator,userOperator,tlsSidecar}.image",
    "spec.{kafkaExporter,jmxTrans}.image",
];
const STRIMZI_CONNECT: &[&str] = &["spec.{image,clientRackInitImage,build.output.image}"];
const STRIMZI_MIRROR: &[&str] = &["spec.{image,clientRackInitImage}"];
const OTEL_COLLECTOR: &[&str] =
    &["spec.{image,targetAllocator.image,additionalContainers[].image}"];
const OTEL_INSTRUMENTATION: &[&str] =
    &["spec.{java,nodejs,python,dotnet,go,apacheHttpd,nginx}.image"];
const JAEGER: &[&str] = &[
    "spec.{allInOne,collector,query,agent,ingester}.image",
    "spec.storage.{dependencies,esIndexCleaner,esRollover,cassandraCreateSchema}.image",
];
const MINIO: &[&str] = &["spec.{image,kes.image,log.image,log.db.image,prometheus.image}"];

pub(super) const KNOWN_KINDS: &[KnownKind] = &[
    ("argoproj.io", "Workflow", ARGO_TEMPLATES),
    ("argoproj.io", "WorkflowTemplate", ARGO_TEMPLATES),
    ("argoproj.io", "ClusterWorkflowTemplate", ARGO_TEMPLATES),
    ("argoproj.io", "CronWorkflow", ARGO_CRON),
    ("argoproj.io", "WorkflowEventBinding", NONE),
    ("argoproj.io", "Sensor", ARGO_EVENTS),
    ("argoproj.io", "EventSource", ARGO_EVENTS),
    ("argoproj.io", "Rollout", NONE),
    ("argoproj.io", "Experiment", NONE),
    ("argoproj.io", "AnalysisTemplate", NONE),
    ("argoproj.io", "ClusterAnalysisTemplate", NONE),
    ("argoproj.io", "AnalysisRun", NONE),
    ("argoproj.io", "Application", NONE),
    ("argoproj.io", "ApplicationSet", NONE),
    ("argoproj.io", "AppProject", NONE),
    ("tekton.dev", "Task", TEKTON_TASK),
    ("tekton.dev", "ClusterTask", TEKTON_TASK),
    ("tekton.dev", "StepAction", IMAGE),
    ("tekton.dev", "TaskRun", TEKTON_TASK_RUN),
    ("tekton.dev", "Pipeline", TEKTON_PIPELINE),
    ("tekton.dev", "PipelineRun", TEKTON_PIPELINE_RUN),
    ("triggers.tekton.dev", "TriggerTemplate", NONE),
    (
        "monitoring.coreos.com",
        "Prometheus",
        &["spec.{image,thanos.image}"],
    ),
    ("monitoring.coreos.com", "PrometheusAgent", IMAGE),
    ("monitoring.coreos.com", "Alertmanager", IMAGE),
    ("monitoring.coreos.com", "ThanosRuler", IMAGE),
    ("monitoring.coreos.com", "ServiceMonitor", NONE),
    ("monitoring.coreos.com", "PodMonitor", NONE),
    ("monitoring.coreos.com", "PrometheusRule", NONE),
    ("postgresql.cnpg.io", "Cluster", CNPG_CLUSTER),
    ("postgresql.cnpg.io", "ImageCatalog", CNPG_CATALOG),
    ("postgresql.cnpg.io", "ClusterImageCatalog", CNPG_CATALOG),
    ("postgresql.cnpg.io", "Pooler", NONE),
    ("acid.zalan.do", "postgresql", ZALANDO),
    ("kafka.strimzi.io", "Kafka", STRIMZI_KAFKA),
    ("kafka.strimzi.io", "KafkaNodePool", NONE),
    ("kafka.strimzi.io", "KafkaConnect", STRIMZI_CONNECT),
    ("kafka.strimzi.io", "KafkaMirrorMaker2", STRIMZI_MIRROR),
    ("kafka.strimzi.io", "KafkaBridge", STRIMZI_MIRROR),
    ("elasticsearch.k8s.elastic.co", "Elasticsearch", IMAGE),
    ("kibana.k8s.elastic.co", "Kibana", IMAGE),
    ("apm.k8s.elastic.co", "ApmServer", IMAGE),
    ("beat.k8s.elastic.co", "Beat", IMAGE),
    ("agent.k8s.elastic.co", "Agent", IMAGE),
    ("logstash.k8s.elastic.co", "Logstash", IMAGE),
    ("rabbitmq.com", "RabbitmqCluster", IMAGE),
    ("opentelemetry.io", "OpenTelemetryCollector", OTEL_COLLECTOR),
    ("opentelemetry.io", "Instrumentation", OTEL_INSTRUMENTATION),
    ("jaegertracing.io", "Jaeger", JAEGER),
    ("minio.min.io", "Tenant", MINIO),
    ("sparkoperator.k8s.io", "SparkApplication", SPARK),
    (
        "sparkoperator.k8s.io",
        "ScheduledSparkApplication",
        SPARK_SCHEDULED,
    ),
    ("flink.apache.org", "FlinkDeployment", IMAGE),
    ("policies.kubewarden.io", "PolicyServer", IMAGE),
    ("cert-manager.io", "Certificate", NONE),
    ("cert-manager.io", "Issuer", NONE),
    ("cert-manager.io", "ClusterIssuer", NONE),
    ("serving.knative.dev", "Service", NONE),
    ("keda.sh", "ScaledObject", NONE),
    ("keda.sh", "ScaledJob", NONE),
    ("bitnami.com", "SealedSecret", NONE),
    ("external-secrets.io", "ExternalSecret", NONE),
    ("jobset.x-k8s.io", "JobSet", NONE),
    ("template.openshift.io", "Template", NONE),
    ("work.open-cluster-management.io", "ManifestWork", NONE),
    ("kustomize.toolkit.fluxcd.io", "Kustomization", NONE),
    ("helm.toolkit.fluxcd.io", "HelmRelease", NONE),
    ("helm.cattle.io", "HelmChart", NONE),
    ("kustomize.config.k8s.io", "Kustomization", NONE),
    ("kustomize.config.k8s.io", "Component", NONE),
    // Kustomize takes its file without a version, too.
    ("", "Kustomization", NONE),
];

/// What Kyverno's rules compare objects with. What they generate, and what they change
/// objects into, runs.
const KYVERNO_RULES: &[&str] = &[
    "spec.rules[].{match,exclude,preconditions,celPreconditions,context}",
    "spec.rules[].{validate,verifyImages,imageExtractors}",
    "status",
];
const KYVERNO_CLEANUP: &[&str] = &["spec.{match,exclude,conditions,context}", "status"];
const KYVERNO_EXCEPTION: &[&str] = &["spec.{match,conditions,exceptions,podSecurity}"];
const KYVERNO_CEL: &[&str] = &[
    "spec.{matchConstraints,matchConditions,variables,validations,conditions}",
    "status",
];
const KYVERNO_IMAGES: &[&str] = &[
    "spec.{matchConstraints,matchConditions,variables,validations}",
    "spec.{matchImageReferences,images,attestors,attestations}",
    "status",
];
const KUBEWARDEN: &[&str] = &["spec.{settings,rules,matchConditions}"];

/// Policies, by group and kind, and the parts of them in which nothing runs: patterns of
/// images are no images. Such a part is named narrowly, so that no Pod template that calls
/// itself a policy hides its containers there. An empty kind is each of the group.
/// Kubewarden's modules are images of their own, and so stay outside.
pub(super) const POLICY_KINDS: &[KnownKind] = &[
    ("kyverno.io", "ClusterPolicy", KYVERNO_RULES),
    ("kyverno.io", "Policy", KYVERNO_RULES),
    ("kyverno.io", "ClusterCleanupPolicy", KYVERNO_CLEANUP),
    ("kyverno.io", "CleanupPolicy", KYVERNO_CLEANUP),
    ("kyverno.io", "PolicyException", KYVERNO_EXCEPTION),
    ("policies.kyverno.io", "ValidatingPolicy", KYVERNO_CEL),
    (
        "policies.kyverno.io",
        "NamespacedValidatingPolicy",
        KYVERNO_CEL,
    ),
    ("policies.kyverno.io", "DeletingPolicy", KYVERNO_CEL),
    (
        "policies.kyverno.io",
        "NamespacedDeletingPolicy",
        KYVERNO_CEL,
    ),
    (
        "policies.kyverno.io",
        "ImageValidatingPolicy",
        KYVERNO_IMAGES,
    ),
    (
        "policies.kyverno.io",
        "NamespacedImageValidatingPolicy",
        KYVERNO_IMAGES,
    ),
    ("policies.kyverno.io", "PolicyException", KYVERNO_IMAGES),
    (
        "templates.gatekeeper.sh",
        "ConstraintTemplate",
        &["spec.{crd,targets}"],
    ),
    (
        "constraints.gatekeeper.sh",
        "",
        &["spec.{match,parameters}"],
    ),
    ("policies.kubewarden.io", "AdmissionPolicy", KUBEWARDEN),
    (
        "policies.kubewarden.io",
        "ClusterAdmissionPolicy",
        KUBEWARDEN,
    ),
    ("policies.kubewarden.io", "AdmissionPolicyGroup", KUBEWARDEN),
    (
        "policies.kubewarden.io",
        "ClusterAdmissionPolicyGroup",
        KUBEWARDEN,
    ),
];

/// Kinds of which a controller or a tool makes objects that stand elsewhere: in a
/// repository, in a chart.
pub(super) const RENDERING_KINDS: &[(&str, &str)] = &[
    ("argoproj.io", "Application"),
    ("argoproj.io", "ApplicationSet"),
    ("kustomize.toolkit.fluxcd.io", "Kustomization"),
    ("helm.toolkit.fluxcd.io", "HelmRelease"),
    ("helm.cattle.io", "HelmChart"),
    ("kustomize.config.k8s.io", "Kustomization"),
    ("kustomize.config.k8s.io", "Component"),
    ("", "Kustomization"),
];

/// The groups of Kubernetes and of its own add-ons, by name: under its domain others have
/// groups as well, whose kinds run images.
pub(super) const KUBERNETES_GROUPS: &[&str] = &[
    "",
    "apps",
    "autoscaling",
    "batch",
    "extensions",
    "policy",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apiserver.config.k8s.io",
    "audit.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling.k8s.io",
    "certificates.k8s.io",
    "client.authentication.k8s.io",
    "coordination.k8s.io",
    "custom.metrics.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "external.metrics.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "gateway.networking.k8s.io",
    "groupsnapshot.storage.k8s.io",
    "imagepolicy.k8s.io",
    "internal.apiserver.k8s.io",
    "metrics.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy.networking.k8s.io",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "snapshot.storage.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

//! The table of custom kinds: where their images are, beside Pod templates.

use super::path::{ImagePath, ImagePathError};

/// Where images stand in objects of a kind, beside the Pod templates in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindImages {
    /// As in `kind:`.
    pub kind: String,
    pub path: ImagePath,
}

impl KindImages {
    /// # Errors
    /// Where `path` is none.
    pub fn parse(kind: &str, path: &str) -> Result<Self, ImagePathError> {
        Ok(Self {
            kind: kind.to_owned(),
            path: ImagePath::parse(path)?,
        })
    }
}

/// Group, kind, and where its images stand. A kind without paths is known to have
/// none but those of Pod templates.
type Known = (&'static str, &'static str, &'static [&'static str]);

const ARGO_TEMPLATES: &[&str] = &[
    "spec.templates[].container.image",
    "spec.templates[].script.image",
    "spec.templates[].sidecars[].image",
    "spec.templateDefaults.container.image",
    "spec.templateDefaults.script.image",
];
const ARGO_CRON: &[&str] = &[
    "spec.workflowSpec.templates[].container.image",
    "spec.workflowSpec.templates[].script.image",
    "spec.workflowSpec.templates[].sidecars[].image",
    "spec.workflowSpec.templateDefaults.container.image",
    "spec.workflowSpec.templateDefaults.script.image",
];
const TEKTON_TASK: &[&str] = &[
    "spec.steps[].image",
    "spec.sidecars[].image",
    "spec.stepTemplate.image",
];
const TEKTON_TASK_RUN: &[&str] = &[
    "spec.taskSpec.steps[].image",
    "spec.taskSpec.sidecars[].image",
    "spec.taskSpec.stepTemplate.image",
];
const TEKTON_PIPELINE: &[&str] = &[
    "spec.tasks[].taskSpec.steps[].image",
    "spec.tasks[].taskSpec.sidecars[].image",
    "spec.tasks[].taskSpec.stepTemplate.image",
    "spec.finally[].taskSpec.steps[].image",
    "spec.finally[].taskSpec.sidecars[].image",
    "spec.finally[].taskSpec.stepTemplate.image",
];
const TEKTON_PIPELINE_RUN: &[&str] = &[
    "spec.pipelineSpec.tasks[].taskSpec.steps[].image",
    "spec.pipelineSpec.tasks[].taskSpec.sidecars[].image",
    "spec.pipelineSpec.tasks[].taskSpec.stepTemplate.image",
    "spec.pipelineSpec.finally[].taskSpec.steps[].image",
    "spec.pipelineSpec.finally[].taskSpec.sidecars[].image",
    "spec.pipelineSpec.finally[].taskSpec.stepTemplate.image",
];
const IMAGE: &[&str] = &["spec.image"];
const SPARK: &[&str] = &[
    "spec.image",
    "spec.driver.image",
    "spec.executor.image",
    "spec.driver.sidecars[].image",
    "spec.executor.sidecars[].image",
];
const SPARK_SCHEDULED: &[&str] = &[
    "spec.template.image",
    "spec.template.driver.image",
    "spec.template.executor.image",
    "spec.template.driver.sidecars[].image",
    "spec.template.executor.sidecars[].image",
];
const STRIMZI_KAFKA: &[&str] = &[
    "spec.kafka.image",
    "spec.zookeeper.image",
    "spec.entityOperator.topicOperator.image",
    "spec.entityOperator.userOperator.image",
    "spec.cruiseControl.image",
    "spec.kafkaExporter.image",
];

const KNOWN_KINDS: &[Known] = &[
    ("argoproj.io", "Workflow", ARGO_TEMPLATES),
    ("argoproj.io", "WorkflowTemplate", ARGO_TEMPLATES),
    ("argoproj.io", "ClusterWorkflowTemplate", ARGO_TEMPLATES),
    ("argoproj.io", "CronWorkflow", ARGO_CRON),
    ("argoproj.io", "Rollout", &[]),
    ("argoproj.io", "Experiment", &[]),
    ("argoproj.io", "AnalysisTemplate", &[]),
    ("argoproj.io", "ClusterAnalysisTemplate", &[]),
    ("argoproj.io", "AnalysisRun", &[]),
    ("argoproj.io", "Application", &[]),
    ("argoproj.io", "AppProject", &[]),
    ("tekton.dev", "Task", TEKTON_TASK),
    ("tekton.dev", "ClusterTask", TEKTON_TASK),
    ("tekton.dev", "StepAction", IMAGE),
    ("tekton.dev", "TaskRun", TEKTON_TASK_RUN),
    ("tekton.dev", "Pipeline", TEKTON_PIPELINE),
    ("tekton.dev", "PipelineRun", TEKTON_PIPELINE_RUN),
    (
        "monitoring.coreos.com",
        "Prometheus",
        &["spec.image", "spec.thanos.image"],
    ),
    ("monitoring.coreos.com", "PrometheusAgent", IMAGE),
    ("monitoring.coreos.com", "Alertmanager", IMAGE),
    ("monitoring.coreos.com", "ThanosRuler", IMAGE),
    ("monitoring.coreos.com", "ServiceMonitor", &[]),
    ("monitoring.coreos.com", "PodMonitor", &[]),
    ("monitoring.coreos.com", "PrometheusRule", &[]),
    ("postgresql.cnpg.io", "Cluster", &["spec.imageName"]),
    ("postgresql.cnpg.io", "Pooler", &[]),
    (
        "acid.zalan.do",
        "postgresql",
        &["spec.dockerImage", "spec.sidecars[].image"],
    ),
    ("kafka.strimzi.io", "Kafka", STRIMZI_KAFKA),
    ("kafka.strimzi.io", "KafkaNodePool", &[]),
    (
        "kafka.strimzi.io",
        "KafkaConnect",
        &["spec.image", "spec.build.output.image"],
    ),
    ("kafka.strimzi.io", "KafkaMirrorMaker2", IMAGE),
    ("kafka.strimzi.io", "KafkaBridge", IMAGE),
    ("elasticsearch.k8s.elastic.co", "Elasticsearch", IMAGE),
    ("kibana.k8s.elastic.co", "Kibana", IMAGE),
    ("apm.k8s.elastic.co", "ApmServer", IMAGE),
    ("beat.k8s.elastic.co", "Beat", IMAGE),
    ("agent.k8s.elastic.co", "Agent", IMAGE),
    ("logstash.k8s.elastic.co", "Logstash", IMAGE),
    ("rabbitmq.com", "RabbitmqCluster", IMAGE),
    (
        "opentelemetry.io",
        "OpenTelemetryCollector",
        &["spec.image", "spec.targetAllocator.image"],
    ),
    (
        "jaegertracing.io",
        "Jaeger",
        &[
            "spec.allInOne.image",
            "spec.collector.image",
            "spec.query.image",
        ],
    ),
    ("minio.min.io", "Tenant", IMAGE),
    ("sparkoperator.k8s.io", "SparkApplication", SPARK),
    (
        "sparkoperator.k8s.io",
        "ScheduledSparkApplication",
        SPARK_SCHEDULED,
    ),
    ("flink.apache.org", "FlinkDeployment", IMAGE),
    ("cert-manager.io", "Certificate", &[]),
    ("cert-manager.io", "Issuer", &[]),
    ("cert-manager.io", "ClusterIssuer", &[]),
    ("serving.knative.dev", "Service", &[]),
    ("keda.sh", "ScaledObject", &[]),
    ("keda.sh", "ScaledJob", &[]),
    ("bitnami.com", "SealedSecret", &[]),
    ("external-secrets.io", "ExternalSecret", &[]),
    ("kustomize.toolkit.fluxcd.io", "Kustomization", &[]),
    ("helm.toolkit.fluxcd.io", "HelmRelease", &[]),
];

/// Where the images of a kind stand by the table; `None`: the kind is not known. A kind
/// of Kubernetes itself has its images in Pods and their templates alone.
pub(super) fn known(group: &str, kind: &str) -> Option<&'static [&'static str]> {
    let entry = KNOWN_KINDS
        .iter()
        .find(|(of, name, _)| (*of, *name) == (group, kind));
    match entry {
        Some((.., paths)) => Some(*paths),
        None if is_of_kubernetes(group) => Some(&[]),
        None => None,
    }
}

/// Groups of Kubernetes have no domain, or end in its own.
fn is_of_kubernetes(group: &str) -> bool {
    let reserved = [".k8s.io", ".kubernetes.io"];
    !group.contains('.') || reserved.iter().any(|end| group.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_table_can_be_read() {
        for (group, kind, paths) in KNOWN_KINDS {
            for path in *paths {
                assert!(ImagePath::parse(path).is_ok(), "{group} {kind} {path}");
            }
        }
    }

    #[test]
    fn knows_kinds_of_kubernetes_and_no_strangers() {
        assert_eq!(known("", "Service"), Some(&[][..]));
        assert_eq!(known("networking.k8s.io", "Ingress"), Some(&[][..]));
        assert_eq!(known("apm.k8s.elastic.co", "ApmServer"), Some(IMAGE));
        assert_eq!(known("example.com", "Workflow"), None);
    }
}

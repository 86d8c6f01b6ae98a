{{/* What the configuration says, as JSON: the same as `sekisho kubernetes manifests` reads in it. */}}
{{- define "sekisho.read" -}}
{{- if not .Values.image }}{{ fail "image is missing: name Sekisho's own image, as --set image=registry.corp/sekisho:1" }}{{ end }}
{{- if not .Values.config }}{{ fail "config is missing: give the text of sekisho.toml, as --set-file config=sekisho.toml" }}{{ end }}
{{- $toml := fromToml .Values.config }}
{{- if hasKey $toml "Error" }}{{ fail (printf "config is no TOML: %s" $toml.Error) }}{{ end }}
{{- $data := dig "data_dir" "" $toml }}
{{- if not (hasPrefix "/" $data) }}{{ fail "config has no absolute data_dir: write data_dir = \"/var/lib/sekisho\"" }}{{ end }}
{{- $folder := trimSuffix "/" $data }}
{{- if or (not $folder) (ne (clean $data) $folder) (regexMatch "[:[:cntrl:]]" $data) }}{{ fail (printf "config has data_dir = %q, which no Pod can mount: write data_dir = \"/var/lib/sekisho\"" $data) }}{{ end }}
{{- range list "/dev" "/etc/sekisho" "/proc" "/sys" "/usr/bin/sekisho" "/var/run/secrets/kubernetes.io" }}
{{- if or (hasPrefix (printf "%s/" .) (printf "%s/" $folder)) (hasPrefix (printf "%s/" $folder) (printf "%s/" .)) }}
{{- fail (printf "config has data_dir = %q, which would hide %s in its Pod or lie in it: write data_dir = \"/var/lib/sekisho\"" $data .) }}{{ end }}{{ end }}
{{- $url := dig "ledger" "url" "" $toml }}
{{- $shared := regexMatch "^postgres(ql)?://" $url }}
{{- $kept := list (dig "cache" "path" $data $toml) (dig "audit" "path" $data $toml) (ternary $data (default $data (trimPrefix "sqlite://" $url)) $shared) }}
{{- range $kept }}{{ if not (hasPrefix (printf "%s/" $folder) (printf "%s/" (clean .))) }}
{{- fail (printf "config has %s outside data_dir, the only volume: put the cache, the ledger and the audit log below it" .) }}{{ end }}{{ end }}
{{- $cluster := include "sekisho.cluster" (list . $toml) | fromJson }}
{{- if not (hasKey $toml "webhook") }}{{ fail "config has no [webhook]: write it, with address = \"0.0.0.0:5443\"" }}{{ end }}
{{- $webhook := include "sekisho.port" (dig "webhook" "address" "0.0.0.0:5443" $toml) }}
{{- if not $webhook }}{{ fail "config has no [webhook] that others reach: write address = \"0.0.0.0:5443\"" }}{{ end }}
{{- $ops := include "sekisho.port" (dig "ops" "address" "127.0.0.1:0" $toml) }}
{{- if not $ops }}{{ fail "config has no [ops] that others reach: write [ops] with address = \"0.0.0.0:5082\"" }}{{ end }}
{{- $registry := "" }}
{{- range dig "listeners" list $toml }}{{ if and (not $registry) (eq (dig "environment" "" .) $cluster.environment) }}
{{- $registry = include "sekisho.port" (dig "address" "127.0.0.1:0" .) }}{{ end }}{{ end }}
{{- if not $registry }}{{ fail "config has no listener of the cluster's environment that nodes reach: write [[listeners]] with address = \"0.0.0.0:5080\", the cluster's environment, and tls" }}{{ end }}
{{- $folders := list $data "/var/run/secrets/kubernetes.io" "/etc/sekisho/secrets" "/etc/sekisho/exceptions" "/etc/sekisho/advisories" }}
{{- if .Values.certificate.enabled }}{{ $folders = append $folders "/etc/sekisho/tls" }}{{ end }}
{{- with include "sekisho.unmounted" (list "" $toml $folders) | trim }}{{ fail (printf "config has %s: put each file into the Secret %s, and write it as \"secrets/NAME\"; exceptions_dir is \"exceptions\", advisories_dir \"advisories\"" (replace "\n" ", " .) $.Values.existingSecret) }}{{ end }}
{{- $admin := include "sekisho.port" (dig "admin" "address" "127.0.0.1:5081" $toml) }}
{{- $gib := 1073741824 }}
{{- $cache := add (include "sekisho.bytes" (dig "cache" "max_size" "100GiB" $toml) | atoi) (include "sekisho.bytes" (dig "cache" "min_free" "5GiB" $toml) | atoi) }}
{{- $size := default (printf "%dGi" (add (div (add $cache (sub $gib 1)) $gib) 10)) .Values.storage.size }}
{{- $ports := dict "registry" ($registry | atoi) "webhook" ($webhook | atoi) "ops" ($ops | atoi) "admin" (default "0" $admin | atoi) }}
{{- $gateway := regexReplaceAll ":[0-9]+$" $cluster.gateway "" }}
{{- dict "cluster" $cluster.name "gateway" $gateway "dataDir" $data "shared" $shared "size" $size "ports" $ports "restart" (include "sekisho.restart" $toml) | toJson }}
{{- end }}

{{/* What of a part of the configuration names a file that no Pod mounts, each in a line. */}}
{{- define "sekisho.unmounted" -}}
{{- $path := index . 0 }}{{ $part := index . 1 }}{{ $folders := index . 2 }}
{{- $files := list "advisories_dir" "ca" "certificate" "client_ca" "docker_config" "exceptions_dir" "key" "kubeconfig" "password_file" "remote_ca" "remote_credentials" "secret_file" "signing_key" "url_file" }}
{{- if kindIs "slice" $part }}{{ range $part }}{{ include "sekisho.unmounted" (list $path . $folders) }}{{ end }}{{ end }}
{{- if kindIs "map" $part }}{{ range $key, $value := $part }}
{{- $here := trimPrefix "." (printf "%s.%s" $path $key) }}
{{- if and (kindIs "string" $value) (has $key $files) }}
{{- $file := clean (ternary $value (printf "/etc/sekisho/%s" $value) (hasPrefix "/" $value)) }}
{{- $mounted := false }}
{{- range $folders }}{{ if or (eq . $file) (hasPrefix (printf "%s/" (trimSuffix "/" .)) $file) }}{{ $mounted = true }}{{ end }}{{ end }}
{{- if not $mounted }}{{ printf "%s = %q, which no Pod mounts\n" $here $value }}{{ end }}
{{- else }}{{ include "sekisho.unmounted" (list $here $value $folders) }}{{ end }}{{ end }}{{ end }}
{{- end }}

{{/* The cluster that the Pod's own account speaks for: the only one without a kubeconfig. */}}
{{- define "sekisho.cluster" -}}
{{- $root := index . 0 }}{{ $toml := index . 1 }}
{{- $own := list }}
{{- range dig "clusters" list $toml }}{{ if not (hasKey . "kubeconfig") }}{{ $own = append $own . }}{{ end }}{{ end }}
{{- if ne (len $own) 1 }}{{ fail (printf "config has %d [[clusters]] without kubeconfig: the Pod's own account speaks for one" (len $own)) }}{{ end }}
{{- $cluster := first $own }}
{{- $namespace := dig "namespace" "sekisho" $cluster }}
{{- if ne $namespace $root.Release.Namespace }}{{ fail (printf "the release is for the namespace %s, and config says %s: write namespace = %q in its table of [[clusters]], or give --namespace %s" $root.Release.Namespace $namespace $root.Release.Namespace $namespace) }}{{ end }}
{{- range list "name" "gateway" }}{{ if not (hasKey $cluster .) }}{{ fail (printf "config has no %s in [[clusters]]" .) }}{{ end }}{{ end }}
{{- $known := keys (dig "environments" (dict "production" dict) $toml) }}
{{- $only := ternary (first $known) "" (eq (len $known) 1) }}
{{- range $listener := dig "listeners" list $toml }}{{ if not (hasKey $listener "environment") }}{{ $_ := set $listener "environment" $only }}{{ end }}{{ end }}
{{- dict "name" $cluster.name "gateway" $cluster.gateway "environment" (dig "environment" $only $cluster) | toJson }}
{{- end }}

{{/* The port of an address that others reach; of one on loopback nothing. */}}
{{- define "sekisho.port" -}}
{{- if not (regexMatch "^(127\\.|\\[::1\\])" .) }}{{ regexFind "[0-9]+$" . }}{{ end }}
{{- end }}

{{/* A size of the configuration, in bytes. */}}
{{- define "sekisho.bytes" -}}
{{- if not (regexMatch "^[0-9]+([KMGT]i)?B$" .) }}{{ fail (printf "config: %q is no size; write 512MiB, 100GiB or 2TiB" .) }}{{ end }}
{{- $units := dict "B" 1 "KiB" 1024 "MiB" 1048576 "GiB" 1073741824 "TiB" 1099511627776 }}
{{- mul (regexFind "^[0-9]+" . | atoi) (get $units (regexFind "[A-Za-z]+$" .)) }}
{{- end }}

{{/* Whom agents of nodes ask, and for which environment. */}}
{{- define "sekisho.agent" -}}
{{- $toml := fromToml .Values.config }}
{{- $cluster := include "sekisho.cluster" (list . $toml) | fromJson }}
{{- $agent := .Values.nodeAgent }}
{{- $exempt := list "kube-system" .Release.Namespace }}
{{- range dig "clusters" list $toml }}{{ if eq .name $cluster.name }}{{ $exempt = concat $exempt (dig "exempt_namespaces" list .) }}{{ end }}{{ end }}
{{- if not (has $agent.namespace $exempt) }}{{ fail (printf "nodeAgent.namespace: %s is not exempt, so its Pods would wait for the gateway's evidence: add %q to exempt_namespaces in [[clusters]] of config" $agent.namespace $agent.namespace) }}{{ end }}
{{- if eq $agent.namespace .Release.Namespace }}{{ fail "nodeAgent.namespace: agents mount folders of their node, which the release's own namespace is to forbid; name another one" }}{{ end }}
{{- if not (dig "environments" $cluster.environment "nodes" false $toml | kindIs "map") }}{{ fail (printf "config has no [environments.%s.nodes]: write it, and [nodes] with signing_key = \"secrets/nodes.key\"" $cluster.environment) }}{{ end }}
{{- if not $agent.snapshotKey }}{{ fail "nodeAgent.snapshotKey is missing: give the public key of [nodes] signing_key, as --set-file nodeAgent.snapshotKey=nodes.pub" }}{{ end }}
{{- $listener := dict }}
{{- range dig "listeners" list $toml }}{{ if and (not $listener) (eq (dig "environment" "" .) $cluster.environment) (include "sekisho.port" (dig "address" "127.0.0.1:0" .)) }}{{ $listener = . }}{{ end }}{{ end }}
{{- if not (hasKey $listener "tls") }}{{ fail (printf "config has no tls on the listener %s, which agents ask: write tls = \"auto\" or its files" $listener.address) }}{{ end }}
{{- if and (kindIs "string" $listener.tls) (not $agent.ca) }}{{ fail "nodeAgent.ca is missing: the listener's certificate is of Sekisho's own authority; give a copy of its ca.crt, as --set-file nodeAgent.ca=ca.crt" }}{{ end }}
{{- if and (eq (dig "auth" "none" $listener) "mtls") (not $agent.certificateFolder) }}{{ fail "nodeAgent.certificateFolder is missing: the listener asks for client certificates; name the folder of nodes with their own tls.crt and tls.key" }}{{ end }}
{{- dict "environment" $cluster.environment "gateways" (default (list (printf "https://%s" $cluster.gateway)) $agent.gateways) | toJson }}
{{- end }}

{{/* A hash of what needs a restart: policy is read again while the program runs. */}}
{{- define "sekisho.restart" -}}
{{- $fixed := omit . "environments" "exposures" "images" }}
{{- $upstreams := list }}
{{- range dig "upstreams" list . }}{{ $upstreams = append $upstreams (omit . "vouches") }}{{ end }}
{{- set $fixed "upstreams" $upstreams | toJson | sha256sum }}
{{- end }}

{{- define "sekisho.labels" -}}
app.kubernetes.io/name: sekisho
{{- end }}

{{- define "sekisho.agentLabels" -}}
app.kubernetes.io/name: sekisho-node
{{- end }}

{{- define "sekisho.agentMetadata" -}}
name: sekisho-node
namespace: {{ .Values.nodeAgent.namespace | quote }}
labels:
  {{- include "sekisho.agentLabels" . | nindent 2 }}
{{- end }}

{{- define "sekisho.metadata" -}}
name: {{ index . 1 }}
namespace: {{ (index . 0).Release.Namespace | quote }}
labels:
  {{- include "sekisho.labels" . | nindent 2 }}
{{- end }}

{{/* What Pods run as: the release's and the check's. */}}
{{- define "sekisho.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "sekisho.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "sekisho.configMounts" -}}
- { name: config, mountPath: /etc/sekisho, readOnly: true }
- { name: exceptions, mountPath: /etc/sekisho/exceptions, readOnly: true }
- { name: advisories, mountPath: /etc/sekisho/advisories, readOnly: true }
- { name: secrets, mountPath: /etc/sekisho/secrets, readOnly: true }
{{- if .Values.certificate.enabled }}
- { name: tls, mountPath: /etc/sekisho/tls, readOnly: true }
{{- end }}
{{- end }}

{{/* The folders beside the configuration, which the ConfigMap of this name holds. */}}
{{- define "sekisho.configVolumes" -}}
{{- $root := index . 0 }}
- name: config
  configMap: { name: {{ index . 1 }} }
- name: exceptions
  configMap: { name: {{ $root.Values.exceptionsConfigMap | quote }}, optional: true }
- name: advisories
  configMap: { name: {{ $root.Values.advisoriesConfigMap | quote }}, optional: true }
- name: secrets
  secret: { secretName: {{ $root.Values.existingSecret | quote }}, optional: true }
{{- end }}

{{/* The table of processes, out of libs/platform. */}}
{{- define "automix.platform" -}}
{{- .Files.Get "files/platform.json" -}}
{{- end -}}

{{/* What names begin with: the release, and the chart unless the release is called after it. */}}
{{- define "automix.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that select the pods of one component: (dict "root" $ "component" name). */}}
{{- define "automix.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Labels of everything: (dict "root" $ "component" name), with "tag" where it differs from the release's. */}}
{{- define "automix.labels" -}}
{{ include "automix.selector" . }}
app.kubernetes.io/version: {{ .tag | default (include "automix.tag" .root) | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "automix.tag" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion | toString -}}
{{- if eq $tag "latest" -}}
{{- fail "image.tag: name a version, not latest: a rollback could not find the one before" -}}
{{- end -}}
{{- $tag -}}
{{- end -}}

{{/* The image of a service: (dict "root" $ "image" name), with "tag" where it differs from the release's. */}}
{{- define "automix.image" -}}
{{- $image := .root.Values.image -}}
{{- with $image.registry }}{{ . }}/{{ end }}{{ $image.prefix }}{{ .image }}:{{ .tag | default (include "automix.tag" .root) }}
{{- end -}}

{{- define "automix.credentials" -}}
{{- .Values.credentials.existingSecret | default (printf "%s-credentials" (include "automix.fullname" .)) -}}
{{- end -}}

{{/* What a pod of this chart may do: nothing but run. */}}
{{- define "automix.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "automix.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "automix.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A job's name carries what it does: a job cannot be changed, and a new release must be able to run its own. */}}
{{- define "automix.jobName" -}}
{{- printf "%s-%s-%s" (include "automix.fullname" .root) .what (.spec | sha256sum | trunc 8) -}}
{{- end -}}

{{- define "automix.postgresHost" -}}
{{- if .Values.dev.enabled -}}
{{- include "automix.fullname" . }}-postgres
{{- else -}}
{{- required "postgres.host: name your PostgreSQL server, or set dev.enabled for a trial" .Values.postgres.host -}}
{{- end -}}
{{- end -}}

{{- define "automix.postgresPort" -}}
{{- ternary 5432 .Values.postgres.port .Values.dev.enabled -}}
{{- end -}}

{{- define "automix.postgresDatabase" -}}
{{- ternary "automix" .Values.postgres.database .Values.dev.enabled -}}
{{- end -}}

{{/* A connection string whose password the kubelet fills in: (dict "root" $ "role" name). */}}
{{- define "automix.databaseUrl" -}}
{{- $sslmode := ternary "disable" .root.Values.postgres.sslmode .root.Values.dev.enabled -}}
{{- $query := printf "sslmode=%s" $sslmode -}}
{{- if hasPrefix "verify" $sslmode -}}
{{- $query = printf "%s&sslrootcert=/tls/ca.crt" $query -}}
{{- end -}}
{{- printf "postgresql://%s:$(DATABASE_PASSWORD)@%s:%v/%s?%s" .role (include "automix.postgresHost" .root) (include "automix.postgresPort" .root) (include "automix.postgresDatabase" .root) $query -}}
{{- end -}}

{{- define "automix.natsUrl" -}}
{{- if .Values.dev.enabled -}}
nats://{{ include "automix.fullname" . }}-nats:4222
{{- else -}}
{{- required "nats.url: name your NATS servers, or set dev.enabled for a trial" .Values.nats.url -}}
{{- end -}}
{{- end -}}

{{- define "automix.s3Endpoint" -}}
{{- if .Values.dev.enabled -}}
http://{{ include "automix.fullname" . }}-s3:8333
{{- else -}}
{{- required "s3.endpoint: name your S3, or set dev.enabled for a trial" .Values.s3.endpoint -}}
{{- end -}}
{{- end -}}

{{/* A value out of the credentials: (dict "root" $ "key" name). */}}
{{- define "automix.secretValue" -}}
valueFrom:
  secretKeyRef:
    name: {{ include "automix.credentials" .root }}
    key: {{ .key }}
{{- end -}}

{{/* The environment that the table of processes asks for: (dict "root" $ "process" entry). */}}
{{- define "automix.environment" -}}
{{- $root := .root -}}
{{- $fullname := include "automix.fullname" $root -}}
{{- $ports := dict -}}
{{- range (include "automix.platform" $root | fromJson).processes }}{{ $_ := set $ports .name .port }}{{ end -}}
{{- range $variable := .process.environment }}
{{- with $variable }}
{{- if eq .source "database_url" }}
- name: DATABASE_PASSWORD
  {{- include "automix.secretValue" (dict "root" $root "key" .secretKey) | nindent 2 }}
- name: {{ .name }}
  value: {{ include "automix.databaseUrl" (dict "root" $root "role" .of) | quote }}
{{- else if has .source (list "public_url" "proxies") }}
{{- with ternary $root.Values.s3.publicEndpoint $root.Values.trustedProxies (eq .source "public_url") }}
- name: {{ $variable.name }}
  value: {{ . | quote }}
{{- end }}
{{- else if .secretKey }}
- name: {{ .name }}
  {{- include "automix.secretValue" (dict "root" $root "key" .secretKey) | nindent 2 }}
{{- else }}
- name: {{ .name }}
  {{- if eq .source "fixed" }}
  value: {{ (eq .name "AUTOMIX_S3_BUCKET" | ternary (ternary "automix" $root.Values.s3.bucket $root.Values.dev.enabled) .value) | quote }}
  {{- else if eq .source "listen" }}
  value: {{ printf "0.0.0.0:%v" $.process.port | quote }}
  {{- else if eq .source "scratch" }}
  value: /scratch
  {{- else if eq .source "address" }}
  value: {{ printf "%s-%s:%v" $fullname .of (get $ports .of) | quote }}
  {{- else if eq .source "nats_url" }}
  value: {{ include "automix.natsUrl" $root | quote }}
  {{- else if eq .source "s3_endpoint" }}
  value: {{ include "automix.s3Endpoint" $root | quote }}
  {{- else }}
  {{- fail (printf "%s comes from %s, which the chart does not know" .name .source) }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if .process.objects }}
- name: AUTOMIX_S3_REGION
  value: {{ $root.Values.s3.region | quote }}
{{- end }}
{{- if and $root.Values.metrics.enabled .process.port }}
- name: AUTOMIX_METRICS_LISTEN
  value: {{ printf "0.0.0.0:%v" (include "automix.platform" $root | fromJson).metricsPort | quote }}
{{- end }}
{{- if $root.Values.tls.secret }}
- name: AUTOMIX_TLS_CA
  value: /tls/ca.crt
{{- if .process.secured }}
- name: AUTOMIX_TLS_CERTIFICATE
  value: /tls/tls.crt
- name: AUTOMIX_TLS_KEY
  value: /tls/tls.key
{{- if eq .process.protocol "grpc" }}
# The kubelet's probes by gRPC speak no TLS; this port answers them and nothing else.
- name: AUTOMIX_PROBE_LISTEN
  value: {{ printf "0.0.0.0:%v" (include "automix.platform" $root | fromJson).probePort | quote }}
- name: AUTOMIX_TLS_REQUIRE_CLIENT
  value: {{ $root.Values.tls.requireClient | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The folder for temporary files and, where there is one, the certificate. */}}
{{- define "automix.volumes" -}}
- name: scratch
  emptyDir:
    sizeLimit: {{ .scratch }}
{{- with .root.Values.tls.secret }}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- define "automix.mounts" -}}
- name: scratch
  mountPath: /scratch
{{- if .Values.tls.secret }}
- name: tls
  mountPath: /tls
  readOnly: true
{{- end }}
{{- end -}}

{{/* Requests and limits with the scratch folder counted: (dict "resources" map "scratch" size). */}}
{{- define "automix.resources" -}}
requests:
  {{- toYaml .resources.requests | nindent 2 }}
  ephemeral-storage: {{ .scratch }}
limits:
  {{- toYaml .resources.limits | nindent 2 }}
  ephemeral-storage: {{ .scratch }}
{{- end -}}

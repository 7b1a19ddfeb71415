{{/* Names and labels. */}}
{{- define "furrow.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 30 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 characters: what is appended (a service's name, a Deployment's hashes) must fit into 63. */}}
{{- define "furrow.fullname" -}}
{{- $name := include "furrow.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects pods; never changes over upgrades. dict "root" $ "component" name */}}
{{- define "furrow.selector" -}}
app.kubernetes.io/name: {{ include "furrow.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Of pods: without what changes with the chart's version, which would restart them all. "own" (may be absent) stands over commonLabels. */}}
{{- define "furrow.podLabels" -}}
{{- $ours := include "furrow.selector" . | fromYaml -}}
{{- merge $ours (dict "app.kubernetes.io/part-of" "furrow") (deepCopy (.own | default dict)) .root.Values.commonLabels | toYaml -}}
{{- end -}}

{{- define "furrow.labels" -}}
{{ include "furrow.podLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* registry/repository:tag or @digest. dict "registry" "repository" "tag" "digest" */}}
{{- define "furrow.imageName" -}}
{{- with .registry }}{{ trimSuffix "/" . }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end -}}
{{- end -}}

{{/* The image of a service, or of the tool. dict "root" $ "image" (a service's own, may be empty) */}}
{{- define "furrow.image" -}}
{{- $common := .root.Values.image -}}
{{- $own := .image | default dict -}}
{{- $digest := $own.digest -}}
{{- if not (or $own.registry $own.repository $own.tag $own.digest) -}}{{- $digest = $common.digest -}}{{- end -}}
{{- include "furrow.imageName" (dict
    "registry" (default $common.registry $own.registry)
    "repository" (default $common.repository $own.repository)
    "tag" (default (default .root.Chart.AppVersion $common.tag) $own.tag)
    "digest" $digest) -}}
{{- end -}}

{{/* A service's values: its own over the defaults. dict "root" $ "name" name; YAML */}}
{{- define "furrow.service" -}}
{{- $service := mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (index .root.Values.services .name | default dict)) -}}
{{- if and $service.autoscaling.enabled $service.keda.enabled -}}
{{- fail (printf "services.%s: autoscaling.enabled and keda.enabled are both true: two autoscalers would fight over one Deployment" .name) -}}
{{- end -}}
{{- range $scaler, $config := dict "autoscaling" $service.autoscaling "keda" $service.keda -}}
{{- if and $config.enabled (gt (int $config.minReplicas) (int $config.maxReplicas)) -}}
{{- fail (printf "services.%s.%s: minReplicas %d is more than maxReplicas %d" $.name $scaler (int $config.minReplicas) (int $config.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- if and $service.keda.enabled (not $service.keda.streams) -}}
{{- fail (printf "services.%s.keda.streams is empty: name the streams whose consumer lag it scales on" .name) -}}
{{- end -}}
{{- toYaml $service -}}
{{- end -}}

{{/* The names of the services that run, as a YAML list. */}}
{{- define "furrow.serviceNames" -}}
{{- $names := list -}}
{{- range $name, $_ := .Values.services -}}
{{- if (include "furrow.service" (dict "root" $ "name" $name) | fromYaml).enabled -}}{{- $names = append $names $name -}}{{- end -}}
{{- end -}}
{{- toYaml $names -}}
{{- end -}}

{{- define "furrow.natsUrl" -}}
{{- if .Values.trial.enabled -}}
nats://{{ include "furrow.fullname" . }}-nats:4222
{{- else -}}
{{- required "nats.url is empty: say where NATS is, or set trial.enabled to run one in the chart" .Values.nats.url -}}
{{- end -}}
{{- end -}}

{{/* dict "root" $ "url" (a service's own, may be empty) "name" name */}}
{{- define "furrow.redisUrl" -}}
{{- if .root.Values.trial.enabled -}}
redis://{{ include "furrow.fullname" .root }}-redis:6379
{{- else -}}
{{- required (printf "redis.url is empty (and services.%s.redis.url): say where Redis is, or set trial.enabled to run one in the chart" .name) (default .root.Values.redis.url .url) -}}
{{- end -}}
{{- end -}}

{{/* Every Redis of the services that run, separated by commas. */}}
{{- define "furrow.redisUrls" -}}
{{- $urls := list -}}
{{- range $name := include "furrow.serviceNames" . | fromYamlArray -}}
{{- $service := include "furrow.service" (dict "root" $ "name" $name) | fromYaml -}}
{{- $urls = append $urls (include "furrow.redisUrl" (dict "root" $ "url" $service.redis.url "name" $name)) -}}
{{- end -}}
{{- join "," (uniq $urls) -}}
{{- end -}}

{{/* Ports of comma-separated URLs as a YAML list of numbers. dict "urls" text "port" default */}}
{{- define "furrow.ports" -}}
{{- $ports := list -}}
{{- range $url := splitList "," .urls -}}
{{- $port := regexReplaceAll "^.*:([0-9]+)(/.*)?$" (trim $url) "${1}" -}}
{{- $ports = append $ports (ternary $port $.port (regexMatch "^[0-9]+$" $port) | int) -}}
{{- end -}}
{{- toYaml (uniq $ports) -}}
{{- end -}}

{{/* The Secret with a user's NKey seed. dict "root" $ "own" (may be empty) */}}
{{- define "furrow.natsSecret" -}}
{{- required "nats.existingSecret is empty: name the Secret with the NKey seeds that `furrow keys` makes" (default .root.Values.nats.existingSecret .own) -}}
{{- end -}}

{{- define "furrow.redisSecret" -}}
{{- required "redis.existingSecret is empty: name the Secret with the Redis passwords that `furrow keys` makes" (default .root.Values.redis.existingSecret .own) -}}
{{- end -}}

{{/* Not empty when all users and streams are in one account of NATS. */}}
{{- define "furrow.singleAccount" -}}
{{- if and .Values.nats.singleAccount (not .Values.trial.enabled) -}}yes{{- end -}}
{{- end -}}

{{/* How a user of NATS signs in, as environment. dict "root" $ "user" name "log" (a service: it has a second user, for its log) */}}
{{- define "furrow.natsEnv" -}}
- name: FURROW_NATS_URL
  value: {{ include "furrow.natsUrl" .root | quote }}
- name: FURROW_NATS_INBOX
  value: {{ printf "_INBOX_%s" .user }}
{{- if .root.Values.trial.enabled }}
- name: FURROW_NATS_USER
  value: {{ .user }}
- name: FURROW_NATS_PASSWORD_FILE
  value: /etc/furrow/nats/password
{{- if .log }}
- name: FURROW_NATS_LOG_USER
  value: {{ .user }}.log
- name: FURROW_NATS_LOG_PASSWORD_FILE
  value: /etc/furrow/nats/log.password
{{- end }}
{{- else }}
- name: FURROW_NATS_NKEY
  value: /etc/furrow/nats/nkey
{{- if and .log (not (include "furrow.singleAccount" .root)) }}
- name: FURROW_NATS_LOG_NKEY
  value: /etc/furrow/nats/log.nkey
{{- end }}
{{- with .root.Values.nats.tls }}
{{- if .existingSecret }}
- name: FURROW_NATS_CA
  value: /etc/furrow/tls/ca.crt
{{- if .certKey }}
- name: FURROW_NATS_CERT
  value: /etc/furrow/tls/tls.crt
- name: FURROW_NATS_KEY
  value: /etc/furrow/tls/tls.key
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Where those files are. A container mounts its own user's seed and no other. dict "root" $ */}}
{{- define "furrow.natsMounts" -}}
- name: nats
  mountPath: /etc/furrow/nats
  readOnly: true
{{- if and .root.Values.nats.tls.existingSecret (not .root.Values.trial.enabled) }}
- name: tls
  mountPath: /etc/furrow/tls
  readOnly: true
{{- end }}
{{- end -}}

{{/* dict "root" $ "user" name "log" (as above) "own" (the service's own Secret, may be empty) */}}
{{- define "furrow.natsVolumes" -}}
{{- if .root.Values.trial.enabled }}
- name: nats
  secret:
    secretName: {{ include "furrow.fullname" .root }}-trial
    defaultMode: 0400
    items:
      - {key: {{ .user }}.nats, path: password}
      {{- if .log }}
      - {key: {{ .user }}.log.nats, path: log.password}
      {{- end }}
{{- else }}
- name: nats
  secret:
    secretName: {{ include "furrow.natsSecret" (dict "root" .root "own" .own) }}
    defaultMode: 0400
    items:
      - {key: {{ .user }}.nk, path: nkey}
      {{- if and .log (not (include "furrow.singleAccount" .root)) }}
      - {key: {{ .user }}.log.nk, path: log.nkey}
      {{- end }}
{{- with .root.Values.nats.tls }}
{{- if .existingSecret }}
- name: tls
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0400
    items:
      - {key: {{ .caKey }}, path: ca.crt}
      {{- if .certKey }}
      - {key: {{ .certKey }}, path: tls.crt}
      - {key: {{ required "nats.tls.keyKey is empty, and nats.tls.certKey is not: a client certificate needs its key" .keyKey }}, path: tls.key}
      {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What every pod has: Pod Security "restricted" and no token. Files of Secrets are root's, and readable through the group. */}}
{{- define "furrow.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "furrow.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Where the image comes from. */}}
{{- define "furrow.pull" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Accounts, users and their permissions, for the NATS and Redis of a trial: JSON as `furrow permissions` prints it. */}}
{{- define "furrow.permissions" -}}
{{- default (.Files.Get "files/permissions.json") .Values.trial.permissions -}}
{{- end -}}

{{/* The names of all users of NATS in them, as a YAML list. */}}
{{- define "furrow.natsUsers" -}}
{{- $names := list -}}
{{- range $account := (include "furrow.permissions" . | fromJson).accounts -}}
{{- range $account.users -}}{{- $names = append $names .name -}}{{- end -}}
{{- end -}}
{{- toYaml $names -}}
{{- end -}}

{{/* A user's name as part of an environment variable's. No name has capitals, so "a.log" and "a-log" stay two. */}}
{{- define "furrow.variable" -}}
PASSWORD_{{ trimSuffix ".log" . | upper | replace "-" "_" }}{{ if hasSuffix ".log" . }}_log{{ end }}
{{- end -}}

{{/* The account that holds a stream. dict "root" $ "service" name "stream" name "account" (what its values say, may be empty) */}}
{{- define "furrow.accountOf" -}}
{{- $info := printf "$JS.API.STREAM.INFO.%s" .stream -}}
{{- $owner := .account | default "" -}}
{{- if include "furrow.singleAccount" .root -}}
{{- $owner = .root.Values.keda.account -}}
{{- else if not $owner -}}
{{- range $name, $account := (include "furrow.permissions" .root | fromJson).accounts -}}
{{- range $account.users -}}{{- if has $info (.permissions.publish.allow | default list) -}}{{- $owner = $name -}}{{- end -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- required (printf "services.%s.keda.streams.%s.account is empty: name the NATS account of the service that owns the stream" .service .stream) $owner -}}
{{- end -}}

{{/* A probe of the instance in the same container, as a JSON list. The tool gives up a second before the kubelet does. dict "kind" "name" "probes" */}}
{{- define "furrow.probe" -}}
{{- list "/usr/bin/furrow" "health" "--probe" .kind "--timeout" (max 500 (sub (mul .probes.timeoutSeconds 1000) 1000) | toString) .name | toJson -}}
{{- end -}}

{{- define "furrow.monitoring" -}}
{{- if .Values.keda.monitoringEndpoint -}}
{{- .Values.keda.monitoringEndpoint -}}
{{- else if .Values.trial.enabled -}}
{{- include "furrow.fullname" . }}-nats.{{ .Release.Namespace }}.svc:8222
{{- else -}}
{{- fail "keda.monitoringEndpoint is empty: KEDA reads consumer lag from NATS' monitoring port (host:port of its headless service)" -}}
{{- end -}}
{{- end -}}

{{/* Peers of an egress rule: the given ones; none means any host. dict "to" list "ports" list of numbers "protocols" list */}}
{{- define "furrow.egress" -}}
- ports:
    {{- range $port := .ports }}
    {{- range $protocol := $.protocols }}
    - {port: {{ $port }}, protocol: {{ $protocol }}}
    {{- end }}
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Not empty when a service scales with KEDA. */}}
{{- define "furrow.scalesOnLag" -}}
{{- range $name := include "furrow.serviceNames" . | fromYamlArray -}}
{{- if (include "furrow.service" (dict "root" $ "name" $name) | fromYaml).keda.enabled -}}yes{{- end -}}
{{- end -}}
{{- end -}}

{{/* nats.conf of the trial. JSON is a way to write it; passwords come from the environment. */}}
{{- define "furrow.natsConf" -}}
server_name: {{ include "furrow.fullname" . }}-nats
port: 4222
http_port: 8222
jetstream {
  store_dir: /data
}
# Who does not read what it is sent is cut off, before others wait for it; who is silent is asked whether it lives.
write_deadline: "2s"
max_pending: 32MB
ping_interval: "1s"
ping_max: 2
# Each service's log is in an account of its own, calls go through MESH. Every user may do what the contracts ask of it and nothing else; nobody is
# anonymous.
accounts {
  {{- range $name, $account := (include "furrow.permissions" . | fromJson).accounts }}
  {{ $name | quote }}: {
    {{- if $account.jetstream }}
    jetstream: enabled
    {{- end }}
    users: [
      {{- range $account.users }}
      {user: {{ .name | quote }}, password: ${{ include "furrow.variable" .name }}, permissions: {{ toRawJson .permissions }}}
      {{- end }}
    ]
    exports: [
      {{- range $account.exports }}
      {{ toRawJson . }}
      {{- end }}
    ]
    imports: [
      {{- range $account.imports }}
      {{ toRawJson . }}
      {{- end }}
    ]
  }
  {{- end }}
  SYS {}
}
system_account: SYS
{{- end -}}

{{- define "furrow.redisConf" -}}
port 6379
# No user may do anything without its password: the ACL guards it.
protected-mode no
aclfile /etc/redis-users/users.acl
dir /data
appendonly yes
appendfsync everysec
# Records must not vanish to make room.
maxmemory-policy noeviction
# Nobody waits while a large value is freed.
lazyfree-lazy-user-del yes
lazyfree-lazy-server-del yes
# Who was silent for so long is gone: services ask several times a second.
timeout 4
tcp-keepalive 1
{{- end -}}

{{- define "furrow.trialData" -}}
{{- if not .Values.trial.persistence.enabled }}
- name: data
  emptyDir: {}
{{- end }}
{{- end -}}

{{- define "furrow.trialClaim" -}}
{{- if .Values.trial.persistence.enabled }}
volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .Values.trial.persistence.storageClass }}
      storageClassName: {{ . }}
      {{- end }}
      resources:
        requests:
          storage: {{ .Values.trial.persistence.size }}
{{- end }}
{{- end -}}

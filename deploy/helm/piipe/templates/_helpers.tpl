{{- define "piipe.name" -}}
{{- ternary .Release.Name (printf "%s-piipe" .Release.Name) (contains "piipe" .Release.Name) | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "piipe.selector" -}}
app.kubernetes.io/name: piipe
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "piipe.labels" -}}
{{ include "piipe.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "piipe.image" -}}
{{- $repository := required "image.repository is missing: the image that you built of piipe's Dockerfile" .Values.image.repository }}
{{- if .Values.image.digest }}{{ $repository }}@{{ .Values.image.digest }}{{ else }}{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "piipe.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "piipe.name" .) }}
{{- end }}

{{- /* The configuration as an object: for what the chart has to know of it. */}}
{{- define "piipe.config" -}}
{{- $text := required "config is missing: --set-file config=piipe.yaml" .Values.config }}
{{- $config := fromYaml $text }}
{{- if $config.Error }}{{ fail "config is no YAML: piipe check says where it is wrong" }}{{ end }}
{{- toJson $config }}
{{- end }}

{{- define "piipe.maxConnections" -}}
{{- $config := include "piipe.config" . | fromJson }}
{{- $connections := dig "sink" "postgres" "maxConnections" 4 $config }}
{{- if kindIs "string" $connections }}{{ fail "sink.postgres.maxConnections must be a number in config: the budget of connections is made of it" }}{{ end }}
{{- int64 $connections }}
{{- end }}

{{- /* Where DATABASE_URL and the keyring come from: exactly one place. */}}
{{- define "piipe.secretKind" -}}
{{- with .Values.secret }}
{{- $kinds := list }}
{{- if .existing }}{{ $kinds = append $kinds "existing" }}{{ end }}
{{- if .external.store }}{{ $kinds = append $kinds "external" }}{{ end }}
{{- if or .databaseUrl .keyring }}{{ $kinds = append $kinds "inline" }}{{ end }}
{{- if ne (len $kinds) 1 }}{{ fail "secret: give exactly one of existing, external.store, or databaseUrl and keyring" }}{{ end }}
{{- first $kinds }}
{{- end }}
{{- end }}

{{- define "piipe.secretName" -}}
{{ .Values.secret.existing | default (include "piipe.name" .) }}
{{- end }}

{{- /* A secret of the chart's own. */}}
{{- define "piipe.secretData" -}}
stringData:
  DATABASE_URL: {{ required "secret.databaseUrl is missing beside secret.keyring" .Values.secret.databaseUrl | quote }}
  piipe.keys.json: {{ required "secret.keyring is missing: --set-file secret.keyring=piipe.keys.json" .Values.secret.keyring | quote }}
{{- end }}

{{- /* One from a store: for the workers, and without the keyring for the migration before them. */}}
{{- define "piipe.externalSecretSpec" -}}
{{- with .root.Values.secret.external }}
spec:
  refreshInterval: 1h
  secretStoreRef:
    name: {{ .store }}
    kind: {{ .storeKind }}
  target:
    name: {{ $.name }}
  data:
    - secretKey: DATABASE_URL
      remoteRef:
        key: {{ required "secret.external.databaseUrl is missing: its name in the store" .databaseUrl | quote }}
    {{- if $.withKeyring }}
    - secretKey: piipe.keys.json
      remoteRef:
        key: {{ required "secret.external.keyring is missing: its name in the store" .keyring | quote }}
    {{- end }}
{{- end }}
{{- end }}

{{- define "piipe.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
# The keyring is root's, with mode 0440: this group reads it.
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "piipe.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

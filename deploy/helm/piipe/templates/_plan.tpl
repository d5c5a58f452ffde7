{{- /*
The same arithmetic as `piipe check --plan` (src/app/scale-plan.ts, which has the reasons); a test compares the two.
Whole numbers alone: templates have no logarithm, and no fraction that is rounded as elsewhere.
*/}}
{{- define "piipe.plan" -}}
{{- $maxConnections := include "piipe.maxConnections" . | int64 }}
{{- $plan := dict "queueLength" 0 "workersMax" (int64 .Values.replicas) }}
{{- with .Values.scaling }}
{{- if .enabled }}
{{- $within := int64 .promise.withinSeconds }}
{{- $worker := int64 .messagesPerSecond.worker }}
{{- $came := mul (int64 .messagesPerSecond.peak) (add $within 30) }}
{{- $stored := mul $worker $within }}
{{- $factor := get (dict "90" 2303 "95" 2996 "99" 4606 "99.9" 6908) (toString .promise.percent) }}
{{- $_ := set $plan "workersMax" (div (sub (add $came $stored) 1) $stored) }}
{{- $_ := set $plan "queueLength" (max 1 (div (mul $worker (sub $within 30) 1000) $factor)) }}
{{- end }}
{{- end }}
{{- $_ := set $plan "connections" (mul (add $plan.workersMax 1) $maxConnections) }}
{{- if gt $plan.connections (int64 .Values.database.connectionsMax) }}
{{- fail (printf "%d workers, and one that starts while another drains, open up to %d connections of %d each: database.connectionsMax is %d. Lower sink.postgres.maxConnections, promise less, put a pooler before the database, or raise its max_connections."
  $plan.workersMax $plan.connections $maxConnections (int64 .Values.database.connectionsMax)) }}
{{- end }}
{{- toJson $plan }}
{{- end }}

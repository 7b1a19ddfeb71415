"""Wrong values are refused, and what helm says names the value."""
import chart
from chart import check

BY_THE_SCHEMA = [
    # scenario, arguments, what the message must have 
    ("trial", ["--set", "replicaCount=3"], ["replicaCount"]),
    ("trial", ["--set", "defaults.replcas=3"], ["/defaults", "replcas"]),
    ("trial", ["--set", "services.employee.replicas=-1"], ["/services/employee/replicas", "minimum"]),
    ("trial", ["--set", "services.employee.replicas=1.5"], ["/services/employee/replicas"]),
    ("trial", ["--set-string", "defaults.drainSeconds=10s"], ["/defaults/drainSeconds"]),
    ("trial", ["--set", "defaults.drainSeconds=601"], ["/defaults/drainSeconds", "maximum"]),
    ("trial", ["--set", "trial.enabled=please"], ["/trial/enabled"]),
    ("trial", ["--set", "services.Employee.replicas=1"], ["Employee"]),
    ("trial", ["--set", "services.a-name-longer-than-twenty.replicas=1"], ["a-name-longer-than-twenty"]),
    ("trial", ["--set", "services.operator.replicas=1"], ["operator"]),
    ("trial", ["--set", "services.nats.replicas=1"], ["'nats'"]),
    ("trial", ["--set", "services.employe=null"], ["/services/employe"]),
    ("trial", ["--set", "image=null"], ["image"]),
    ("trial", ["--set", "image.repository=null"], ["/image", "repository"]),
    ("trial", ["--set", "defaults.probes=null"], ["/defaults", "probes"]),
    ("trial", ["--set-string", "commonLabels.app\\.kubernetes\\.io/name=x"], ["app.kubernetes.io/name"]),
    ("trial", ["--set-string", "services.job.podLabels.helm\\.sh/chart=x"], ["helm.sh/chart"]),
    ("trial", ["--set", "services.job.settings.FURROW_DRAIN_MS=5"], ["FURROW_DRAIN_MS"]),
    ("trial", ["--set", "services.job.settings.FURROW_NATS_URL=nats://elsewhere"], ["FURROW_NATS_URL"]),
    ("trial", ["--set", "services.job.settings.FURROW_NATS_LOG_USER=me"], ["FURROW_NATS_LOG_USER"]),
    ("trial", ["--set", "services.MESH.replicas=1"], ["MESH"]),
    ("trial", ["--set", "services.job.settings.log-level=debug"], ["log-level"]),
    ("trial", ["--set", "services.job.resources.limits.memory=lots"], ["/services/job/resources/limits/memory"]),
    ("trial", ["--set", "services.job.resources.limit.memory=1Gi"], ["/services/job/resources", "limit"]),
    ("trial", ["--set", "services.job.topologySpread.zone.maxSkew=1"], ["/services/job/topologySpread/zone", "whenUnsatisfiable"]),
    ("trial", ["--set", "services.job.podDisruptionBudget.maxUnavailable=half"], ["/services/job/podDisruptionBudget/maxUnavailable"]),
    ("trial", ["--set", "image.pullPolicy=Sometimes"], ["/image/pullPolicy"]),
    ("trial", ["--set", "image.digest=sha256:12"], ["/image/digest"]),
    ("trial", ["--set", "provision.streamReplicas=7"], ["/provision/streamReplicas"]),
    ("trial", ["--set", "provision.contracts={picking.so}"], ["/provision/contracts/0"]),
    ("production", ["--set", "nats.url=http://nats:4222"], ["/nats/url"]),
    ("production", ["--set", "nats.url=nats://me:secret@nats:4222"], ["/nats/url"]),
    ("production", ["--set", "redis.url=rediss://redis:6379"], ["/redis/url"]),
    ("production", ["--set", "nats.singleAccount=maybe"], ["/nats/singleAccount"]),
    ("production", ["--set", "nats.tls.enabled=true"], ["/nats/tls", "enabled"]),
    ("production", ["--set", "networkPolicy.redis.to[0].cidr=10.0.0.0/8"], ["/networkPolicy/redis/to/0", "cidr"]),
    ("production", ["--set", "services.timesheet.autoscaling.enabled=true"], ["/services/timesheet"]),
    ("production", ["--set", "services.timesheet.keda.streams.EMPLOYEE.lagTreshold=5"], ["/services/timesheet/keda/streams/EMPLOYEE", "lagTreshold"]),
    ("production", ["--set", "keda.monitoringEndpoint=http://nats:8222"], ["/keda/monitoringEndpoint"]),
]
BY_THE_TEMPLATES = [
    # what needs more than one place, or the defaults, to be seen
    (None, [], ["nats.url is empty", "trial.enabled"]),
    (None, ["--set", "nats.url=nats://n"], ["nats.existingSecret is empty"]),
    (None, ["--set", "nats.url=nats://n,nats.existingSecret=keys"], ["redis.url is empty"]),
    (None, ["--set", "nats.url=nats://n,nats.existingSecret=keys,redis.url=redis://r"], ["redis.existingSecret is empty"]),
    ("production", ["--set", "services.employee.sealKey.existingSecret="], ["services.employee.sealKey.existingSecret is empty"]),
    ("production", ["--set", "nats.tls.keyKey="], ["nats.tls.keyKey is empty"]),
    ("production", ["--set", "defaults.autoscaling.enabled=true"], ["services.timesheet", "autoscaling.enabled and keda.enabled"]),
    ("production", ["--set", "keda.monitoringEndpoint="], ["keda.monitoringEndpoint is empty"]),
    ("production", ["--set", "provision.waitSeconds=270"], ["provision.waitSeconds 270 is not less than provision.deadlineSeconds 270"]),
    ("production", ["--set", "services.employee.autoscaling.minReplicas=11"], ["services.employee.autoscaling", "minReplicas 11 is more than maxReplicas 10"]),
    ("trial", ["--set", "services.job.keda.enabled=true"], ["services.job.keda.streams is empty"]),
    ("production", ["--set", "services.timesheet.keda.streams.BIN.lagThreshold=5"], ["services.timesheet.keda.streams.BIN.account is empty"]),
    ("trial", ["--set-string", "trial.permissions=something else"], ["trial.permissions has no accounts"]),
    ("trial", ["--set", "services.picking.replicas=1"], ["services.picking: a trial has no permissions", "trial.permissions"]),
]


def refused(helm, scenario, arguments, said, by_the_schema):
    """What helm said where it should have said something else; nothing when all is right."""
    done = helm.try_template(scenario, *arguments)
    right = done.returncode != 0 and all(word in done.stderr for word in said) and ("schema" in done.stderr) == by_the_schema
    return "" if right else f"{helm.program.name}: {done.stderr or 'it was accepted'}"


def main(tools, _build):
    helms = [chart.Helm(tools), chart.Helm(tools, "helm3")]
    for cases, by_the_schema in ((BY_THE_SCHEMA, True), (BY_THE_TEMPLATES, False)):
        for scenario, arguments, said in cases:
            wrong = "".join(refused(helm, scenario, arguments, said, by_the_schema) for helm in helms)
            check(f"refused, by name: {scenario or 'defaults'} {' '.join(arguments)}", not wrong, wrong)

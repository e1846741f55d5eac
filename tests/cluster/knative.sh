# Knative Serving with Kourier, and Knative Eventing with its in-memory channels, from the YAML that their Go modules carry.
# shellcheck shell=bash
module() { (cd "$HERE/build" && go list -mod=readonly -m -f '{{.Dir}}' "knative.dev/$1"); }

# The YAML of some files as one stream: ko's import paths become our images, and what the control plane asks for shrinks so that two cores hold it.
stream() {
  local file
  for file; do
    echo "---"
    sed -E -e 's#ko://knative.dev/serving/cmd/([a-z-]+)#kascade.local/serving-\1:1#' \
      -e 's#ko://knative.dev/net-kourier/cmd/kourier#kascade.local/kourier:1#' \
      -e 's#docker.io/envoyproxy/envoy:[^ ]*#kascade.local/envoy:1#' "$file" |
      awk '/ko:\/\/knative.dev\/eventing\/cmd\// {split($0, at, "ko://knative.dev/eventing/cmd/"); gsub("[/_]", "-", at[2]); print at[1] "kascade.local/eventing-" at[2] ":1"; next}
           /^ *requests:/ {asks = 1} /^ *limits:/ {asks = 0}
           asks && /^ *cpu:/ {sub(/cpu:.*/, "cpu: 40m")} asks && /^ *memory:/ {sub(/memory:.*/, "memory: 20Mi")} {print}'
  done
}
apply() { stream "$@" | kubectl apply --server-side --force-conflicts -f - >>"$WORK/logs/knative-apply.log"; }
files() { find "$@" -name '*.yaml' ! -name '*hpa.yaml' ! -name 'request-reply.yaml' | sort; }

knative() {
  local serving eventing kourier networking caching found namespace
  serving=$(module serving) eventing=$(module eventing) kourier=$(module net-kourier) networking=$(module networking) caching=$(module caching)
  # CRDs first, and wait until the API server serves them.
  apply "$serving"/config/core/100-namespace.yaml "$eventing"/config/core/100-namespace.yaml "$kourier"/config/100-namespace.yaml
  mapfile -t found < <(files "$serving"/config/core/300-resources "$eventing"/config/core/resources "$eventing"/config/channels/in-memory-channel/resources)
  apply "${found[@]}" "$networking"/config/{certificate,domain-claim,ingress,serverlessservice}.yaml "$caching"/config/image.yaml
  kubectl wait --for=condition=Established --all crd --timeout=60s >/dev/null

  mapfile -t found < <(files "$serving"/config/core/200-roles "$serving"/config/core/configmaps)
  apply "${found[@]}" "$serving"/config/core/{200-serviceaccount,300-knativecertificate}.yaml "$networking"/config/config-network.yaml
  mapfile -t found < <(files "$serving"/config/core/deployments "$serving"/config/core/webhooks)
  apply "${found[@]}" "$serving"/config/core/999-cache.yaml
  apply "$kourier"/config/{200-bootstrap,200-config,200-serviceaccount,300-controller,300-gateway}.yaml
  mapfile -t found < <(files "$eventing"/config/core/{roles,configmaps} "$eventing"/config/channels/in-memory-channel/{roles,configmaps} "$eventing"/config/brokers/mt-channel-broker/roles)
  apply "$eventing"/config/core/200-*.yaml "${found[@]}" "$eventing"/config/channels/in-memory-channel/200-*.yaml "$eventing"/third_party/eventing-integrations-latest/*-images.yaml
  mapfile -t found < <(files "$eventing"/config/core/{deployments,webhooks} "$eventing"/config/channels/in-memory-channel/{deployments,webhooks} "$eventing"/config/brokers/mt-channel-broker/deployments)
  apply "${found[@]}"
  # They ask for nothing upstream: beside functions that start they would get so little that their liveness probes fail.
  kubectl -n knative-eventing set resources deployment imc-controller imc-dispatcher --requests=cpu=40m,memory=20Mi >>"$WORK/logs/knative-apply.log"

  kubectl -n knative-serving wait --for=condition=Available deployment/webhook --timeout=300s >/dev/null
  # Kourier carries the traffic; tags of images without a registry stay as they are.
  until_taken knative-serving config-network '{"ingress-class": "kourier.ingress.networking.knative.dev"}'
  until_taken knative-serving config-domain '{"localhost": ""}'
  until_taken knative-serving config-deployment '{"registries-skipping-tag-resolving": "kind.local,ko.local,dev.local,kascade.local,docker.io,index.docker.io", "queue-sidecar-cpu-request": "10m"}'
  for namespace in knative-serving knative-eventing kourier-system; do
    kubectl -n $namespace wait --for=condition=Available deployment --all --timeout=600s >/dev/null
  done
}
# A webhook that is Available may still lack its certificate for a moment.
until_taken() { wait_for 60 "the webhook of $1" kubectl -n "$1" patch configmap "$2" --type merge -p "{\"data\": $3}"; }

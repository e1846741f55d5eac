#!/bin/bash
# `make faults-knative`: the faults of tests/faults that any broker can be given, on Knative's own: ingress, filter and in-memory channel of the cluster that
# light.sh brought up around this. Usage: KNATIVE_ALONE=yes light.sh faults.sh COMMAND...
set -euo pipefail
. "$(dirname "$0")/lib.sh"
kubectl create namespace kascade >/dev/null
kubectl apply -f - >/dev/null <<Y
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default, namespace: kascade}
Y
kubectl -n kascade wait --for=condition=Ready broker/default --timeout=120s >/dev/null
# Pods reach this machine at the node's address.
export KASCADE_FAULTS_HOST=$NODE_IP KASCADE_FAULTS_BROKER
KASCADE_FAULTS_BROKER="http://$(kubectl -n knative-eventing get service broker-ingress -o jsonpath='{.spec.clusterIP}')/kascade/default"
exec "$@"

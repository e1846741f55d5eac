#!/bin/bash
# `make cluster`: a real Kubernetes with Knative on this machine, and Kascade of this checkout on it. Again, it changes what has changed.
set -euo pipefail

for part in lib build control_plane node images knative kascade; do . "$(dirname "$0")/$part.sh"; done
demand etcd:etcd-server containerd:containerd runc:runc bridge:containernetworking-plugins iptables:iptables conntrack:conntrack ip:iproute2 \
  openssl:openssl initdb:postgresql curl:curl
mkdir -p "$WORK"/{run,logs,pki,etc,image}
echo "The cluster lies in $WORK, what it is made of in $CACHE."

images() {
  local made
  made="$WORK/containerd/made-$(basename "$(dirname "$BIN")")"
  [ -e "$made" ] || { stage "  images of the platform" platform_image; touch "$made"; }
  stage "  images of Kascade" kascade_image
}

ready() {
  kubectl -n kascade wait --for=condition=Ready --all --timeout=600s >"$WORK/logs/ready.log" \
    brokers.eventing.knative.dev,services.serving.knative.dev,triggers.eventing.knative.dev,pingsources.sources.knative.dev,jobsinks.sinks.knative.dev
}
kubernetes() { network; control_groups; control_plane; node; }

stage "parts from source, where the cache lacks them" build kube pause dns "${SERVING[@]}" kourier "${EVENTING[@]}" envoy
stage "Kubernetes" kubernetes
stage "images" images
stage "Knative" knative
stage "PostgreSQL" database
stage "MinIO" object_store
stage "Kascade applied" kascade
stage "Kascade ready" ready
cat <<T
The cluster is up after $SECONDS s.
  export KUBECONFIG=$KUBECONFIG PATH=$BIN:\$PATH    # kubectl
  gateway, broker, object store and database are in $WORK/cluster.json; end it with: make cluster-down
T

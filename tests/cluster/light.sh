#!/bin/bash
# `make test-control-plane`: the same cluster without kubelet, containers and images, and the tests that need no more. Everything of it lives in a network, a
# mount and a process namespace of its own and ends with them; nothing of the machine is touched but $WORK and the cache.
# Usage: light.sh COMMAND...: brings the cluster up, runs the command (its KASCADE_CLUSTER says where the cluster is), and takes everything down.
# KNATIVE_ALONE=yes leaves Kascade out, and what only Kascade needs.
set -euo pipefail
export KASCADE_CLUSTER_WORK=${KASCADE_CLUSTER_WORK:-/var/tmp/kascade-control-plane} MAKE_TARGET=${MAKE_TARGET:-test-control-plane}
for part in lib build control_plane knative kascade; do . "$(dirname "$0")/$part.sh"; done
SCRATCH=/run/pods

network() {
  ip link set lo up
  ip addr replace "$NODE_IP/32" dev lo
  ip route add "$SERVICE_CIDR" dev lo src "$NODE_IP"   # kube-proxy sends it elsewhere, once there is a way at all
  sysctl -qw net.ipv4.ip_forward=1
  mount -t tmpfs tmpfs /run && mkdir -p /run/netns $SCRATCH
}
kubernetes() {
  network
  control_plane --controllers=*,-node-lifecycle-controller,-node-ipam-controller
  start node env PYTHONPATH="$PROJECT/tests" "$SITE/bin/python" -m cluster.played --keys "$WORK/pki" --programs "$BIN" --project "$PROJECT" \
    --scratch $SCRATCH --logs "$WORK/logs/pods"
  wait_for 30 "the node" kubectl get node "$NODE"
}
inside() {
  # What the API server keeps is written often and needed once: it lies in memory.
  mkdir -p "$WORK"/{run,logs,pki,etc} && mount -t tmpfs tmpfs "$WORK/etc" && mkdir "$WORK/etcd" && mount -t tmpfs tmpfs "$WORK/etcd"
  stage "Kubernetes" kubernetes
  stage "Knative" knative
  if [ -z "${KNATIVE_ALONE:-}" ]; then
    stage "PostgreSQL" database
    stage "MinIO" object_store
    stage "Kascade applied" kascade
  fi
  echo "up after $SECONDS s"
  cd "$PROJECT"
  KASCADE_CLUSTER="$WORK/cluster.json" stage "tests" "$@"
}

if [ "${KASCADE_INSIDE:-}" = 1 ]; then
  inside "$@"
else
  demand etcd:etcd-server iptables:iptables conntrack:conntrack ip:iproute2 unshare:util-linux openssl:openssl initdb:postgresql
  unshare --net --mount true || die "The cluster needs namespaces of its own, which this machine does not give even to root."
  # What a bigger cluster needed does here as well.
  if [ -e "$BIN/kube" ]; then kube=kube; else kube="kube-light"; fi
  stage "parts from source, where the cache lacks them" build $kube dns "${SERVING[@]}" kourier "${EVENTING[@]}" envoy
  mkdir -p "$WORK"
  exec 9>"$WORK.lock"
  flock -n 9 || die "Another one runs in $WORK."
  rm -rf "${WORK:?}"
  mkdir -p "$WORK"
  KASCADE_INSIDE=1 exec unshare --net --mount --pid --fork --mount-proc --kill-child --propagation private "$0" "$@"
fi

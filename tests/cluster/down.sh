#!/bin/bash
# `make cluster-down`: its pods, then its processes by their pid files, then its state. The cache stays; with KEEP=1 state and images do too.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -d "$WORK/run" ] || { echo "There is no cluster in $WORK."; exit; }
ctr() { command ctr -a "$WORK/run/containerd.sock" -n k8s.io "$@"; }

stop kubelet
mapfile -t containers < <(ctr containers ls -q 2>/dev/null)
for each in "${containers[@]}"; do ctr tasks kill -s KILL "$each" >/dev/null 2>&1; done
for each in "${containers[@]}"; do
  for ((i = 0; i < 20; i++)); do ctr tasks delete "$each" >/dev/null 2>&1 && break; sleep 0.1; done
  ctr containers delete "$each" >/dev/null 2>&1
done
for each in dns kube-proxy kube-scheduler kube-controller-manager kube-apiserver containerd etcd postgres; do stop $each; done
awk -v root="$WORK/" 'index($2, root) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l
"$BIN/kube-proxy" --cleanup >/dev/null 2>&1
ip link delete cni0 2>/dev/null
[ -n "${KEEP:-}" ] || rm -rf "${WORK:?}"/{etcd,kubelet,pki,run,etc,containerd,image,postgres,cluster.json}
echo "The cluster is down; what it was made of stays in $CACHE."

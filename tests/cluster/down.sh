#!/bin/bash
# `make cluster-down`: its pods, then its processes by their pid files, then its state. The cache stays; with KEEP=1 state and images do too.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -d "$WORK/run" ] || { echo "There is no cluster in $WORK."; exit; }

stop kubelet
# As when a machine loses its power: a container ends with its first process, which is a child of its shim.
mapfile -t shims < <(pgrep -f "^[^ ]*containerd-shim-runc-v2 .*-address $WORK/run/containerd.sock")
for each in "${shims[@]}"; do pkill -KILL -P "$each"; done
[ ${#shims[@]} = 0 ] || kill -KILL "${shims[@]}" 2>/dev/null
for each in dns kube-proxy kube-scheduler kube-controller-manager kube-apiserver containerd etcd postgres; do stop $each; done
awk -v root="$WORK/" 'index($2, root) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l
"$BIN/kube-proxy" --cleanup >/dev/null 2>&1
ip link delete cni0 2>/dev/null
find /sys/fs/cgroup -depth -type d -path "*/kascade/kubepods/*" -exec rmdir {} + 2>/dev/null
[ -n "${KEEP:-}" ] || rm -rf "${WORK:?}"/{etcd,kubelet,pki,run,etc,containerd,image,postgres,cluster.json}
echo "The cluster is down; what it was made of stays in $CACHE."

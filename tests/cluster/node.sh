# A node with real containers: the pods' bridge, control groups, containerd, kubelet, scheduler.
# shellcheck shell=bash
CGROUPS=/sys/fs/cgroup
GROUP=/kascade   # everything of the cluster lies in this control group, so that its share of a busy machine can be said

# The bridge exists before its first pod, for the API server listens on its address.
network() {
  ip link show cni0 >/dev/null 2>&1 || ip link add cni0 type bridge
  ip addr replace "$NODE_IP/24" dev cni0
  ip link set cni0 up
  modprobe br_netfilter 2>/dev/null || true
  sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
  mkdir -p "$WORK/etc/cni"
  put "$WORK/etc/cni/10-bridge.conflist" <<Y
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipMasq": false,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24", "rangeStart": "10.244.0.10"}]], "routes": [{"dst": "0.0.0.0/0"}], "dataDir": "$WORK/run/cni"}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
Y
}

# Version 1 of control groups is what this was run on; version 2 has one tree and other names. CPU_SHARES says the cluster's share (1024 is one process's).
control_groups() {
  local controller file
  if [ "$(stat -fc %T $CGROUPS)" = cgroup2fs ]; then
    mkdir -p $CGROUPS$GROUP
    return
  fi
  for controller in "$CGROUPS"/*/; do
    [ "$(stat -fc %T "$controller")" = cgroup2fs ] || mkdir -p "$controller$GROUP"
  done
  for file in cpuset.cpus cpuset.mems; do cat $CGROUPS/cpuset/$file >$CGROUPS/cpuset$GROUP/$file; done
  mkdir -p $CGROUPS/cpu$GROUP/platform
  echo "${CPU_SHARES:-8192}" >$CGROUPS/cpu$GROUP/cpu.shares
  PLATFORM_GROUP=$CGROUPS/cpu$GROUP/platform
}

node() {
  put "$WORK/etc/containerd.toml" <<Y
version = 2
root = "$WORK/containerd"
state = "$WORK/run/containerd"
[grpc]
  address = "$WORK/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "kascade.local/pause:1"
  restrict_oom_score_adj = true   # where this process may not lower it
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$WORK/etc/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
Y
  start containerd containerd --config "$WORK/etc/containerd.toml"
  wait_for 30 containerd ctr -a "$WORK/run/containerd.sock" version
  : >"$WORK/etc/resolv.conf"
  put "$WORK/etc/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
healthzBindAddress: 127.0.0.1
cgroupDriver: cgroupfs
cgroupRoot: $GROUP
failCgroupV1: false
failSwapOn: false
clusterDNS: [$NODE_IP]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$WORK/run/containerd.sock
resolvConf: $WORK/etc/resolv.conf
podLogsDir: $WORK/logs/pods
authentication: {x509: {clientCAFile: $WORK/pki/ca.crt}, anonymous: {enabled: false}, webhook: {enabled: true}}
authorization: {mode: Webhook}
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%, imagefs.inodesFree: 1%}
imageGCHighThresholdPercent: 100   # no registry: an image that is gone stays gone
imageGCLowThresholdPercent: 99
serializeImagePulls: true
Y
  start kube-scheduler kube-scheduler --kubeconfig "$WORK/pki/scheduler.conf" --bind-address 127.0.0.1 --leader-elect=false
  start kubelet kubelet --config "$WORK/etc/kubelet.yaml" --kubeconfig "$WORK/pki/node.conf" --hostname-override "$NODE" --node-ip "$NODE_IP" \
    --root-dir "$WORK/kubelet" --cert-dir "$WORK/pki/kubelet"
  wait_for 120 "the node" sh -c "kubectl get node $NODE -o jsonpath='{.status.conditions[?(@.type==\"Ready\")].status}' | grep -q True"
}

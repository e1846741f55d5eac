# etcd, API server, controllers, kube-proxy and the small DNS: all of Kubernetes but the node.
# shellcheck shell=bash
# One CA, a certificate and a kubeconfig per party.
keys() {
  local who
  cd "$WORK/pki"
  [ ! -s ca.crt ] || return 0
  openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.new -days 3650 -subj /CN=kascade-cluster 2>/dev/null
  openssl genrsa -out sa.key 2048 2>/dev/null && openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
  certify apiserver /CN=kube-apiserver "IP:$NODE_IP,IP:10.96.0.1,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  certify admin /O=system:masters/CN=admin
  certify node "/O=system:nodes/CN=system:node:$NODE"
  certify controllers /CN=system:kube-controller-manager
  certify scheduler /CN=system:kube-scheduler
  certify proxy /CN=system:kube-proxy
  for who in admin node controllers scheduler proxy; do
    cat >$who.conf <<Y
apiVersion: v1
kind: Config
current-context: it
contexts: [{name: it, context: {cluster: it, user: it}}]
clusters: [{name: it, cluster: {server: "https://$NODE_IP:6443", certificate-authority: $WORK/pki/ca.crt}}]
users: [{name: it, user: {client-certificate: $WORK/pki/$who.crt, client-key: $WORK/pki/$who.key}}]
Y
  done
  mv ca.new ca.crt   # last: with it, all are there
}
certify() { # NAME SUBJECT [ALTERNATIVE NAMES]
  openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.new -CAkey ca.key -CAcreateserial -days 3650 -out "$1.crt" \
    -extfile <(echo "extendedKeyUsage=serverAuth,clientAuth"; [ -z "${3:-}" ] || echo "subjectAltName=$3") 2>/dev/null
}

control_plane() {
  local etcd=http://127.0.0.1:23790 peer=http://127.0.0.1:23800
  keys
  cd "$WORK/pki"
  start etcd etcd --data-dir "$WORK/etcd" --listen-client-urls $etcd --advertise-client-urls $etcd \
    --listen-peer-urls $peer --initial-advertise-peer-urls $peer --initial-cluster default=$peer
  start kube-apiserver kube-apiserver --etcd-servers $etcd --bind-address "$NODE_IP" --secure-port 6443 --advertise-address "$NODE_IP" \
    --service-cluster-ip-range "$SERVICE_CIDR" --authorization-mode Node,RBAC --allow-privileged \
    --client-ca-file ca.crt --tls-cert-file apiserver.crt --tls-private-key-file apiserver.key \
    --kubelet-preferred-address-types InternalIP --kubelet-client-certificate admin.crt --kubelet-client-key admin.key \
    --service-account-key-file sa.pub --service-account-signing-key-file sa.key --service-account-issuer https://kubernetes.default.svc.cluster.local
  wait_for 120 "the API server" kubectl get --raw /readyz
  # Nobody renews the lease of a node whose kubelet is played; with one node there is nowhere else to go anyway.
  start kube-controller-manager kube-controller-manager --kubeconfig controllers.conf --service-account-private-key-file sa.key --root-ca-file ca.crt \
    --use-service-account-credentials --allocate-node-cidrs=false --bind-address 127.0.0.1 --leader-elect=false "$@"
  put "$WORK/etc/proxy.yaml" <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $WORK/pki/proxy.conf}
hostnameOverride: $NODE
mode: iptables
clusterCIDR: $POD_CIDR
bindAddress: $NODE_IP
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
Y
  start kube-proxy kube-proxy --config "$WORK/etc/proxy.yaml"
  start dns dns --kubeconfig admin.conf --listen "$NODE_IP:53"
}

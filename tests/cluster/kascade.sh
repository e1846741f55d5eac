# Kascade on the cluster, as docs/cluster.md says: PostgreSQL (a process here), MinIO (a pod), ConfigMap, Secrets, manifests, buckets, webhook.
# shellcheck shell=bash
# PostgreSQL listens on the nodes' address, and has a name inside.
database() {
  local tools
  cd "$WORK/etc"
  [ -s webhook-token ] || (umask 077; for each in password minio-key webhook-token; do openssl rand -hex 16 >$each; done)
  tools=$(find /usr/lib/postgresql -name initdb | sort -V | tail -1 | xargs dirname)
  if [ ! -d "$WORK/postgres" ]; then
    chmod a+x "$WORK"
    install -d -o postgres "$WORK/postgres.new"
    install -o postgres -m 600 password "$WORK/postgres.password"
    setpriv --reuid postgres --regid postgres --init-groups "$tools/initdb" -D "$WORK/postgres.new" -A scram-sha-256 -U postgres --pwfile="$WORK/postgres.password" >"$WORK/logs/initdb.log"
    rm "$WORK/postgres.password"
    echo "host all all $POD_CIDR scram-sha-256" >>"$WORK/postgres.new/pg_hba.conf"
    mv "$WORK/postgres.new" "$WORK/postgres"
  fi
  start postgres setpriv --reuid postgres --regid postgres --init-groups "$tools/postgres" -D "$WORK/postgres" -c listen_addresses="$NODE_IP" -c port=5432 \
    -c unix_socket_directories= -c fsync=off -c max_connections=300
  export PGPASSWORD PGHOST=$NODE_IP PGUSER=postgres
  PGPASSWORD=$(cat password)
  wait_for 30 PostgreSQL psql -c 'select 1'
  psql -Atc "select 1 from pg_database where datname = 'kascade'" | grep -q 1 || psql -qc 'create database kascade'
}

object_store() {
  kubectl apply --server-side -f - >/dev/null <<Y
apiVersion: v1
kind: Namespace
metadata: {name: minio}
---
apiVersion: v1
kind: Namespace
metadata: {name: postgres}
---
apiVersion: v1
kind: Service
metadata: {name: postgres, namespace: postgres}
spec: {ports: [{port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: postgres, namespace: postgres, labels: {kubernetes.io/service-name: postgres}}
addressType: IPv4
ports: [{port: 5432}]
endpoints: [{addresses: [$NODE_IP]}]
---
apiVersion: v1
kind: Secret
metadata: {name: minio, namespace: minio}
stringData:
  MINIO_ROOT_USER: kascade
  MINIO_ROOT_PASSWORD: "$(cat "$WORK/etc/minio-key")"
  MINIO_NOTIFY_WEBHOOK_ENABLE_KASCADE: "on"
  MINIO_NOTIFY_WEBHOOK_ENDPOINT_KASCADE: http://receive-objects.kascade.svc.cluster.local/webhook
  MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_KASCADE: "$(cat "$WORK/etc/webhook-token")"
  MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_KASCADE: /data/queue
---
apiVersion: v1
kind: Service
metadata: {name: minio, namespace: minio}
spec: {selector: {app: minio}, ports: [{port: 9000}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: minio, namespace: minio}
spec:
  selector: {matchLabels: {app: minio}}
  template:
    metadata: {labels: {app: minio}}
    spec:
      securityContext: {runAsUser: 65532, fsGroup: 65532}
      containers:
        - name: minio
          image: kascade.local/minio:1
          args: [server, /data/store]
          envFrom: [{secretRef: {name: minio}}]
          resources: {requests: {cpu: 50m, memory: 128Mi}}
          readinessProbe: {httpGet: {path: /minio/health/ready, port: 9000}, periodSeconds: 2}
          volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, emptyDir: {}}]
Y
  kubectl -n minio wait --for=condition=Available deployment/minio --timeout=180s >/dev/null
}

# Steps 2 to 4 of docs/cluster.md. OVERLAY is the kustomization that is applied.
kascade() {
  cd "$WORK/etc"
  (umask 077
   printf 'AWS_ENDPOINT_URL_S3=http://minio.minio:9000\nAWS_REGION=us-east-1\n' >kascade.env
   printf 'DATABASE_URL=postgresql+psycopg://postgres:%s@postgres.postgres/kascade\n' "$(cat password)" >state.env
   printf 'AWS_ACCESS_KEY_ID=kascade\nAWS_SECRET_ACCESS_KEY=%s\nWEBHOOK_TOKEN=%s\n' "$(cat minio-key)" "$(cat webhook-token)" >object-store.env)
  made namespace kascade
  made -n kascade configmap kascade --from-env-file=kascade.env
  made -n kascade secret generic state --from-env-file=state.env
  made -n kascade secret generic object-store --from-env-file=object-store.env
  date +%s.%N >"$WORK/etc/applied-at"
  kubectl apply -k "${OVERLAY:-$PROJECT/knative/base}" >"$WORK/logs/kascade-apply.log"
  [ ! -e "$WORK/image/kascade.digest" ] || restart
  reach
  "$SITE/bin/python" "$HERE/buckets.py" <"$WORK/cluster.json" >/dev/null
}
# The tag of a changed image stays the same, so that Knative sees no change.
restart() {
  if [ -e applied-image ] && ! cmp -s "$WORK/image/kascade.digest" applied-image; then
    kubectl -n kascade delete pods --selector=serving.knative.dev/revision --wait=false >>"$WORK/logs/kascade-apply.log"
  fi
  cp "$WORK/image/kascade.digest" applied-image
}
made() { kubectl create "$@" --dry-run=client -o yaml | kubectl apply -f - >/dev/null; }

# How the tests, and people, get in.
reach() {
  local minio broker gateway
  minio=$(kubectl -n minio get service minio -o jsonpath='{.spec.clusterIP}')
  broker=$(kubectl -n knative-eventing get service broker-ingress -o jsonpath='{.spec.clusterIP}')
  gateway=$(kubectl -n kourier-system get service kourier -o jsonpath='{.spec.clusterIP}')
  (umask 077; put "$WORK/cluster.json") <<J
{"kubeconfig": "$KUBECONFIG", "kubectl": "$BIN/kubectl", "work": "$WORK",
 "gateway": "http://$gateway", "broker": "http://$broker/kascade/default", "store": "http://$minio:9000", "api": "https://$NODE_IP:6443",
 "store_key": "kascade", "store_secret": "$(cat "$WORK/etc/minio-key")",
 "database": "postgresql+psycopg://postgres:$(cat "$WORK/etc/password")@$NODE_IP/kascade"}
J
}

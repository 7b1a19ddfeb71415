#!/bin/bash
# garbage.sh <protoc> <protoc-gen-furrow> <folder of furrow/v1/options.proto>
#
# Passes when the plugin answers any standard input with exit status 0 or 1, never with a signal: a real request is cut at
# many places and damaged at many others, always the same ones.
set -eu
protoc=$1 plugin=$2 options=$3
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

printf '#!/bin/sh\ncat >"%s/request"\n' "$out" >"$out/protoc-gen-keep"
chmod +x "$out/protoc-gen-keep"
"$protoc" --plugin="$out/protoc-gen-keep" -I"$here/golden" -I"$options" -I/usr/include --keep_out="$out" shop/v1/shop.proto 2>/dev/null

feed() { # file, what it is
  local status=0
  "$plugin" <"$1" >/dev/null 2>"$out/said" || status=$?
  if [ "$status" -gt 1 ]; then echo "exit status $status for $2"; cat "$out/said"; exit 1; fi
}
size=$(stat -c %s "$out/request")
: >"$out/input"
feed "$out/input" "no input"
echo "this is no request" >"$out/input"
feed "$out/input" "text"
for at in $(seq 1 $((size / 60)) $((size - 1))); do
  head -c "$at" "$out/request" >"$out/input"
  feed "$out/input" "a request cut at $at"
  cp "$out/request" "$out/input"
  printf "\\$(printf %o $((at * 7 % 256)))" | dd of="$out/input" bs=1 seek="$at" conv=notrunc status=none
  feed "$out/input" "a request damaged at $at"
done

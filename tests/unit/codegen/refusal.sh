#!/bin/bash
# refusal.sh <protoc> <protoc-gen-furrow> <folder of furrow/v1/options.proto> <case.proto>
#
# Passes when the plugin refuses the case with exactly the problems that stand in the case's own `// refused:` lines, in
# order, and generates nothing. FURROW_GOLDEN_UPDATE=1 writes those lines anew instead; read the diff before you commit it.
set -eu
protoc=$1 plugin=$2 options=$3 case=$4
here=$(cd "$(dirname "$0")" && pwd)
name=$(basename "$case")
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

status=0
"$protoc" --plugin=protoc-gen-furrow="$plugin" -I"$here/refusals" -I"$options" -I/usr/include --furrow_out="$out" "$name" \
  >"$out/said" 2>&1 || status=$?
# Each problem is a line "file:line:column: text"; what protoc says itself is none of the plugin's.
grep -E "^$name:[0-9]+:[0-9]+: " "$out/said" | grep -v ': warning: ' >"$out/problems" || true

if [ "${FURROW_GOLDEN_UPDATE:-}" = 1 ]; then
  sed '/^\/\/ refused: /d' "$case" >"$out/case"
  sed 's|^|// refused: |' "$out/problems" >>"$out/case"
  cp "$out/case" "$case"
  exit 0
fi
if [ "$status" -eq 0 ]; then
  echo "$name was accepted"
  exit 1
fi
if [ -n "$(find "$out" -name '*.c' -o -name '*.h')" ]; then
  echo "$name was refused, but code was generated"
  exit 1
fi
sed -n 's|^// refused: ||p' "$case" >"$out/expected"
if [ ! -s "$out/expected" ]; then
  echo "$name says nothing about what is expected; protoc said:"
  cat "$out/said"
  exit 1
fi
grep -q "^--furrow_out: $(wc -l <"$out/expected") problem" "$out/said"
diff -u "$out/expected" "$out/problems"

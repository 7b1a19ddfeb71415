#!/bin/bash
# golden.sh <protoc> <protoc-gen-furrow> <folder of furrow/v1/options.proto> <x/v1/x.proto>
#
# Passes when what is generated from golden/<x/v1/x.proto> is, letter by letter, what golden/expected holds, no file more and
# none less. FURROW_GOLDEN_UPDATE=1 writes golden/expected anew instead; read the diff before you commit it.
set -eu
protoc=$1 plugin=$2 options=$3 proto=$4
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$protoc" --plugin=protoc-gen-furrow="$plugin" -I"$here/golden" -I"$options" -I/usr/include --furrow_out="$out" "$proto" 2>"$out/said"
grep -v 'warning: Import .* is unused' "$out/said" && exit 1
folder=$(dirname "$proto")
rm "$out/$folder"/*.descriptor.c # bytes, which protoc's version changes too: what they hold test_codegen_output reads
if [ "${FURROW_GOLDEN_UPDATE:-}" = 1 ]; then
  mkdir -p "$here/golden/expected/$folder"
  for made in "$out/$folder"/*; do cp "$made" "$here/golden/expected/$folder/$(basename "$made").expected"; done
  exit 0
fi
for made in "$out/$folder"/*; do mv "$made" "$made.expected"; done
diff -ru "$here/golden/expected/$folder" "$out/$folder"

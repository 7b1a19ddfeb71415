#!/bin/bash
# protoc_warnings.sh <protoc> <config/cmake/protoc.sh> <folder of furrow/v1/options.proto>
#
# Passes when protoc.sh drops the warning about an owner's import that only replica_of or calls names, lets through the one about an
# import that nothing names, and hands on protoc's failure.
set -eu
protoc=$1 wrapper=$2 options=$3
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir -p "$out/a/v1" "$out/b/v1" "$out/c/v1" "$out/d/v1"
printf 'syntax = "proto3";\npackage a.v1;\nmessage A {\n  string id = 1;\n}\n' >"$out/a/v1/a.proto"
sed 's/a\.v1/b.v1/' "$out/a/v1/a.proto" >"$out/b/v1/b.proto"
sed 's/a\.v1/d.v1/' "$out/a/v1/a.proto" >"$out/d/v1/d.proto"
printf 'service D {\n  rpc Do(A) returns (A);\n}\n' >>"$out/d/v1/d.proto"
cat >"$out/c/v1/c.proto" <<'PROTO'
syntax = "proto3";
package c.v1;
import "a/v1/a.proto";
import "b/v1/b.proto";
import "d/v1/d.proto";
import "furrow/v1/options.proto";
message A {
  option (furrow.v1.replica_of) = "a.v1.A";
  string id = 1;
}
service C {
  option (furrow.v1.calls) = "d.v1.D.Do";
  rpc Do(A) returns (A);
}
PROTO
run() { "$wrapper" "$out/c/v1/c.proto" "$protoc" -I"$out" -I"$options" -I/usr/include --descriptor_set_out=/dev/null "$@" 2>&1; }
said=$(run c/v1/c.proto)
[ "$(printf '%s\n' "$said" | grep -c 'Import b/v1/b.proto is unused')" -eq 1 ]
[ "$(printf '%s\n' "$said" | wc -l)" -eq 1 ]
if said=$(run c/v1/missing.proto); then exit 1; fi
case $said in *missing.proto*) ;; *) exit 1 ;; esac

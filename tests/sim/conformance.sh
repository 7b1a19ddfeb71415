#!/bin/sh
# conformance.sh SIMULATED REAL SEED…: what the simulated and the real servers answer, line by line the same?
set -eu
simulated=$1 real=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for seed; do
  "$real" "$seed" >"$folder/real"
  "$simulated" "$seed" >"$folder/simulated"
  diff -u "$folder/real" "$folder/simulated" || { echo "seed $seed: not alike (- real, + simulated)"; exit 1; }
  echo "seed $seed: $(wc -l <"$folder/real") lines, alike"
done

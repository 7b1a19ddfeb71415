#!/bin/sh
# seams.sh PROGRAM…: does anything in them still call a library that is simulated? A function that common/ begins to use
# must be simulated, too (uv.c, client.c); until then the linker takes the real one without a word.
set -eu
for program; do
  real=$(nm -D --undefined-only "$program" | grep -E ' (uv_|nats|js_|send$|recv$|connect$|poll$|epoll_)' || true)
  [ -z "$real" ] || { echo "$program calls what is real:"; echo "$real"; exit 1; }
done

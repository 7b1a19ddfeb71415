#!/bin/bash
# compiles.sh <compiler> <folder of generated code> <stem> <-I and -isystem options…>
#
# Passes when everything we generate compiles under the house's warnings as errors. What protoc-gen-c writes is included too,
# here not as a system header, so it is held to the same.
set -eu
compiler=$1 folder=$2 stem=$3
shift 3
kinds="furrow descriptor client domain server"
grep -q "^int main" "$folder/$stem.main.c" && kinds="$kinds main"
for file in $(printf "$stem.%s.c " $kinds) "$stem.access.h"; do
  echo "#include \"$file\"" | "$compiler" -std=c11 -D_GNU_SOURCE -fsyntax-only -Werror -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
    -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wformat=2 -Wcast-function-type -Wno-unused-parameter \
    -Wno-missing-field-initializers -I"$folder" "$@" -x c -
done

#!/bin/sh
# protoc.sh <path of the .proto> protoc …
#
# Runs protoc and drops one warning: that the import of an owner's .proto is unused. A replica names its entity, and a service what
# it calls, in an option's text, which protoc does not read, and the import is what lets protoc-gen-furrow look it up. Everything else that
# protoc says on standard error, other unused imports too, passes through, and so does its exit status.
proto=$1
shift
{ said=$("$@" 2>&1 >&3); status=$?; } 3>&1

# By convention the package of an imported file is its folder.
for import in $(sed -n 's/^import "\([^"]*\)".*/\1/p' "$proto"); do
  package=$(dirname "$import" | tr / .)
  if grep -q "\(replica_of\|calls\)) *= *\"$package\\." "$proto"; then
    said=$(printf '%s' "$said" | grep -v ": warning: Import $import is unused\\.\$")
  fi
done
if [ -n "$said" ]; then printf '%s\n' "$said" >&2; fi
exit "$status"

#!/bin/bash
# missing.sh <compiler> <folder of generated code> <-I and -isystem options…>
#
# Passes when what the golden shop promises and nobody wrote is an error of the linker that names it, each of them, and an
# index that is not there, or a value of another type for one that is, an error of the compiler.
set -eu
compiler=$1 folder=$2
shift 2
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

for kind in main domain server; do
  "$compiler" -std=c11 -D_GNU_SOURCE -w -I"$folder" "$@" -c "$folder/shop/v1/shop.$kind.c" -o "$out/$kind.o"
done
if "$compiler" "$out"/*.o -o "$out/shop" 2>"$out/said"; then
  echo "it was linked without what its author writes"
  exit 1
fi
for name in shop_sell shop_check_crate shop_on_crate_change shop_startup shop_list_sales_show shop_list_sales_check; do
  grep -q "undefined reference to .$name'" "$out/said" || { echo "nothing says that $name is missing"; exit 1; }
done

options=("$@")
compile() { # <statement>
  printf '#include "shop/v1/shop.access.h"\nfurrow_status f(furrow_service *s, furrow_arena *a, crate_sale_page *p, furrow_error *e);\n' >"$out/f.c"
  printf 'furrow_status f(furrow_service *s, furrow_arena *a, crate_sale_page *p, furrow_error *e)\n{\n    %s\n}\n' "$1" >>"$out/f.c"
  "$compiler" -std=c11 -D_GNU_SOURCE -Wall -Werror -I"$folder" "${options[@]}" -fsyntax-only "$out/f.c" 2>"$out/said"
}
refuse() { # <what the compiler says> <statement>
  if compile "$2"; then
    echo "it was compiled: $2"
    exit 1
  fi
  grep -q "$1" "$out/said" || { cat "$out/said"; exit 1; }
}
compile 'return crate_sale_list_by_crate_id(s, "C1", 0, "", a, p, e);' || { cat "$out/said"; exit 1; }
refuse crate_sale_list_by_grades 'return crate_sale_list_by_grades(s, 1, 0, "", a, p, e);'
refuse crate_sale_list_by_crate_id 'return crate_sale_list_by_crate_id(s, 7, 0, "", a, p, e);'

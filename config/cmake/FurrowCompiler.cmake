# Flags every target of the tree is compiled with; generated code opts out of warnings by itself.
add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
                    -Wwrite-strings -Wformat=2 -Wno-unused-parameter -Wno-missing-field-initializers
                    -fno-strict-aliasing -fstack-protector-strong -fvisibility=hidden -g)
# Tasks leave a stack with siglongjmp on purpose; the fortified longjmp takes that for an attack.
add_compile_options(-U_FORTIFY_SOURCE)
# What the loader has bound stays as it is: a stray write finds no function pointer of a library to change.
add_link_options(-Wl,-z,relro,-z,now)
if(FURROW_SANITIZE)
  add_compile_options(-fsanitize=${FURROW_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${FURROW_SANITIZE})
endif()
if(FURROW_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

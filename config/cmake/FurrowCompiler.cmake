# Flags every target of the tree is compiled with; generated code opts out of warnings by itself.
option(FURROW_WERROR "warnings are errors; only with the compilers that CI builds with, gcc 12 and clang 14: others warn of other things" OFF)
add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
                    -Wwrite-strings -Wformat=2 -Wno-unused-parameter -Wno-missing-field-initializers
                    -fno-strict-aliasing -fstack-protector-strong -fvisibility=hidden -g)
if(FURROW_WERROR AND ((CMAKE_C_COMPILER_ID STREQUAL GNU AND CMAKE_C_COMPILER_VERSION VERSION_LESS 13)
                      OR (CMAKE_C_COMPILER_ID STREQUAL Clang AND CMAKE_C_COMPILER_VERSION VERSION_LESS 15)))
  add_compile_options(-Werror)
endif()

# Nearly all code runs on a task's stack (DEFAULT_STACK in common/base/loop.c): no function may take more than an eighth
# of one, at any optimisation; nor as much as its caller likes.
if(FURROW_SANITIZE)
  set(FURROW_FRAME_BYTES 32768) # their stacks are larger, as their frames are
else()
  set(FURROW_FRAME_BYTES 8192)
endif()
add_compile_options(-Wframe-larger-than=${FURROW_FRAME_BYTES} -Werror=vla -Werror=alloca)
if(CMAKE_C_COMPILER_ID STREQUAL GNU) # each wants to be told its own way that this is an error
  add_compile_options(-Werror=frame-larger-than=${FURROW_FRAME_BYTES})
else()
  add_compile_options(-Werror=frame-larger-than)
endif()

# The C library's checks of buffers (_FORTIFY_SOURCE), which need an optimiser: fortify.h asks for them where there is one.
# A sanitizer checks more, and does not know the C library's checking functions.
add_compile_options(-U_FORTIFY_SOURCE)
if(NOT FURROW_SANITIZE)
  add_compile_options(-include ${CMAKE_CURRENT_LIST_DIR}/fortify.h)
endif()

# What the loader has bound stays as it is: a stray write finds no function pointer of a library to change.
add_link_options(-Wl,-z,relro,-z,now)
if(FURROW_SANITIZE)
  add_compile_options(-fsanitize=${FURROW_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${FURROW_SANITIZE})
endif()
if(FURROW_FAULTS)
  add_compile_definitions(FURROW_FAULT_POINTS)
endif()
if(FURROW_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

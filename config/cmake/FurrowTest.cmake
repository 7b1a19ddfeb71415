# furrow_service_test: a test of a service that furrow_service() made, for ctest.
#
#   furrow_service_test(picking_test SERVICE picking SOURCES picking_test.c [NEEDS employee])
#
# It links the service's pure functions, to call them, and the kit for tests, of which FURROW_TEST_MESH_OPTIONS (support/mesh.h) is a mesh
# with the installed services that it NEEDS and its own. FURROW_TEST_BIN is where those are.
include_guard(GLOBAL)
enable_testing() # of who includes this: within a function it would count there alone

function(furrow_service_test name)
  cmake_parse_arguments(arg "" "SERVICE" "SOURCES;NEEDS" ${ARGN})
  if(NOT arg_SERVICE OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "furrow_service_test(<program> SERVICE <target> SOURCES <files> [NEEDS <services>])")
  endif()
  set(programs)
  foreach(need IN LISTS arg_NEEDS)
    string(APPEND programs "{\"${need}\", \"${FURROW_TEST_BIN}/${need}\"}, ")
  endforeach()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_SERVICE}_domain Furrow::test)
  target_compile_definitions(${name} PRIVATE
    FURROW_TEST_MESH_TOOL="${FURROW_TEST_BIN}/furrow"
    FURROW_TEST_MESH_CONTRACTS="$<TARGET_FILE:${arg_SERVICE}_proto_contracts>"
    "FURROW_TEST_MESH_PROGRAMS=${programs}{\"${arg_SERVICE}\", \"$<TARGET_FILE:${arg_SERVICE}>\"}")
  add_dependencies(${name} ${arg_SERVICE} ${arg_SERVICE}_proto_contracts)
  add_test(NAME ${name} COMMAND ${name})
endfunction()

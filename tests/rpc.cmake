# Tests of common/rpc. Their service is compiled here with its client and server tables, so that the layer is tested with what
# the generator writes and without any service of the mesh.
block()
  set(FURROW_PROTO_ROOT ${CMAKE_CURRENT_SOURCE_DIR}/integration/proto)
  set(FURROW_PROTO_OUT ${CMAKE_CURRENT_BINARY_DIR}/rpc_proto)
  furrow_proto(TARGET furrow_rpc_test_proto PROTOS rpc_test.proto SERVER)
endblock()

foreach(name admission caller methods retry status_message)
  furrow_unit_test(test_${name} furrow_rpc)
endforeach()

furrow_unit_test(test_wakeups furrow_rpc furrow_test_support)

add_library(furrow_rpc_world STATIC integration/rpc_world.c)
target_include_directories(furrow_rpc_world PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/integration)
target_link_libraries(furrow_rpc_world PUBLIC furrow_rpc_test_proto_server furrow_rpc_test_proto_client furrow_test_support
                      PkgConfig::CHECK)
# With a contract of the mesh, as stock clients call it.
furrow_integration_test(test_rpc furrow_rpc furrow_proto_job furrow_proto_job_client)
foreach(name test_stream test_rpc_calls test_rpc_bodies test_rpc_errors test_rpc_headers test_rpc_load test_rpc_trace test_idempotency
             test_rpc_memory test_rpc_retry test_rpc_waiting test_blocking)
  furrow_integration_test(${name} furrow_rpc_world)
endforeach()

# The README's interceptors, compiled as they stand there.
set(readme ${PROJECT_SOURCE_DIR}/common/rpc/README.md)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${readme})
file(READ ${readme} readme_text)
string(REGEX REPLACE ".*\n```c\n(static furrow_status need_tenant.*probe_startup[^\n]*\n)```.*" "\\1" readme_text "${readme_text}")
file(CONFIGURE OUTPUT rpc_proto/readme_interceptors.inc CONTENT "${readme_text}" @ONLY)
furrow_integration_test(test_interceptor furrow_rpc_world furrow_runtime)
target_include_directories(test_interceptor PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/rpc_proto)

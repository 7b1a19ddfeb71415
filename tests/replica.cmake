# Tests of common/replica. Their entity is compiled here, so that the layer is tested without any service's contract.
furrow_unit_test(test_verdict furrow_replica)

set(replica_proto_dir ${CMAKE_CURRENT_BINARY_DIR}/replica_proto)
add_custom_command(
  OUTPUT ${replica_proto_dir}/replica_test.pb-c.c ${replica_proto_dir}/replica_test.pb-c.h
  COMMAND ${CMAKE_COMMAND} -E make_directory ${replica_proto_dir}
  COMMAND ${PROTOC} --plugin=protoc-gen-c=${PROTOC_GEN_C} --c_out=${replica_proto_dir}
          -I${CMAKE_CURRENT_SOURCE_DIR}/integration/proto replica_test.proto
  DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/integration/proto/replica_test.proto
  COMMENT "protobuf-c: replica_test.proto"
  VERBATIM)
add_library(furrow_replica_test_proto STATIC ${replica_proto_dir}/replica_test.pb-c.c ${replica_proto_dir}/replica_test.pb-c.h)
target_include_directories(furrow_replica_test_proto SYSTEM PUBLIC ${replica_proto_dir})
target_compile_options(furrow_replica_test_proto PRIVATE -w)
target_link_libraries(furrow_replica_test_proto PUBLIC furrow_wkt)

add_library(furrow_replica_mesh STATIC integration/replica_mesh.c)
target_include_directories(furrow_replica_mesh PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/integration)
target_link_libraries(furrow_replica_mesh PUBLIC furrow_replica furrow_replica_test_proto furrow_test_support PkgConfig::CHECK)
# protobuf-c's string members are not const, and these tests fill them with literals.
target_compile_options(furrow_replica_mesh PRIVATE -Wno-write-strings)

foreach(name test_replica test_replica_faults test_replica_trust test_replica_loss test_evictions test_replica_poison test_generations test_reaction
             test_reaction_trace)
  furrow_integration_test(${name} furrow_replica_mesh)
  target_compile_options(${name} PRIVATE -Wno-write-strings)
endforeach()

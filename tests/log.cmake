# Tests of common/log. Their entity is compiled here, so that the layer is tested without any service's contract.
set(log_proto_dir ${CMAKE_CURRENT_BINARY_DIR}/log_proto)
set(log_proto ${CMAKE_CURRENT_SOURCE_DIR}/integration/proto/log_test.proto)
add_custom_command(
  OUTPUT ${log_proto_dir}/log_test.pb-c.c ${log_proto_dir}/log_test.pb-c.h
  COMMAND ${CMAKE_COMMAND} -E make_directory ${log_proto_dir}
  COMMAND ${PROTOC} --plugin=protoc-gen-c=${PROTOC_GEN_C} --c_out=${log_proto_dir} -I${CMAKE_CURRENT_SOURCE_DIR}/integration/proto
          log_test.proto
  DEPENDS ${log_proto}
  COMMENT "protobuf-c: log_test.proto"
  VERBATIM)
add_library(furrow_log_test_proto STATIC ${log_proto_dir}/log_test.pb-c.c ${log_proto_dir}/log_test.pb-c.h)
target_include_directories(furrow_log_test_proto SYSTEM PUBLIC ${log_proto_dir})
target_compile_options(furrow_log_test_proto PRIVATE -w)
target_link_libraries(furrow_log_test_proto PUBLIC furrow_wkt)

add_library(furrow_log_world STATIC integration/log_world.c integration/seal_world.c)
target_include_directories(furrow_log_world PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/integration)
target_link_libraries(furrow_log_world PUBLIC furrow_log furrow_log_test_proto furrow_test_support furrow_test_proxy
                      PkgConfig::CHECK)

foreach(name test_entity test_entity_rules test_entity_repeats test_entity_faults test_entity_hot test_entity_poison
        test_entity_erase test_claim test_seal test_seal_floor)
  furrow_integration_test(${name} furrow_log_world)
endforeach()
target_link_libraries(test_seal_floor PRIVATE PkgConfig::SODIUM) # seals as earlier versions did

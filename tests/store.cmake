# Tests of common/store. Their message is compiled here, so that the layer is tested without any service's contract.
set(store_proto_dir ${CMAKE_CURRENT_BINARY_DIR}/store_proto)
set(store_proto ${CMAKE_CURRENT_SOURCE_DIR}/integration/proto/store_test.proto)
find_path(FURROW_PROTOBUF_INCLUDE google/protobuf/timestamp.proto REQUIRED)
add_custom_command(
  OUTPUT ${store_proto_dir}/store_test.pb-c.c ${store_proto_dir}/store_test.pb-c.h
  COMMAND ${CMAKE_COMMAND} -E make_directory ${store_proto_dir}
  COMMAND ${PROTOC} --plugin=protoc-gen-c=${PROTOC_GEN_C} --c_out=${store_proto_dir} -I${FURROW_PROTOBUF_INCLUDE}
          -I${CMAKE_CURRENT_SOURCE_DIR}/integration/proto store_test.proto
  DEPENDS ${store_proto}
  COMMENT "protobuf-c: store_test.proto"
  VERBATIM)
add_library(furrow_store_test_proto STATIC ${store_proto_dir}/store_test.pb-c.c ${store_proto_dir}/store_test.pb-c.h)
target_include_directories(furrow_store_test_proto SYSTEM PUBLIC ${store_proto_dir})
target_compile_options(furrow_store_test_proto PRIVATE -w)
target_link_libraries(furrow_store_test_proto PUBLIC furrow_wkt)

furrow_unit_test(test_address furrow_store)
furrow_unit_test(test_index_entries furrow_store furrow_store_test_proto)
furrow_integration_test(test_secrets furrow_link_world furrow_store furrow_test_proxy)
furrow_integration_test(test_store furrow_store furrow_store_test_proto)
furrow_integration_test(test_store_outage furrow_store furrow_store_test_proto)
furrow_integration_test(test_record furrow_store furrow_store_test_proto)
furrow_integration_test(test_marker furrow_store furrow_store_test_proto)
furrow_integration_test(test_read_group furrow_store furrow_store_test_proto)
furrow_integration_test(test_write_group furrow_store furrow_store_test_proto)
furrow_integration_test(test_endings furrow_store furrow_store_test_proto)
furrow_integration_test(test_remember furrow_store furrow_store_test_proto)
furrow_integration_test(test_rewrite furrow_store furrow_store_test_proto)
furrow_integration_test(test_index furrow_store furrow_store_test_proto)
furrow_integration_test(test_aggregate furrow_store furrow_store_test_proto)
furrow_integration_test(test_functions furrow_store furrow_store_test_proto)
furrow_integration_test(test_scan furrow_store furrow_store_test_proto)
foreach(name test_store test_store_outage test_record test_marker test_read_group test_write_group test_endings test_rewrite test_remember test_index test_aggregate test_functions test_scan)
  target_sources(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/integration/store_world.c)
endforeach()

# Tests of common/wire. Their messages are compiled here, so that the layer is tested without any service's contract.
set(wire_proto_dir ${CMAKE_CURRENT_BINARY_DIR}/wire_proto)
find_path(FURROW_PROTOBUF_INCLUDE google/protobuf/timestamp.proto REQUIRED)
set(wire_proto_sources)
foreach(name wire_test wire_optional)
  add_custom_command(
    OUTPUT ${wire_proto_dir}/${name}.pb-c.c ${wire_proto_dir}/${name}.pb-c.h
    COMMAND ${CMAKE_COMMAND} -E make_directory ${wire_proto_dir}
    COMMAND ${PROTOC} --plugin=protoc-gen-c=${PROTOC_GEN_C} --c_out=${wire_proto_dir} -I${FURROW_PROTOBUF_INCLUDE}
            -I${CMAKE_CURRENT_SOURCE_DIR}/unit/proto ${name}.proto
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/unit/proto/${name}.proto
    COMMENT "protobuf-c: ${name}.proto"
    VERBATIM)
  list(APPEND wire_proto_sources ${wire_proto_dir}/${name}.pb-c.c ${wire_proto_dir}/${name}.pb-c.h)
endforeach()
add_library(furrow_wire_test_proto STATIC ${wire_proto_sources})
target_include_directories(furrow_wire_test_proto SYSTEM PUBLIC ${wire_proto_dir})
target_compile_options(furrow_wire_test_proto PRIVATE -w)
target_link_libraries(furrow_wire_test_proto PUBLIC furrow_wkt)

furrow_unit_test(test_subject furrow_wire)
furrow_unit_test(test_header furrow_wire)
furrow_unit_test(test_trace furrow_wire)
furrow_unit_test(test_detail furrow_wire)
furrow_unit_test(test_descriptor furrow_wire)
furrow_unit_test(test_epoch furrow_wire)
furrow_unit_test(test_tombstone furrow_wire)
furrow_unit_test(test_message furrow_wire furrow_wire_test_proto)
furrow_unit_test(test_merge furrow_wire furrow_wire_test_proto)
furrow_unit_test(test_projection furrow_wire furrow_wire_test_proto)
furrow_unit_test(test_jsontext furrow_wire)
furrow_unit_test(test_json furrow_wire furrow_wire_test_proto m)
furrow_unit_test(test_unicode furrow_wire)
furrow_unit_test(test_json_wkt furrow_wire furrow_wire_test_proto)
# protobuf-c's string members are not const, and these tests fill them with literals.
foreach(name test_message test_merge test_projection test_json test_json_wkt)
  target_compile_options(${name} PRIVATE -Wno-write-strings)
endforeach()

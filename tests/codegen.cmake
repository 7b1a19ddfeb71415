# protoc-gen-furrow: golden output, one test per refusal, and what its output does once compiled.
set(codegen_dir ${CMAKE_CURRENT_SOURCE_DIR}/unit/codegen)
set(codegen_plugin ${PROTOC} $<TARGET_FILE:protoc-gen-furrow> ${PROJECT_SOURCE_DIR}/proto)

furrow_unit_test(test_codegen furrow_codegen)
furrow_unit_test(test_pattern furrow_codegen)

file(GLOB codegen_refusals CONFIGURE_DEPENDS ${codegen_dir}/refusals/*.proto)
foreach(case IN LISTS codegen_refusals)
  get_filename_component(name ${case} NAME_WE)
  add_test(NAME unit/codegen/refuses_${name} COMMAND ${codegen_dir}/refusal.sh ${codegen_plugin} ${case})
  set_tests_properties(unit/codegen/refuses_${name} PROPERTIES LABELS unit TIMEOUT 60)
endforeach()

# The golden contracts are built like any service's, into a folder of their own.
set(FURROW_PROTO_ROOT ${codegen_dir}/golden)
set(FURROW_PROTO_OUT ${CMAKE_CURRENT_BINARY_DIR}/codegen)
foreach(name depot shop buyer odd_names ruled)
  set(proto ${name}/v1/${name}.proto)
  add_test(NAME unit/codegen/golden_${name} COMMAND ${codegen_dir}/golden.sh ${codegen_plugin} ${proto})
  set_tests_properties(unit/codegen/golden_${name} PROPERTIES LABELS unit TIMEOUT 60)
  furrow_proto(TARGET furrow_test_proto_${name} PROTOS ${proto} SERVER)
  foreach(compiler gcc clang) # those that are there: a bare machine has one
    find_program(FURROW_TEST_${compiler} ${compiler})
    if(NOT FURROW_TEST_${compiler})
      continue()
    endif()
    add_test(NAME unit/codegen/compiles_${name}_with_${compiler}
             COMMAND ${codegen_dir}/compiles.sh ${compiler} ${FURROW_PROTO_OUT} ${name}/v1/${name} -I${PROJECT_SOURCE_DIR}/common
                     -I$<JOIN:$<TARGET_PROPERTY:furrow_test_proto_${name},INCLUDE_DIRECTORIES>,$<SEMICOLON>-I>
             COMMAND_EXPAND_LISTS)
    set_tests_properties(unit/codegen/compiles_${name}_with_${compiler} PROPERTIES LABELS unit TIMEOUT 60)
  endforeach()
endforeach()
foreach(compiler gcc clang)
  if(FURROW_TEST_${compiler})
    add_test(NAME unit/codegen/names_what_is_missing_with_${compiler}
             COMMAND ${codegen_dir}/missing.sh ${compiler} ${FURROW_PROTO_OUT} -I${PROJECT_SOURCE_DIR}/common
                     -I$<JOIN:$<TARGET_PROPERTY:furrow_test_proto_shop,INCLUDE_DIRECTORIES>,$<SEMICOLON>-I>
             COMMAND_EXPAND_LISTS)
    set_tests_properties(unit/codegen/names_what_is_missing_with_${compiler} PROPERTIES LABELS unit TIMEOUT 60)
  endif()
endforeach()
furrow_unit_test(test_codegen_output furrow_test_proto_depot_server furrow_test_proto_depot_client furrow_test_proto_shop furrow_test_proto_buyer
                 furrow_test_proto_odd_names_server furrow_test_proto_odd_names_client)

furrow_unit_test(test_rule furrow_test_proto_ruled furrow_wire)
furrow_unit_test(test_rule_fit furrow_test_proto_ruled furrow_wire)

add_test(NAME unit/codegen/only_the_owners_unused_import_is_hushed
         COMMAND ${codegen_dir}/protoc_warnings.sh ${PROTOC} ${PROJECT_SOURCE_DIR}/config/cmake/protoc.sh
                 ${PROJECT_SOURCE_DIR}/proto)
set_tests_properties(unit/codegen/only_the_owners_unused_import_is_hushed PROPERTIES LABELS unit TIMEOUT 60)
add_test(NAME unit/codegen/no_input_crashes_the_plugin COMMAND ${codegen_dir}/garbage.sh ${codegen_plugin})
set_tests_properties(unit/codegen/no_input_crashes_the_plugin PROPERTIES LABELS unit TIMEOUT 120)
unset(FURROW_PROTO_ROOT)
unset(FURROW_PROTO_OUT)

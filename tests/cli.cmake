# Tests of parts of programs with commands: a part of a program is compiled once more. The programs are tried whole in services.cmake.
set(farm_dir ${PROJECT_SOURCE_DIR}/services/farm)
furrow_unit_test(test_csv furrow_wire)
target_sources(test_csv PRIVATE ${farm_dir}/csv.c ${farm_dir}/encoding.c)
target_include_directories(test_csv PRIVATE ${PROJECT_SOURCE_DIR}/services ${CSV_INCLUDE})
target_link_libraries(test_csv PRIVATE ${CSV_LIBRARY})
furrow_unit_test(test_window furrow_base)
target_sources(test_window PRIVATE ${farm_dir}/window.c)
target_include_directories(test_window PRIVATE ${PROJECT_SOURCE_DIR}/services)
# What a change breaks: pairs of contracts, judged. tests/conformance/buf/run has Buf judge them, too.
add_test(NAME unit/breaking_pairs COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/unit/breaking/pairs.py $<TARGET_FILE:furrow> ${PROTOC} ${PROJECT_SOURCE_DIR}/proto)
set_tests_properties(unit/breaking_pairs PROPERTIES LABELS unit TIMEOUT 120)

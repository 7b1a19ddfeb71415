# Tests of the services: their rules alone, and the whole mesh on real servers.
# The next release of timesheet, for rollouts: it keeps one more field of an employee, and has one more index.
set(next ${CMAKE_CURRENT_BINARY_DIR}/next)
set(next_proto timesheet/v1/timesheet)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/proto/${next_proto}.proto)
file(READ ${PROJECT_SOURCE_DIR}/proto/${next_proto}.proto text)
string(REPLACE "replica_of) = \"employee.v1.Employee\";" "replica_of) = \"employee.v1.Employee\";\n  string crew = 7;" text "${text}")
string(REPLACE "  DayStatus status = 4 [" "  DayStatus status = 4 [(furrow.v1.index) = {listed: true}, " text "${text}")
file(CONFIGURE OUTPUT ${next}/proto/${next_proto}.proto CONTENT "${text}" @ONLY)
furrow_proto_outputs(${next}/${next_proto} next_outputs)
add_custom_command(
  OUTPUT ${next_outputs}
  COMMAND ${PROTOC} --plugin=protoc-gen-furrow=$<TARGET_FILE:protoc-gen-furrow> --plugin=protoc-gen-c=${PROTOC_GEN_C}
          -I${next}/proto -I${PROJECT_SOURCE_DIR}/proto -I${FURROW_PROTOBUF_INCLUDE} --furrow_out=${next} --c_out=${next}
          ${next_proto}.proto
  DEPENDS ${next}/proto/${next_proto}.proto protoc-gen-furrow
  COMMENT "Generating C from the next ${next_proto}.proto"
  VERBATIM)
file(GLOB next_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/services/timesheet/*.c)
set(next_generated ${next_outputs})
list(FILTER next_generated INCLUDE REGEX "(descriptor|domain|furrow|main|server)\\.c$")
add_executable(timesheet_next ${next_sources} ${next_generated})
set_source_files_properties(${next_generated} PROPERTIES COMPILE_OPTIONS -w)
target_include_directories(timesheet_next BEFORE PRIVATE ${next} ${PROJECT_SOURCE_DIR}/services)
target_link_libraries(timesheet_next PRIVATE farm_window furrow_runtime furrow_proto_employee furrow_proto_job furrow_proto_location)

foreach(service IN LISTS FURROW_SERVICES)
  furrow_unit_test(test_${service}_domain ${service}_domain)
endforeach()
furrow_unit_test(test_timesheet_window timesheet_domain)
furrow_unit_test(test_timestamp furrow_runtime)
furrow_unit_test(test_query furrow_runtime furrow_proto_employee furrow_proto_job)
list(TRANSFORM FURROW_SERVICES APPEND _domain OUTPUT_VARIABLE domains)
furrow_unit_test(test_state_rules ${domains})
target_include_directories(test_state_rules PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})

# For LD_PRELOAD: names that are never resolved.
add_library(furrow_test_stalled_names MODULE support/stalled_names.c)
# And wall clocks that are ahead or behind.
add_library(furrow_test_shifted_clock MODULE support/shifted_clock.c)
# Asked before any sanitizer has begun.
target_compile_options(furrow_test_shifted_clock PRIVATE -fno-sanitize=all)
target_link_options(furrow_test_shifted_clock PRIVATE -fno-sanitize=all)

# The farm as processes, for tests that talk to it as a stock client does.
add_library(furrow_test_farm STATIC support/farm.c)
target_link_libraries(furrow_test_farm PUBLIC furrow_test_mesh furrow_test_support PRIVATE PkgConfig::CHECK)
target_compile_definitions(furrow_test_farm PRIVATE
  FURROW_TEST_EMPLOYEE="$<TARGET_FILE:employee>" FURROW_TEST_LOCATION="$<TARGET_FILE:location>" FURROW_TEST_JOB="$<TARGET_FILE:job>"
  FURROW_TEST_TIMESHEET="$<TARGET_FILE:timesheet>" FURROW_TEST_HARVEST="$<TARGET_FILE:harvest>" FURROW_TEST_PAYROLL="$<TARGET_FILE:payroll>"
  FURROW_TEST_RULES="${PROJECT_SOURCE_DIR}/config/rules/us-ca-agriculture.json" FURROW_TEST_TOOL="$<TARGET_FILE:furrow>" FURROW_TEST_FARM="$<TARGET_FILE:farm>"
  FURROW_TEST_MESH_SH="${PROJECT_SOURCE_DIR}/config/dev/mesh.sh")
add_dependencies(furrow_test_farm ${FURROW_SERVICES} farm furrow)
list(TRANSFORM FURROW_SERVICES PREPEND furrow_proto_ OUTPUT_VARIABLE contracts)
furrow_integration_test(test_provision_wait furrow_test_farm)
furrow_integration_test(test_farm furrow_test_farm ${contracts})
# The README's samples in C.
foreach(name threads loop)
  add_executable(sample_${name} conformance/c/${name}.c)
  target_link_libraries(sample_${name} PRIVATE furrow_proto_employee_client)
endforeach()
furrow_integration_test(test_samples furrow_test_farm)
target_compile_definitions(test_samples PRIVATE
  FURROW_TEST_SAMPLE_THREADS="$<TARGET_FILE:sample_threads>" FURROW_TEST_SAMPLE_LOOP="$<TARGET_FILE:sample_loop>")
add_dependencies(test_samples sample_threads sample_loop)
furrow_integration_test(test_farm_days furrow_test_farm timesheet_domain)
furrow_integration_test(test_farm_clocks furrow_test_farm)
furrow_integration_test(test_farm_harvest furrow_test_farm ${contracts})
furrow_integration_test(test_farm_poison furrow_test_farm)
furrow_integration_test(test_hostile furrow_test_farm ${contracts})
furrow_integration_test(test_states furrow_test_farm ${contracts})
furrow_integration_test(test_rebuild furrow_test_farm)
furrow_integration_test(test_rollout furrow_test_farm)
target_compile_definitions(test_rollout PRIVATE FURROW_TEST_NEXT="$<TARGET_FILE:timesheet_next>")
furrow_integration_test(test_farm_private furrow_test_farm)
furrow_integration_test(test_permissions furrow_test_farm)
furrow_integration_test(test_redis_access furrow_test_farm furrow_store)
furrow_integration_test(test_redis_outage furrow_test_farm)
furrow_integration_test(test_bursts furrow_test_farm)
furrow_integration_test(test_sealkey furrow_test_farm)
target_compile_definitions(test_sealkey PRIVATE FURROW_TEST_EMPLOYEE="$<TARGET_FILE:employee>")
furrow_integration_test(test_dark furrow_test_farm furrow_test_proxy)
furrow_integration_test(test_drain furrow_test_farm furrow_test_proxy)
foreach(name test_dark test_drain)
  target_compile_definitions(${name} PRIVATE FURROW_TEST_LOCATION="$<TARGET_FILE:location>"
    FURROW_TEST_TIMESHEET="$<TARGET_FILE:timesheet>" FURROW_TEST_STALLED_NAMES="$<TARGET_FILE:furrow_test_stalled_names>")
endforeach()
furrow_integration_test(test_forged furrow_test_farm)
furrow_integration_test(test_slow_reader furrow_test_farm)
furrow_integration_test(test_alarms furrow_test_farm)
furrow_integration_test(test_accounts furrow_test_farm)
furrow_integration_test(test_deadletter furrow_test_farm)
furrow_integration_test(test_history furrow_test_farm)
furrow_integration_test(test_traces furrow_test_farm)
furrow_integration_test(test_age furrow_test_farm)
furrow_integration_test(test_import furrow_test_farm)
furrow_integration_test(test_simulate furrow_test_farm)
furrow_integration_test(test_audit furrow_test_farm)
furrow_integration_test(test_auditor furrow_test_farm)
furrow_integration_test(test_erase furrow_test_farm)
add_library(furrow_restore_farm STATIC integration/restore_farm.c)
target_include_directories(furrow_restore_farm PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/integration)
target_link_libraries(furrow_restore_farm PUBLIC furrow_test_farm PkgConfig::CHECK)
furrow_integration_test(test_restore furrow_restore_farm)
furrow_integration_test(test_restore_told furrow_restore_farm)

# What `furrow lineage` tells, against what can be found another way.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_test(NAME unit/samples COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/conformance/c/test_readme.py)
set_tests_properties(unit/samples PROPERTIES LABELS unit TIMEOUT 60)
add_test(NAME integration/test_lineage COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_lineage.py ${PROJECT_BINARY_DIR})
set_tests_properties(integration/test_lineage PROPERTIES LABELS integration TIMEOUT 600)
furrow_integration_test(test_lineage_odd furrow_test_farm)
target_compile_definitions(test_lineage_odd PRIVATE FURROW_TEST_TOOL="$<TARGET_FILE:furrow>")

# The chart's copy of the permissions, which nobody remembers to make anew.
add_test(NAME lint/chart-permissions COMMAND sh -c "$<TARGET_FILE:furrow> permissions | diff - ${PROJECT_SOURCE_DIR}/config/helm/furrow/files/permissions.json")
set_tests_properties(lint/chart-permissions PROPERTIES LABELS lint)
furrow_integration_test(test_check furrow_test_farm furrow_wire)
target_sources(test_check PRIVATE ${PROJECT_SOURCE_DIR}/services/cli/peer.c)
target_include_directories(test_check PRIVATE ${PROJECT_SOURCE_DIR}/services)

# A service of which only the decisions were written, for commands that the farm does not have.
set(FURROW_PROTO_ROOT ${CMAKE_CURRENT_SOURCE_DIR}/integration/orchard)
set(FURROW_PROTO_OUT ${CMAKE_CURRENT_BINARY_DIR}/orchard_proto)
furrow_service(orchard PROTO orchard/v1/orchard.proto SOURCES integration/orchard/orchard.c integration/orchard/startup.c)
unset(FURROW_PROTO_ROOT)
unset(FURROW_PROTO_OUT)
furrow_integration_test(test_command orchard_proto_client furrow_test_mesh furrow_test_support)
target_compile_definitions(test_command PRIVATE FURROW_TEST_TOOL="$<TARGET_FILE:furrow>" FURROW_TEST_ORCHARD="$<TARGET_FILE:orchard>"
  FURROW_TEST_ORCHARD_CONTRACTS="$<TARGET_FILE:orchard_proto_contracts>")
add_dependencies(test_command furrow orchard orchard_proto_contracts)
foreach(name test_farm_clocks test_check)
  target_compile_definitions(${name} PRIVATE FURROW_TEST_SHIFTED_CLOCK="$<TARGET_FILE:furrow_test_shifted_clock>")
  add_dependencies(${name} furrow_test_shifted_clock)
endforeach()

# Payroll, what is pure of it: rules, rates, worked examples.
add_library(furrow_test_payroll STATIC unit/payroll_example.c)
target_link_libraries(furrow_test_payroll PUBLIC payroll_domain)
target_compile_definitions(furrow_test_payroll PRIVATE FURROW_TEST_RULES="${PROJECT_SOURCE_DIR}/config/rules/us-ca-agriculture.json")
target_link_libraries(test_payroll_domain PRIVATE furrow_test_payroll)
foreach(name examples rules)
  furrow_unit_test(test_payroll_${name} furrow_test_payroll)
endforeach()
# Every cent again, by another program.
add_executable(payroll_weeks unit/payroll_weeks.c)
target_link_libraries(payroll_weeks PRIVATE payroll_domain)
add_test(NAME unit/payroll_recomputed
         COMMAND unit/payroll/recompute.py $<TARGET_FILE:payroll_weeks>
                 ${PROJECT_SOURCE_DIR}/config/rules/us-ca-agriculture.json 7 300
         WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
set_tests_properties(unit/payroll_recomputed PROPERTIES LABELS unit TIMEOUT 120)
furrow_integration_test(test_payroll furrow_test_mesh furrow_test_support payroll_domain)
target_compile_definitions(test_payroll PRIVATE
  FURROW_TEST_EMPLOYEE="$<TARGET_FILE:employee>" FURROW_TEST_LOCATION="$<TARGET_FILE:location>" FURROW_TEST_JOB="$<TARGET_FILE:job>"
  FURROW_TEST_TIMESHEET="$<TARGET_FILE:timesheet>" FURROW_TEST_HARVEST="$<TARGET_FILE:harvest>"
  FURROW_TEST_PAYROLL="$<TARGET_FILE:payroll>" FURROW_TEST_TOOL="$<TARGET_FILE:furrow>"
  FURROW_TEST_RULES="${PROJECT_SOURCE_DIR}/config/rules/us-ca-agriculture.json")
add_dependencies(test_payroll ${FURROW_SERVICES} furrow)
# What it looks for no sanitizer finds, and it takes a while.
if(NOT FURROW_SANITIZE)
  add_test(NAME integration/test_season COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_season.py ${PROJECT_BINARY_DIR}
           ${PROJECT_SOURCE_DIR}/config/rules/us-ca-agriculture.json $<TARGET_FILE:furrow_test_shifted_clock>)
  set_tests_properties(integration/test_season PROPERTIES LABELS integration TIMEOUT 600)
endif()
add_test(NAME unit/payroll_schema COMMAND unit/payroll/schema.py ${PROJECT_SOURCE_DIR}/config/rules
         WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
set_tests_properties(unit/payroll_schema PROPERTIES LABELS unit TIMEOUT 60)

# What `cmake --install` gives, in three components:
#   runtime   the services, their contracts, a sample of rules of pay, the tool and the farm's own program
#   manual    man pages and completions of both
#   sdk       libfurrow.a (all layers), libfurrow_test.a (the kit for tests), headers in include/furrow, protoc-gen-furrow, contracts, CMake package, pkg-config file
# Needs every target of common/ and services/.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# One archive of all layers: the layer law is for who works on them, not for who uses them.
set(FURROW_LAYERS furrow_base furrow_wkt furrow_wire furrow_link furrow_store furrow_rpc furrow_log furrow_replica
                  furrow_runtime)
set(FURROW_TEST_HEADERS mesh process servers tempdir wait)
list(TRANSFORM FURROW_LAYERS REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE objects)
add_library(furrow_sdk STATIC ${objects})
set_target_properties(furrow_sdk PROPERTIES OUTPUT_NAME furrow LINKER_LANGUAGE C)
install(TARGETS furrow_sdk ARCHIVE COMPONENT sdk)

# The kit for an author's own tests is what ours stand on.
add_library(furrow_sdk_test STATIC $<TARGET_OBJECTS:furrow_test_kit> $<TARGET_OBJECTS:furrow_test_mesh>)
set_target_properties(furrow_sdk_test PROPERTIES OUTPUT_NAME furrow_test LINKER_LANGUAGE C)
install(TARGETS furrow_sdk_test ARCHIVE COMPONENT sdk)
list(TRANSFORM FURROW_TEST_HEADERS REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/tests/support/\\1.h" OUTPUT_VARIABLE headers)
install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/furrow/support COMPONENT sdk)

# Headers that are the manual: each layer's CMakeLists.txt names its own.
foreach(layer base wire link store rpc log replica runtime)
  get_target_property(headers furrow_${layer} HEADER_SET)
  install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/furrow/${layer} COMPONENT sdk)
endforeach()
install(DIRECTORY ${PROJECT_BINARY_DIR}/common/wire/wkt/google ${PROJECT_BINARY_DIR}/common/wire/wkt/furrow DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/furrow COMPONENT sdk
        FILES_MATCHING PATTERN "*.h")

# Contracts: what a service of one's own imports and keeps replicas of.
install(TARGETS protoc-gen-furrow RUNTIME COMPONENT sdk)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/proto/ DESTINATION ${CMAKE_INSTALL_DATADIR}/furrow/proto COMPONENT sdk FILES_MATCHING PATTERN "*.proto")
install(FILES ${PROJECT_SOURCE_DIR}/config/cmake/FurrowProto.cmake ${PROJECT_SOURCE_DIR}/config/cmake/FurrowTest.cmake DESTINATION ${CMAKE_INSTALL_DATADIR}/furrow/cmake COMPONENT sdk)
install(PROGRAMS ${PROJECT_SOURCE_DIR}/config/cmake/protoc.sh DESTINATION ${CMAKE_INSTALL_DATADIR}/furrow/cmake COMPONENT sdk)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/Furrow)
configure_package_config_file(${PROJECT_SOURCE_DIR}/config/cmake/FurrowConfig.cmake.in ${PROJECT_BINARY_DIR}/FurrowConfig.cmake
                              INSTALL_DESTINATION ${package} PATH_VARS CMAKE_INSTALL_BINDIR CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_DATADIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/FurrowConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/FurrowConfig.cmake ${PROJECT_BINARY_DIR}/FurrowConfigVersion.cmake DESTINATION ${package} COMPONENT sdk)

file(RELATIVE_PATH FURROW_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${PROJECT_SOURCE_DIR}/config/cmake/furrow.pc.in ${PROJECT_BINARY_DIR}/furrow.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/furrow.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sdk)

install(TARGETS ${FURROW_SERVICES} farm furrow RUNTIME COMPONENT runtime)
install(FILES ${PROJECT_BINARY_DIR}/services/farm/furrow-import ${PROJECT_BINARY_DIR}/services/farm/furrow-seed
        DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
foreach(service IN LISTS FURROW_SERVICES)
  install(TARGETS furrow_proto_${service}_contracts LIBRARY DESTINATION lib/furrow/contracts COMPONENT runtime)
endforeach()

# What payroll may be told to pay by, and the shape of such a file.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/config/rules/ DESTINATION ${CMAKE_INSTALL_DATADIR}/furrow/rules COMPONENT runtime)

# Made beside each program with commands, from its table of them.
function(install_manual program folder)
  set(manual ${PROJECT_BINARY_DIR}/services/${folder}/manual)
  install(DIRECTORY ${manual}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT manual FILES_MATCHING PATTERN "*.1")
  install(FILES ${manual}/${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT manual)
  install(FILES ${manual}/_${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT manual)
endfunction()
install_manual(furrow cli)
install_manual(farm farm)

# All of it, for who builds no more than that before he installs.
add_custom_target(installed DEPENDS ${FURROW_SERVICES} farm furrow furrow_sdk furrow_sdk_test protoc-gen-furrow)

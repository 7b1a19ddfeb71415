# furrow_service: a contract and what its author writes become a program, complete with definition and main.
#
#   furrow_service(picking PROTO picking/v1/picking.proto SOURCES picking.c [DOMAIN rules.c] [PROTO_TARGET picking_proto] [VERSION 1.0.0])
#
# DOMAIN: the pure functions, of which picking_domain is made too, for tests. PROTO_TARGET is made of PROTO, with SERVER and CONTRACTS,
# unless it is there; so are the libraries of what PROTO imports. VERSION: the project's. A method, a check, a reaction or a startup that the contract promises and SOURCES lack is an error of the linker.
#
# furrow_proto: a .proto becomes libraries. Runs protoc with protoc-gen-c and protoc-gen-furrow at build time.
#
#   furrow_proto(TARGET furrow_proto_employee PROTOS employee/v1/employee.proto [SERVER] [CONTRACTS])
#
#   furrow_proto_employee         messages and contract    employee/v1/employee.pb-c.h, .furrow.h    links furrow_wire
#   furrow_proto_employee_client  typed calls              employee/v1/employee.client.h             links furrow_rpc
#   furrow_proto_employee_server  with SERVER: the handler table; its user implements what .server.h declares
#   furrow_proto_employee_contracts  with CONTRACTS: a shared object for `furrow --contracts FILE`, with the contracts of PROTOS
#
# PROTOS are relative to FURROW_PROTO_ROOT. What they import from there is generated too, and linked when it has a library of
# its own, so call furrow_proto for imported files first. A project outside of this tree sets the variables below before it
# includes this file.
include_guard(GLOBAL)

set(FURROW_PROTO_HOME ${CMAKE_CURRENT_LIST_DIR})
if(NOT FURROW_PROTO_ROOT) # where the project's own .proto files are
  set(FURROW_PROTO_ROOT ${PROJECT_SOURCE_DIR}/proto)
endif()
if(NOT FURROW_PROTO_IMPORTS) # where furrow/v1/options.proto and foreign contracts are; a list
  find_path(FURROW_PROTO_IMPORTS furrow/v1/options.proto NO_CACHE NO_DEFAULT_PATH REQUIRED
            PATHS ${CMAKE_CURRENT_LIST_DIR}/../proto # installed: share/furrow/{cmake,proto}
                  ${CMAKE_CURRENT_LIST_DIR}/../../proto)
endif()
if(NOT FURROW_PROTO_OUT) # where generated code goes, and its include directory
  set(FURROW_PROTO_OUT ${PROJECT_BINARY_DIR}/proto)
endif()
if(NOT FURROW_PROTO_WIRE) # what generated messages, and generated clients and servers, link
  set(FURROW_PROTO_WIRE furrow_wire)
  set(FURROW_PROTO_RPC furrow_rpc)
  set(FURROW_PROTO_RUNTIME furrow_runtime)
endif()
if(NOT FURROW_PROTOC_PLUGIN) # path of protoc-gen-furrow, or the target that is
  set(FURROW_PROTOC_PLUGIN protoc-gen-furrow)
endif()
find_program(PROTOC protoc REQUIRED)
find_program(PROTOC_GEN_C protoc-gen-c REQUIRED)
find_path(FURROW_PROTOBUF_INCLUDE google/protobuf/descriptor.proto REQUIRED)

# Sets @out to the name of the target that generates @proto.
function(furrow_proto_step proto out)
  string(REGEX REPLACE "\\.proto$" "" stem ${proto})
  string(MAKE_C_IDENTIFIER furrow_generate_${stem} name)
  set(${out} ${name} PARENT_SCOPE)
endfunction()

# Sets @out to the files that a .proto becomes, each of which begins with @stem.
function(furrow_proto_outputs stem out)
  set(outputs)
  foreach(kind client descriptor domain furrow pb-c server) # in order: ninja wants the first to be the first of protoc's list
    list(APPEND outputs ${stem}.${kind}.c ${stem}.${kind}.h)
  endforeach()
  set(${out} ${outputs} ${stem}.access.h ${stem}.main.c PARENT_SCOPE)
endfunction()

# Sets @out to the path of @proto in the first directory that has it.
function(furrow_proto_find proto out)
  foreach(dir IN LISTS FURROW_PROTO_ROOT FURROW_PROTO_IMPORTS)
    if(EXISTS ${dir}/${proto})
      set(${out} ${dir}/${proto} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "${proto} is neither in ${FURROW_PROTO_ROOT} nor in ${FURROW_PROTO_IMPORTS}")
endfunction()

# Sets @out to what the file at @path imports, without Google's, whose C is furrow_wkt's.
function(furrow_proto_imports path out)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  set(found)
  file(STRINGS ${path} lines REGEX "^import .*\"")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE ".*\"([^\"]+)\".*" "\\1" import ${line})
    if(NOT import MATCHES "^google/")
      list(APPEND found ${import})
    endif()
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# The C headers of the options: every file that imports options.proto includes them, none links their code.
function(furrow_proto_generate_options)
  string(REPLACE options.proto validate.proto rules ${path})
  add_custom_command(
    OUTPUT ${FURROW_PROTO_OUT}/furrow/v1/options.pb-c.h ${FURROW_PROTO_OUT}/furrow/v1/validate.pb-c.h
    COMMAND ${PROTOC} --plugin=protoc-gen-c=${PROTOC_GEN_C} ${ARGN} --c_out=${FURROW_PROTO_OUT} furrow/v1/options.proto
            furrow/v1/validate.proto
    DEPENDS ${path} ${rules}
    COMMENT "Generating C from furrow/v1/options.proto"
    VERBATIM)
  add_custom_target(furrow_generate_furrow_v1_options DEPENDS ${FURROW_PROTO_OUT}/furrow/v1/options.pb-c.h)
  set_property(TARGET furrow_generate_furrow_v1_options PROPERTY FURROW_PROTO_INCLUDES ${FURROW_PROTO_OUT})
endfunction()

# Makes, once, the command and the target that generate @proto, and those of what it imports. The target's property
# FURROW_PROTO_INCLUDES says where its headers and those they include are.
function(furrow_proto_generate proto)
  furrow_proto_step(${proto} step)
  if(TARGET ${step})
    return()
  endif()
  file(MAKE_DIRECTORY ${FURROW_PROTO_OUT})
  set(roots)
  foreach(dir IN LISTS FURROW_PROTO_ROOT FURROW_PROTO_IMPORTS FURROW_PROTOBUF_INCLUDE)
    cmake_path(NORMAL_PATH dir)
    list(APPEND roots -I${dir})
  endforeach()
  list(REMOVE_DUPLICATES roots)
  furrow_proto_find(${proto} path)
  if(proto STREQUAL furrow/v1/options.proto)
    furrow_proto_generate_options(${roots})
    return()
  endif()
  furrow_proto_imports(${path} imports)
  set(plugin ${FURROW_PROTOC_PLUGIN})
  if(TARGET ${plugin})
    set(plugin $<TARGET_FILE:${plugin}>)
  endif()
  string(REGEX REPLACE "\\.proto$" "" stem ${FURROW_PROTO_OUT}/${proto})
  furrow_proto_outputs(${stem} outputs)
  # Ours before protoc-gen-c: its refusals say what to do.
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${FURROW_PROTO_HOME}/protoc.sh ${path} ${PROTOC} --plugin=protoc-gen-furrow=${plugin} --plugin=protoc-gen-c=${PROTOC_GEN_C} ${roots}
            --furrow_out=${FURROW_PROTO_OUT} --c_out=${FURROW_PROTO_OUT} --dependency_out=${stem}.d ${proto}
    DEPENDS ${path} ${FURROW_PROTOC_PLUGIN} ${FURROW_PROTO_HOME}/protoc.sh
    DEPFILE ${stem}.d
    COMMENT "Generating C from ${proto}"
    VERBATIM)
  add_custom_target(${step} DEPENDS ${outputs})
  set(includes ${FURROW_PROTO_OUT})
  foreach(import IN LISTS imports)
    furrow_proto_generate(${import})
    furrow_proto_step(${import} import_step)
    add_dependencies(${step} ${import_step})
    get_property(import_includes TARGET ${import_step} PROPERTY FURROW_PROTO_INCLUDES)
    list(APPEND includes ${import_includes})
  endforeach()
  list(REMOVE_DUPLICATES includes)
  set_property(TARGET ${step} PROPERTY FURROW_PROTO_INCLUDES ${includes})
endfunction()

# Sets @out to the libraries of what @proto imports; one that has none is only included.
function(furrow_proto_libraries proto out)
  set(found)
  furrow_proto_find(${proto} path)
  furrow_proto_imports(${path} imports)
  foreach(import IN LISTS imports)
    get_property(library GLOBAL PROPERTY FURROW_PROTO_LIBRARY_${import})
    list(APPEND found ${library})
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# A module that tells the furrow tool of contracts: @target_contracts.so, of @target.
function(furrow_proto_contracts target)
  set(includes)
  set(tables)
  foreach(proto IN LISTS ARGN)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    string(MAKE_C_IDENTIFIER ${stem} name)
    string(APPEND includes "#include \"${stem}.furrow.h\"\n")
    string(APPEND tables "&${name}_file, ")
  endforeach()
  file(CONFIGURE OUTPUT ${FURROW_PROTO_OUT}/${target}_contracts.c @ONLY
       CONTENT "@includes@#pragma GCC visibility push(default)
const int furrow_contract_layout = FURROW_CONTRACT_LAYOUT;
const furrow_file_contract *const furrow_contracts[] = {@tables@0};
")
  add_library(${target}_contracts MODULE ${FURROW_PROTO_OUT}/${target}_contracts.c)
  set_target_properties(${target}_contracts PROPERTIES PREFIX "")
  target_link_libraries(${target}_contracts PRIVATE ${target})
endfunction()

function(furrow_proto)
  cmake_parse_arguments(arg "SERVER;CONTRACTS" "TARGET" "PROTOS" ${ARGN})
  if(NOT arg_TARGET OR NOT arg_PROTOS OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "furrow_proto(TARGET <library> PROTOS <files> [SERVER] [CONTRACTS])")
  endif()
  foreach(list steps includes libraries stems)
    set(${list})
  endforeach()
  foreach(proto IN LISTS arg_PROTOS)
    furrow_proto_generate(${proto})
    furrow_proto_step(${proto} step)
    list(APPEND steps ${step})
    get_property(step_includes TARGET ${step} PROPERTY FURROW_PROTO_INCLUDES)
    list(APPEND includes ${step_includes})
    furrow_proto_libraries(${proto} imported)
    list(APPEND libraries ${imported})
    string(REGEX REPLACE "\\.proto$" "" stem ${FURROW_PROTO_OUT}/${proto})
    list(APPEND stems ${stem})
    set_property(GLOBAL PROPERTY FURROW_PROTO_LIBRARY_${proto} ${arg_TARGET})
  endforeach()
  list(REMOVE_ITEM libraries ${arg_TARGET})

  # A system directory: what protoc-gen-c writes is not ours to warn about. Our own sources are compiled with all warnings.
  list(TRANSFORM stems APPEND .furrow.c OUTPUT_VARIABLE sources)
  list(TRANSFORM stems APPEND .descriptor.c OUTPUT_VARIABLE descriptors)
  add_library(${arg_TARGET} STATIC ${sources} ${descriptors})
  set_target_properties(${arg_TARGET} PROPERTIES POSITION_INDEPENDENT_CODE ON) # for contracts, of it or of who imports it
  target_include_directories(${arg_TARGET} SYSTEM PUBLIC ${includes})
  target_link_libraries(${arg_TARGET} PUBLIC ${FURROW_PROTO_WIRE} ${libraries})
  add_dependencies(${arg_TARGET} ${steps})
  list(TRANSFORM stems APPEND .client.c OUTPUT_VARIABLE clients)
  add_library(${arg_TARGET}_client STATIC ${clients})
  target_link_libraries(${arg_TARGET}_client PUBLIC ${arg_TARGET} ${FURROW_PROTO_RPC})
  add_dependencies(${arg_TARGET}_client ${steps})
  if(arg_SERVER)
    list(TRANSFORM stems APPEND .server.c OUTPUT_VARIABLE sources)
    add_library(${arg_TARGET}_server STATIC ${sources})
    target_link_libraries(${arg_TARGET}_server PUBLIC ${arg_TARGET} ${FURROW_PROTO_RUNTIME})
    add_dependencies(${arg_TARGET}_server ${steps})
  endif()
  if(arg_CONTRACTS)
    furrow_proto_contracts(${arg_TARGET} ${arg_PROTOS})
  endif()
endfunction()

# Makes libraries of what @proto imports, and of what that imports, where there are none.
function(furrow_service_imports proto)
  furrow_proto_find(${proto} path)
  furrow_proto_imports(${path} imports)
  list(REMOVE_ITEM imports furrow/v1/options.proto)
  foreach(import IN LISTS imports)
    furrow_service_imports(${import})
    get_property(library GLOBAL PROPERTY FURROW_PROTO_LIBRARY_${import})
    if(NOT library)
      string(MAKE_C_IDENTIFIER ${import} name)
      furrow_proto(TARGET ${name} PROTOS ${import})
    endif()
  endforeach()
endfunction()

function(furrow_service name)
  cmake_parse_arguments(arg "" "PROTO;PROTO_TARGET;VERSION" "SOURCES;DOMAIN" ${ARGN})
  if(NOT arg_PROTO OR NOT (arg_SOURCES OR arg_DOMAIN) OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "furrow_service(<program> PROTO <file> [SOURCES <files>] [DOMAIN <files>] [PROTO_TARGET <library>] [VERSION <version>])")
  endif()
  if(NOT arg_PROTO_TARGET)
    set(arg_PROTO_TARGET ${name}_proto)
  endif()
  if(NOT arg_VERSION)
    set(arg_VERSION ${PROJECT_VERSION})
  endif()
  if(NOT TARGET ${arg_PROTO_TARGET})
    furrow_service_imports(${arg_PROTO})
    furrow_proto(TARGET ${arg_PROTO_TARGET} PROTOS ${arg_PROTO} SERVER CONTRACTS)
  endif()
  string(REGEX REPLACE "\\.proto$" "" stem ${FURROW_PROTO_OUT}/${arg_PROTO})
  set_source_files_properties(${stem}.main.c ${stem}.domain.c PROPERTIES GENERATED TRUE)
  furrow_proto_step(${arg_PROTO} step)
  add_library(${name}_domain STATIC ${stem}.domain.c ${arg_DOMAIN})
  target_link_libraries(${name}_domain PUBLIC ${arg_PROTO_TARGET} ${FURROW_PROTO_RUNTIME})
  add_executable(${name} ${stem}.main.c ${arg_SOURCES})
  add_dependencies(${name}_domain ${step})
  add_dependencies(${name} ${step})
  if(arg_VERSION)
    target_compile_definitions(${name} PRIVATE FURROW_SERVICE_VERSION="${arg_VERSION}")
  endif()
  target_link_libraries(${name} PRIVATE ${arg_PROTO_TARGET}_server ${name}_domain)
endfunction()

# FURROW_SERVICES: the services of the farm, of services/list.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/services/list)
file(STRINGS ${PROJECT_SOURCE_DIR}/services/list FURROW_SERVICES REGEX "^[a-z]")

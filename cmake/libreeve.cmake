# libreeve as others see it: one shared and one static library out of the rooms of this tree that
# the two public sides (client, handler) need, the headers, and the files by which pkg-config and
# find_package find them. Programs of this tree do not use it: they link the rooms they need.

# Our static libraries that `targets` are made of, each once.
function(reeve_rooms out)
    set(found)
    set(todo ${ARGN})
    while(todo)
        list(POP_FRONT todo target)
        if(NOT TARGET ${target} OR target IN_LIST found)
            continue()
        endif()
        get_target_property(type ${target} TYPE)
        if(NOT type STREQUAL STATIC_LIBRARY)
            continue()
        endif()
        list(APPEND found ${target})
        get_target_property(more ${target} LINK_LIBRARIES)
        if(more)
            list(APPEND todo ${more})
        endif()
    endwhile()
    set(${out} ${found} PARENT_SCOPE)
endfunction()

reeve_rooms(rooms reeve_client reeve_sdk)
list(TRANSFORM rooms REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE objects)

set(libreeve_headers
    ${PROJECT_SOURCE_DIR}/common/include/reeve/value.h
    ${PROJECT_SOURCE_DIR}/producer/client/include/reeve/client.h
    ${PROJECT_SOURCE_DIR}/consumer/sdk/include/reeve/handler.h)
set(libreeve_needs PkgConfig::ZMQ PkgConfig::JANSSON PkgConfig::MSGPACK Threads::Threads m)

add_library(libreeve_shared SHARED ${objects})
target_link_libraries(libreeve_shared PRIVATE ${libreeve_needs})
target_link_options(libreeve_shared PRIVATE
                    -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/libreeve.map -Wl,--as-needed)
set_target_properties(libreeve_shared PROPERTIES
    OUTPUT_NAME reeve EXPORT_NAME reeve LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION} SOVERSION 0
    LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/libreeve.map)
target_include_directories(libreeve_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

add_library(libreeve_static STATIC ${objects})
set_target_properties(libreeve_static PROPERTIES OUTPUT_NAME reeve LINKER_LANGUAGE C)
# What the compiler noted for optimising at link time only this very compiler can read.
add_custom_command(TARGET libreeve_static POST_BUILD COMMAND ${CMAKE_OBJCOPY} --wildcard --remove-section=.gnu.lto_*
                   --remove-section=.gnu.debuglto_* $<TARGET_FILE:libreeve_static> VERBATIM)

install(TARGETS libreeve_shared EXPORT reeve
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT dev)
install(TARGETS libreeve_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(FILES ${libreeve_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/reeve COMPONENT dev)

# pkg-config; --static adds what the archive needs. The prefix is told from where the file lies, so
# that an install may be moved.
file(RELATIVE_PATH libreeve_prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" libreeve_prefix_from_pc ${libreeve_prefix_from_pc})
configure_file(${CMAKE_CURRENT_LIST_DIR}/reeve.pc.in ${CMAKE_BINARY_DIR}/package/reeve.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/package/reeve.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

# find_package(reeve): the target reeve::reeve.
include(CMakePackageConfigHelpers)
set(libreeve_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/reeve)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/reeveConfig.cmake.in
                              ${CMAKE_BINARY_DIR}/package/reeveConfig.cmake
                              INSTALL_DESTINATION ${libreeve_cmake_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/reeveConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(EXPORT reeve NAMESPACE reeve:: FILE reeveTargets.cmake
        DESTINATION ${libreeve_cmake_dir} COMPONENT dev)
install(FILES ${CMAKE_BINARY_DIR}/package/reeveConfig.cmake
              ${CMAKE_BINARY_DIR}/package/reeveConfigVersion.cmake
        DESTINATION ${libreeve_cmake_dir} COMPONENT dev)

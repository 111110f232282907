# Debian packages, by cpack -G DEB: a component of the install rules is a package. deploy/package.sh
# configures the build for it.

set(CPACK_PACKAGE_VENDOR Reeve)
set(CPACK_PACKAGE_CONTACT "Reeve maintainers <maintainers@reeve.example>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1) # as in deploy/debian/changelog
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENTS_ALL)

set(debian ${PROJECT_SOURCE_DIR}/deploy/debian)
set(packed ${CMAKE_BINARY_DIR}/debian)
file(MAKE_DIRECTORY ${packed})
execute_process(COMMAND gzip -9nc ${debian}/changelog OUTPUT_FILE ${packed}/changelog.Debian.gz
                COMMAND_ERROR_IS_FATAL ANY)

# reeve_package(COMPONENT NAME SECTION SUMMARY DESCRIPTION [KEY VALUE]...): KEY is one of cpack's, as
# DEPENDS. Maintainer scripts are deploy/debian/NAME.postinst and so on.
function(reeve_package component name section summary description)
    string(TOUPPER ${component} upper)
    set(prefix CPACK_DEBIAN_${upper})
    set(scripts)
    foreach(script postinst prerm postrm triggers conffiles)
        if(EXISTS ${debian}/${name}.${script})
            configure_file(${debian}/${name}.${script} ${packed}/${component}/${script} COPYONLY)
            list(APPEND scripts ${packed}/${component}/${script})
        endif()
    endforeach()
    install(FILES ${debian}/copyright ${packed}/changelog.Debian.gz DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name}
            COMPONENT ${component})
    if(EXISTS ${debian}/${name}.lintian)
        install(FILES ${debian}/${name}.lintian DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides
                RENAME ${name} COMPONENT ${component})
    endif()
    list(APPEND CPACK_COMPONENTS_ALL ${component})
    set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} PARENT_SCOPE)
    set(CPACK_COMPONENT_${upper}_DESCRIPTION "${summary}\n${description}" PARENT_SCOPE)
    set(${prefix}_DESCRIPTION "${summary}\n${description}" PARENT_SCOPE)
    set(${prefix}_PACKAGE_NAME ${name} PARENT_SCOPE)
    set(${prefix}_PACKAGE_SECTION ${section} PARENT_SCOPE)
    set(${prefix}_PACKAGE_CONTROL_EXTRA "${scripts}" PARENT_SCOPE)
    while(ARGN)
        list(POP_FRONT ARGN key value)
        set(${prefix}_PACKAGE_${key} "${value}" PARENT_SCOPE)
    endwhile()
endfunction()

set(same "(= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")
set(farm "Reeve hands out jobs: one broker, any number of workers on any number of
hosts, and live updates for whoever watches.")

reeve_package(common reeve-common admin "job farm: users, folders and documents of its services"
"${farm}

This package makes the users and folders of the services, and has the runbook,
the protocol, guides, alert rules, a dashboard and manifests."
ARCHITECTURE all
DEPENDS "systemd | systemd-standalone-sysusers | systemd-sysusers, systemd | systemd-standalone-tmpfiles | systemd-tmpfiles")
reeve_package(broker reeve-broker net "job farm: the broker"
"${farm}

This package has the broker: it keeps jobs in a store and decides who gets
which."
DEPENDS "reeve-common ${same}" RECOMMENDS "reeve-tools ${same}")
reeve_package(worker reeve-worker net "job farm: a worker and its handler programs"
"${farm}

This package has the worker, which runs jobs in handler processes, and the
handlers that come with it: arithmetic, optimisation, sentiment, prices."
DEPENDS "reeve-common ${same}" RECOMMENDS "python3-reeve ${same}")
reeve_package(gateway reeve-gateway net "job farm: web page, HTTP API and metrics"
"${farm}

This package has the gateway: a page that shows the farm live, an HTTP API,
metrics for Prometheus, and doors for clients that speak gRPC or plain text."
DEPENDS "reeve-common ${same}")
reeve_package(tools reeve-tools utils "job farm: the command line"
"${farm}

This package has reeve, which hands in jobs, watches and steers a farm, and
starts one on this host; and programs that measure a farm and load it."
DEPENDS "reeve-common ${same}"
RECOMMENDS "reeve-broker ${same}, reeve-worker ${same}, reeve-gateway ${same}")
reeve_package(python python3-reeve python "job farm: handlers and clients in Python"
"${farm}

This package lets workers run handlers written in Python, and Python programs
hand in jobs, wait for them and watch them."
DEPENDS "python3 (>= 3.11), python3-msgpack, python3-zmq" RECOMMENDS "reeve-worker ${same}")
reeve_package(library libreeve0 libs "job farm: library for clients and handlers"
"${farm}

This package has the shared library.")
reeve_package(dev libreeve-dev libdevel "job farm: files to build clients and handlers with"
"${farm}

This package has the headers, the static library, and what pkg-config and CMake
read."
DEPENDS "libreeve0 ${same}, libzmq3-dev, libjansson-dev, libmsgpack-dev")

# What an administrator changes. A file of the system, which is not below the prefix.
install(FILES ${PROJECT_SOURCE_DIR}/deploy/reeve.conf.sample DESTINATION ../etc/reeve RENAME reeve.conf
        COMPONENT common)

# A module of the system's Python is what a worker starts.
install(CODE "
    set(modules \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/python3/dist-packages)
    file(MAKE_DIRECTORY \${modules})
    file(CREATE_LINK ../../../${CMAKE_INSTALL_LIBEXECDIR}/reeve-python/reeve \${modules}/reeve SYMBOLIC)"
        COMPONENT python)

include(CPack)

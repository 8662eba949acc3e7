# `cmake --install`: headers, libraries, pkg-config file, CMake package, command, manual page. The result may be moved.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/genai-live)
install(DIRECTORY include/genai DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
foreach(library shared static)
  install(TARGETS genai_${library} EXPORT genai-live-${library}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT genai-live-${library} NAMESPACE genai-live:: DESTINATION ${package_dir})
endforeach()

file(RELATIVE_PATH GENAI_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" GENAI_PC_PREFIX "${GENAI_PC_PREFIX}")
configure_file(cmake/genai-live.pc.in genai-live.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/genai-live.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

configure_package_config_file(cmake/genai-live-config.cmake.in genai-live-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(genai-live-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/genai-live-config.cmake ${PROJECT_BINARY_DIR}/genai-live-config-version.cmake
  DESTINATION ${package_dir})

if(TARGET genai-live)
  install(TARGETS genai-live RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/docs/man/genai-live.1)
  install(FILES docs/man/genai-live.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

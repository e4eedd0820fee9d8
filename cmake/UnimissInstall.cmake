# What `cmake --install` puts where, and the package that find_package(unimiss)
# reads: the static libraries unimiss::<folder>, their headers, the programs.
include(CMakePackageConfigHelpers)

get_property(_libraries GLOBAL PROPERTY UNIMISS_LIBRARIES)
get_property(_programs GLOBAL PROPERTY UNIMISS_PROGRAMS)
set(_package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/unimiss)

install(TARGETS ${_libraries} EXPORT unimissTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT unimissTargets NAMESPACE unimiss::
  DESTINATION ${_package_directory})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/unimiss
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(_programs)
  # Programs find LibTorch where the build found it. CMake's own path leaves out
  # folders of the checkout, where the scripts put it.
  set_target_properties(${_programs} PROPERTIES
    INSTALL_RPATH ${TORCH_ROOT}/lib INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS ${_programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# The imported targets of ITK are made per module: name those src/io asked for.
get_directory_property(_itk_modules DIRECTORY ${PROJECT_SOURCE_DIR}/src/io
  DEFINITION ITK_MODULES_REQUESTED)
list(JOIN _itk_modules " " UNIMISS_ITK_MODULES)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/unimissConfig.cmake.in
  ${PROJECT_BINARY_DIR}/unimissConfig.cmake
  INSTALL_DESTINATION ${_package_directory})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/unimissConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/unimissConfig.cmake
  ${PROJECT_BINARY_DIR}/unimissConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/UnimissTorch.cmake
  DESTINATION ${_package_directory})

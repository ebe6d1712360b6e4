# Headers, the CMake package and a pkg-config file. Nothing here depends on the architecture or on the prefix.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/stomp")
set(_pkgconfig_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")

install(TARGETS stomp EXPORT stompTargets FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT stompTargets NAMESPACE stomp:: DESTINATION "${_package_dir}")

configure_package_config_file(
    "${CMAKE_CURRENT_LIST_DIR}/stompConfig.cmake.in"
    "${PROJECT_BINARY_DIR}/stompConfig.cmake"
    INSTALL_DESTINATION "${_package_dir}"
    NO_SET_AND_CHECK_MACRO
)
# Before 1.0 a minor version may break; from 1.0 on this becomes SameMajorVersion.
write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/stompConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion
    ARCH_INDEPENDENT
)
install(
    FILES "${PROJECT_BINARY_DIR}/stompConfig.cmake" "${PROJECT_BINARY_DIR}/stompConfigVersion.cmake"
    DESTINATION "${_package_dir}"
)

# pkg-config finds the prefix from where the file lies, so the tree can be moved.
file(RELATIVE_PATH _to_prefix "/prefix/${_pkgconfig_dir}" "/prefix")
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(STOMP_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
else()
    set(STOMP_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
set(STOMP_PC_PREFIX "\${pcfiledir}/${_to_prefix}")
configure_file("${CMAKE_CURRENT_LIST_DIR}/stomp.pc.in" "${PROJECT_BINARY_DIR}/stomp.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/stomp.pc" DESTINATION "${_pkgconfig_dir}")

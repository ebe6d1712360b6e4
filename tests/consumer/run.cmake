# Builds one consumer from nothing and runs it:
# cmake -D WAY=<folder> -D SOURCE=<project> -D WORK=<scratch> -D VERSION=<expected> -D COMPILER=… -D GENERATOR=… -P run.cmake
function(step)
    execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT result EQUAL 0)
        list(JOIN ARGV " " command)
        message(FATAL_ERROR "${command}\nfailed: ${result}\n${output}")
    endif()
    set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")
set(toolchain -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}" -DCMAKE_BUILD_TYPE=Debug)
# What the environment adds must not leak into a consumer that checks for added flags.
unset(ENV{CXXFLAGS})

if(WAY MATCHES "^(find_package|pkg_config)$")
    # Installed, then moved: the package must not remember where it was installed to.
    step("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${WORK}/stomp" ${toolchain} -DSTOMP_BUILD_TESTS=OFF -DSTOMP_BUILD_EXAMPLES=OFF)
    step("${CMAKE_COMMAND}" --install "${WORK}/stomp" --prefix "${WORK}/installed")
    file(RENAME "${WORK}/installed" "${WORK}/prefix")
    set(ENV{PKG_CONFIG_PATH} "${WORK}/prefix/share/pkgconfig")
endif()

step(
    "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/${WAY}" -B "${WORK}/build" ${toolchain}
    "-DSTOMP_SOURCE=${SOURCE}" "-DSTOMP_EXPECTED_VERSION=${VERSION}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix"
)
step("${CMAKE_COMMAND}" --build "${WORK}/build")
find_program(consumer NAMES consumer PATHS "${WORK}/build" "${WORK}/build/Debug" NO_DEFAULT_PATH REQUIRED)
step("${consumer}")
if(NOT output STREQUAL "stomp ${VERSION}\n")
    message(FATAL_ERROR "the program says '${output}', not version ${VERSION}")
endif()

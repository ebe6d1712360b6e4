# How we build our own programs. None of this reaches a user of the library: stomp_dev is private to the tests,
# examples and benchmarks, and exists only when one of these is built.
option(STOMP_WERROR "Treat warnings in our own programs as errors" ${PROJECT_IS_TOP_LEVEL})

include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)

add_library(stomp_dev INTERFACE)
target_link_libraries(stomp_dev INTERFACE stomp::stomp)
if(MSVC)
    target_compile_options(stomp_dev INTERFACE /W4 /permissive- /utf-8 $<$<BOOL:${STOMP_WERROR}>:/WX>)
else()
    target_compile_options(
        stomp_dev
        INTERFACE
            -Wall
            -Wextra
            -Wpedantic
            -Wconversion
            -Wsign-conversion
            -Wshadow
            -Wold-style-cast
            $<$<BOOL:${STOMP_WERROR}>:-Werror>
    )
endif()

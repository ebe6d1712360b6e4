# One dual file: cmake -D CASE=<file> -D INCLUDE=<folder> -D ANY=<compiler> -D CLANG=<compiler or empty> -P run.cmake
file(STRINGS "${CASE}" _lines REGEX "^// [a-z]+: ")
foreach(line IN LISTS _lines)
    if(line MATCHES "^// (compiler|flags|expect): (.*)$")
        set(case_${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
    endif()
endforeach()
if(NOT case_expect OR NOT case_compiler MATCHES "^(any|clang)$")
    message(FATAL_ERROR "${CASE} needs the lines `// compiler: any|clang` and `// expect: <regex>`")
endif()

set(compiler "${ANY}")
if(case_compiler STREQUAL "clang")
    set(compiler "${CLANG}")
    if(NOT compiler)
        message("SKIPPED: no Clang here, and only Clang knows the attribute that makes this an error")
        return()
    endif()
endif()

separate_arguments(flags UNIX_COMMAND "-std=c++20 -fsyntax-only -Wall -Wextra -Werror ${case_flags}")
function(compile)
    execute_process(
        COMMAND "${compiler}" ${flags} "-I${INCLUDE}" ${ARGN} "${CASE}"
        RESULT_VARIABLE result
        OUTPUT_VARIABLE output
        ERROR_VARIABLE output
    )
    set(result "${result}" PARENT_SCOPE)
    set(output "${output}" PARENT_SCOPE)
endfunction()

compile()
if(NOT result EQUAL 0)
    message(FATAL_ERROR "must compile without STOMP_MUST_FAIL:\n${output}")
endif()
compile(-DSTOMP_MUST_FAIL)
if(result EQUAL 0)
    message(FATAL_ERROR "compiles, and must not")
endif()
if(NOT output MATCHES "${case_expect}")
    message(FATAL_ERROR "fails, but not with \"${case_expect}\":\n${output}")
endif()

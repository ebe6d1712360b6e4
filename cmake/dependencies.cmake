# What our own programs need; the library itself needs nothing. An installed package is taken first, and only what is
# missing is downloaded: a fixed commit, so that a moved tag cannot change what is built.
include(FetchContent)

# stomp_dependency(<package> FIND <version>... REPOSITORY <url> TAG <tag> COMMIT <hash> TARGET <its target>)
# FIND lists the versions to ask find_package for, best first. Sets <package>_VERSION.
function(stomp_dependency package)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "REPOSITORY;TAG;COMMIT;TARGET" "FIND")
    foreach(version IN LISTS arg_FIND)
        find_package(${package} ${version} QUIET)
        if(${package}_FOUND)
            message(STATUS "${package} ${${package}_VERSION}: installed")
            set(${package}_VERSION "${${package}_VERSION}" PARENT_SCOPE)
            return()
        endif()
    endforeach()

    message(STATUS "${package}: not installed, fetching ${arg_TAG} from ${arg_REPOSITORY}")
    set(CMAKE_WARN_DEPRECATED OFF)
    FetchContent_Declare(${package} GIT_REPOSITORY ${arg_REPOSITORY} GIT_TAG ${arg_COMMIT})
    FetchContent_MakeAvailable(${package})
    set_target_properties(${arg_TARGET} PROPERTIES SYSTEM ON) # its warnings are not ours
    string(REGEX REPLACE "^v" "" tag "${arg_TAG}")
    set(${package}_VERSION "${tag}" PARENT_SCOPE)
endfunction()

macro(stomp_need_catch2)
    stomp_dependency(
        Catch2
        FIND 3 2.13
        REPOSITORY https://github.com/catchorg/Catch2.git
        TAG v3.7.1
        COMMIT fa43b77429ba76c462b1898d6cd2f2d7a9416b14
        TARGET Catch2
    )
endmacro()

macro(stomp_need_fmt)
    stomp_dependency(
        fmt
        FIND 9
        REPOSITORY https://github.com/fmtlib/fmt.git
        TAG 11.0.2
        COMMIT 0c9fce2ffefecfdce794e1859584e25877b7b592
        TARGET fmt
    )
endmacro()

macro(stomp_need_json)
    stomp_dependency(
        nlohmann_json
        FIND 3.10
        REPOSITORY https://github.com/nlohmann/json.git
        TAG v3.11.3
        COMMIT 9cca280a4d0ccf0c08f47a99aa71d1b0e52f8d03
        TARGET nlohmann_json
    )
endmacro()

macro(stomp_need_benchmark)
    set(BENCHMARK_ENABLE_TESTING OFF)
    set(BENCHMARK_ENABLE_INSTALL OFF)
    stomp_dependency(
        benchmark
        FIND 1.6
        REPOSITORY https://github.com/google/benchmark.git
        TAG v1.9.4
        COMMIT eddb0241389718a23a42db6af5f0164b6e0139af
        TARGET benchmark
    )
endmacro()

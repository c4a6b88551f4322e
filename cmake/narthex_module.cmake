# narthex_module(NAME [SOURCES …] [DEPS …] [LIBS …] [PUBLIC_LIBS …])
#   NAME         a module or an inner part of one: util, tsdb/wal. Makes the static library narthex_<name with _> and
#                the alias narthex::<name with ::>.
#   SOURCES      .cc files, relative to the caller; none = header-only module.
#   DEPS         modules of lower floors whose headers this one includes; they are passed on to who uses this one.
#   LIBS         third-party targets that only the .cc files use.
#   PUBLIC_LIBS  third-party targets that show in the public headers.
#
# Public headers live in include/narthex/<module>/. A target sees only the headers of its own module and of its DEPS:
# every module has an include directory of its own with one link in it, so including a header of a higher floor, or of
# a module that is not named in DEPS, does not compile.

function(_narthex_target out name)
  string(REPLACE "/" "_" flat "${name}")
  set(${out} "narthex_${flat}" PARENT_SCOPE)
endfunction()

function(_narthex_include_view out module)
  set(view "${CMAKE_BINARY_DIR}/include-views/${module}")
  if(NOT EXISTS "${view}/narthex/${module}")
    file(MAKE_DIRECTORY "${view}/narthex")
    file(CREATE_LINK "${CMAKE_SOURCE_DIR}/include/narthex/${module}" "${view}/narthex/${module}" SYMBOLIC)
  endif()
  set(${out} "${view}" PARENT_SCOPE)
endfunction()

function(narthex_module name)
  cmake_parse_arguments(M "" "" "SOURCES;DEPS;LIBS;PUBLIC_LIBS" ${ARGN})
  if(M_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "narthex_module(${name}): unknown arguments ${M_UNPARSED_ARGUMENTS}")
  endif()
  _narthex_target(target "${name}")
  string(REPLACE "/" "::" alias "${name}")
  string(REGEX REPLACE "/.*" "" module "${name}")
  _narthex_include_view(view "${module}")

  if(M_SOURCES)
    add_library(${target} STATIC ${M_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE narthex_warnings ${M_LIBS})
    target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}/src")
    foreach(lib IN LISTS M_LIBS)
      _narthex_system_includes(${target} PRIVATE ${lib})
    endforeach()
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(narthex::${alias} ALIAS ${target})
  target_include_directories(${target} ${scope} "${view}")
  foreach(dep IN LISTS M_DEPS)
    _narthex_target(dep_target "${dep}")
    if(NOT TARGET ${dep_target})
      message(FATAL_ERROR "${name} depends on ${dep}, which is not on a lower floor (see docs/ARCHITECTURE.md)")
    endif()
    target_link_libraries(${target} ${scope} ${dep_target})
  endforeach()
  target_link_libraries(${target} ${scope} ${M_PUBLIC_LIBS})
endfunction()

# Third-party headers must not be judged by our warnings.
function(_narthex_system_includes target scope lib)
  if(TARGET ${lib})
    target_include_directories(${target} SYSTEM ${scope} $<TARGET_PROPERTY:${lib},INTERFACE_INCLUDE_DIRECTORIES>)
  endif()
endfunction()

# narthex_test(NAME SOURCES … DEPS … [LIBS …]): one GoogleTest executable, registered with CTest, part of all_tests.
function(narthex_test name)
  cmake_parse_arguments(T "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_executable(${name} EXCLUDE_FROM_ALL ${T_SOURCES})
  foreach(dep IN LISTS T_DEPS)
    _narthex_target(dep_target "${dep}")
    target_link_libraries(${name} PRIVATE ${dep_target})
  endforeach()
  target_link_libraries(${name} PRIVATE narthex_warnings ${T_LIBS} rapidcheck GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/tests")
  target_compile_definitions(${name} PRIVATE NARTHEX_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES TIMEOUT 900)
  add_dependencies(all_tests ${name})
endfunction()

# narthex_bench(NAME SOURCES … DEPS … [LIBS …]): one Google Benchmark executable, part of all_benches.
function(narthex_bench name)
  cmake_parse_arguments(B "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_executable(${name} EXCLUDE_FROM_ALL ${B_SOURCES})
  foreach(dep IN LISTS B_DEPS)
    _narthex_target(dep_target "${dep}")
    target_link_libraries(${name} PRIVATE ${dep_target})
  endforeach()
  target_link_libraries(${name} PRIVATE narthex_warnings ${B_LIBS} benchmark::benchmark benchmark::benchmark_main)
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/bench")
  add_dependencies(all_benches ${name})
endfunction()

# narthex_fuzz(NAME SOURCES … DEPS …): one libFuzzer executable (preset fuzz, clang).
function(narthex_fuzz name)
  if(NOT NARTHEX_FUZZ)
    return()
  endif()
  cmake_parse_arguments(F "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_executable(${name} ${F_SOURCES})
  foreach(dep IN LISTS F_DEPS)
    _narthex_target(dep_target "${dep}")
    target_link_libraries(${name} PRIVATE ${dep_target})
  endforeach()
  target_link_libraries(${name} PRIVATE ${F_LIBS})
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/src")
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()

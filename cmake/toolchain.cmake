# Compiler launcher, linker and the flags that every target of the project shares.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(NARTHEX_CCACHE ccache)
if(NARTHEX_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${NARTHEX_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${NARTHEX_CCACHE}")
endif()
find_program(NARTHEX_MOLD mold)
if(NARTHEX_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Frame pointers everywhere: profiles of a production binary must have stacks.
add_compile_options(-fno-omit-frame-pointer -fdiagnostics-color=auto)
# Floating point is part of the contract (Kahan sums, results equal to upstream's): never fuse or reassociate.
add_compile_options(-ffp-contract=off)

if(NARTHEX_MARCH)
  add_compile_options("-march=${NARTHEX_MARCH}")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # SSE4.2 and POPCNT, on every x86-64 server since 2009. Wider vectors are chosen at run time where they pay.
  add_compile_options(-march=x86-64-v2)
endif()

if(NARTHEX_SANITIZE)
  string(REPLACE "," "_" sanitize_tag "${NARTHEX_SANITIZE}")
  add_compile_options("-fsanitize=${NARTHEX_SANITIZE}" -fno-sanitize-recover=all)
  add_link_options("-fsanitize=${NARTHEX_SANITIZE}")
  add_compile_definitions(NARTHEX_SANITIZED=1)
endif()

# Debug-only checks (NX_DCHECK) are on in every build type but Release and RelWithDebInfo.
add_compile_definitions("$<$<NOT:$<CONFIG:Release,RelWithDebInfo>>:NARTHEX_DCHECKS=1>")

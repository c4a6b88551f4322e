# Warnings are errors in our own code; third-party headers come in as SYSTEM.
add_library(narthex_warnings INTERFACE)
target_compile_options(narthex_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
# -Wnull-dereference is left to clang-tidy's analyzer: GCC 12 reports it inside Boost's headers once they are inlined.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NARTHEX_SANITIZE)
  # Sanitizers add branches that GCC 12 then misjudges.
  target_compile_options(narthex_warnings INTERFACE -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NARTHEX_SANITIZE MATCHES "thread")
  # Asio has fences, which ThreadSanitizer does not see; what they order, Asio's locks order as well.
  target_compile_options(narthex_warnings INTERFACE -Wno-tsan)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees overlapping copies in every `string = "literal"` that it inlines (GCC bug 105329).
  target_compile_options(narthex_warnings INTERFACE -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12 uses std::get_temporary_buffer inside std::stable_sort; clang blames us for it.
  target_compile_options(narthex_warnings INTERFACE -Wno-deprecated-declarations)
  target_compile_options(narthex_warnings INTERFACE -Wthread-safety -Wno-c++26-extensions -Wno-missing-designated-field-initializers)
endif()

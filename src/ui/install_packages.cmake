# cmake -DNPM=… -DWEB=… -P install_packages.cmake
# npm ci, unless what is installed is what the lock file names. scripts/lib.sh keeps the same stamp.
set(stamp "${WEB}/node_modules/.narthex-lock")
if(EXISTS "${stamp}")
  execute_process(COMMAND "${CMAKE_COMMAND}" -E compare_files "${WEB}/package-lock.json" "${stamp}"
                  RESULT_VARIABLE different OUTPUT_QUIET ERROR_QUIET)
  if(different EQUAL 0)
    file(TOUCH "${stamp}")
    return()
  endif()
endif()
execute_process(COMMAND "${NPM}" ci --no-audit --no-fund WORKING_DIRECTORY "${WEB}" COMMAND_ERROR_IS_FATAL ANY)
file(COPY_FILE "${WEB}/package-lock.json" "${stamp}")
file(TOUCH "${stamp}")

# The shared and the static library, of the objects of every layer. Only genai_* leaves either of them.
include(CheckLinkerFlag)

set(genai_layer_objects)
foreach(layer ${GENAI_LAYERS})
  list(APPEND genai_layer_objects $<TARGET_OBJECTS:genai_${layer}>)
endforeach()
set(genai_private_libraries OpenSSL::SSL OpenSSL::Crypto PkgConfig::UV Threads::Threads m)

# What every user of either library sees.
function(genai_library target export_name)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME genai-live EXPORT_NAME ${export_name}
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  target_include_directories(${target} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PRIVATE ${genai_private_libraries})
  if(GENAI_SANITIZE) # the runtime must come first in the program
    target_link_options(${target} PUBLIC -fsanitize=${GENAI_SANITIZE})
  endif()
endfunction()

include(GNUInstallDirs)
add_library(genai_shared SHARED ${genai_layer_objects})
genai_library(genai_shared genai-live)
set_target_properties(genai_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0 LINKER_LANGUAGE C)

# Only where the linker knows them (not on macOS, where hidden visibility does the map's work).
set(map ${PROJECT_SOURCE_DIR}/src/genai-live.map)
check_linker_flag(C "-Wl,--version-script=${map}" GENAI_LINKER_MAP)
if(GENAI_LINKER_MAP)
  target_link_options(genai_shared PRIVATE "-Wl,--version-script=${map}")
  set_target_properties(genai_shared PROPERTIES LINK_DEPENDS ${map})
endif()
# The library has threads of its own: unloading it under them would crash the host.
check_linker_flag(C "-Wl,-z,nodelete" GENAI_LINKER_NODELETE)
if(GENAI_LINKER_NODELETE)
  target_link_options(genai_shared PRIVATE "-Wl,-z,nodelete")
endif()
# A sanitizer's or the fuzzer's runtime is found in the program only.
check_linker_flag(C "-Wl,--no-undefined" GENAI_LINKER_NO_UNDEFINED)
if(GENAI_LINKER_NO_UNDEFINED AND NOT GENAI_SANITIZE AND NOT GENAI_FUZZ)
  target_link_options(genai_shared PRIVATE "-Wl,--no-undefined")
endif()

# In an archive a hidden symbol is still seen by the linker of a program, where buf_append may be another's. So the
# objects are joined into one, and what is hidden in it becomes local (GNU and LLVM objcopy; not on macOS).
if(CMAKE_OBJCOPY AND NOT APPLE)
  set(joined ${PROJECT_BINARY_DIR}/genai-live.o)
  # Of i386's __x86.get_pc_thunk, each object has one in a group of its own: once local, it must not be given up for another's.
  check_linker_flag(C "-Wl,--force-group-allocation" GENAI_LINKER_GROUPS)
  separate_arguments(machine_flags NATIVE_COMMAND "${CMAKE_C_FLAGS}")
  add_custom_command(OUTPUT ${joined}
    COMMAND ${CMAKE_C_COMPILER} ${machine_flags} -nostdlib -r $<$<BOOL:${GENAI_LINKER_GROUPS}>:-Wl,--force-group-allocation>
      -o ${joined} ${genai_layer_objects}
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${joined}
    DEPENDS ${genai_layer_objects} COMMAND_EXPAND_LISTS VERBATIM)
  set_source_files_properties(${joined} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  add_library(genai_static STATIC ${joined})
else()
  add_library(genai_static STATIC ${genai_layer_objects})
endif()
genai_library(genai_static static)
set_target_properties(genai_static PROPERTIES LINKER_LANGUAGE C)

# What every target of the project shares: warnings, sanitizers, and one function a layer, a test and a fuzzer.

add_library(genai_flags INTERFACE)
target_include_directories(genai_flags INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
target_compile_definitions(genai_flags INTERFACE _POSIX_C_SOURCE=200809L GENAI_VERSION_STRING="${PROJECT_VERSION}")
# macOS hides TCP_NOTSENT_LOWAT from who asks for POSIX alone; 32-bit glibc, files over 2 GiB and directories of ext4.
target_compile_definitions(genai_flags INTERFACE _FILE_OFFSET_BITS=64 $<$<PLATFORM_ID:Darwin>:_DARWIN_C_SOURCE>)
target_compile_options(genai_flags INTERFACE -Wall -Wextra -Wshadow $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
  -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2)
target_link_libraries(genai_flags INTERFACE Threads::Threads)
if(GENAI_WERROR)
  target_compile_options(genai_flags INTERFACE -Werror)
endif()
if(GENAI_SANITIZE)
  target_compile_options(genai_flags INTERFACE -fsanitize=${GENAI_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(genai_flags INTERFACE -fsanitize=${GENAI_SANITIZE})
endif()
if(GENAI_FUZZ)
  target_compile_options(genai_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(genai_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Every layer of the library, lowest first. A test of the client names them all.
set(GENAI_LAYERS base wire models net auth session tools mcp client)

# genai_layer(NAME files... ) makes the object library genai_NAME of one folder.
function(genai_layer name)
  add_library(genai_${name} OBJECT ${ARGN})
  target_link_libraries(genai_${name} PUBLIC genai_flags)
endfunction()

# genai_objects(TARGET layers...) links the objects of the named layers: a test that names only lower layers
# proves that nothing in them reaches upward.
function(genai_objects target)
  target_link_libraries(${target} PRIVATE genai_flags OpenSSL::SSL OpenSSL::Crypto PkgConfig::UV m)
  foreach(layer ${ARGN})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:genai_${layer}>)
  endforeach()
endfunction()

# A program under a launcher (valgrind) is ten times slower, and under TSan nearly so.
function(genai_test_limits name timeout)
  if(GENAI_TEST_LAUNCHER OR GENAI_SANITIZE)
    math(EXPR timeout "${timeout} * 5")
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} SKIP_RETURN_CODE 77)
endfunction()

# genai_test(NAME SOURCES files... LAYERS layers... [LIBRARIES libs...] [ARGS args...] [TIMEOUT s])
# Exit status 77 says "skipped". Tests of layers with threads are labelled so, for TSan.
function(genai_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LAYERS;LIBRARIES;ARGS" ${ARGN})
  add_executable(test_${name} ${T_SOURCES})
  genai_objects(test_${name} ${T_LAYERS})
  target_link_libraries(test_${name} PRIVATE PkgConfig::CMOCKA PkgConfig::JANSSON ${T_LIBRARIES})
  target_compile_definitions(test_${name} PRIVATE TESTS_DIR="${PROJECT_SOURCE_DIR}/tests" PROJECT_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${GENAI_TEST_LAUNCHER} $<TARGET_FILE:test_${name}> ${T_ARGS})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  genai_test_limits(${name} ${T_TIMEOUT})
  if("client" IN_LIST T_LAYERS OR "net" IN_LIST T_LAYERS)
    set_tests_properties(${name} PROPERTIES LABELS threads)
  endif()
endfunction()

# genai_fuzzer(NAME SOURCE file LAYERS layers...): with GENAI_FUZZ a libFuzzer program fuzz_NAME; always a test
# replay_NAME that feeds fuzz/corpus/NAME/* to the same function.
function(genai_fuzzer name)
  cmake_parse_arguments(F "" "SOURCE" "LAYERS;LIBRARIES" ${ARGN})
  if(GENAI_FUZZ)
    add_executable(fuzz_${name} ${F_SOURCE})
    genai_objects(fuzz_${name} ${F_LAYERS})
    target_link_libraries(fuzz_${name} PRIVATE ${F_LIBRARIES})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(replay_${name} ${F_SOURCE} ${PROJECT_SOURCE_DIR}/fuzz/replay.c)
    genai_objects(replay_${name} ${F_LAYERS})
    target_link_libraries(replay_${name} PRIVATE ${F_LIBRARIES})
    add_test(NAME replay_${name}
      COMMAND ${GENAI_TEST_LAUNCHER} $<TARGET_FILE:replay_${name}> ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
    genai_test_limits(replay_${name} 120)
  endif()
endfunction()

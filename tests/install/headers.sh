#!/bin/sh
# headers.sh INCLUDE-DIRECTORY: each public header compiles alone, twice over, as C11 and as C++17.
set -u
include=$1
cc=${CC:-cc}
cxx=${CXX:-c++}
warnings="-Wall -Wextra -Wpedantic -Wshadow -Werror"
failed=0

command -v "$cxx" > /dev/null || echo "no C++ compiler here: the headers are tried as C11 only"

alone() { # HEADER COMPILER LANGUAGE STANDARD
  # shellcheck disable=SC2086 # a list of options
  printf '#include "%s"\n#include "%s"\n' "$1" "$1" |
    "$2" -x "$3" "-std=$4" $warnings "-I$include" -fsyntax-only - || {
    echo "$1 does not compile alone as $4" >&2
    failed=1
  }
}

count=0
for path in "$include"/genai/*.h "$include"/genai/*.hpp; do
  [ -f "$path" ] || continue
  count=$((count + 1))
  header=genai/${path##*/}
  case $path in *.h) alone "$header" "$cc" c c11 ;; esac
  ! command -v "$cxx" > /dev/null || alone "$header" "$cxx" c++ c++17
done
[ "$count" -gt 0 ] || {
  echo "no headers in $include/genai" >&2
  exit 1
}
echo "$count headers"
exit $failed

#!/bin/sh
# install.sh CMAKE BUILD-DIRECTORY VERSION: installs into a folder, moves that elsewhere, and uses it from there as
# other projects would: by pkg-config and by find_package, shared and static.
set -eu
cmake=$1 build=$2 version=$3
here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build" --prefix "$work/first" > "$work/log"
mv "$work/first" "$work/prefix"
library=$(dirname "$(find "$work/prefix" -name genai-live.pc)")/..

works() { # NAME PROGRAM
  said=$(LD_LIBRARY_PATH=$library "$2")
  [ "$said" = "$version" ] || {
    echo "$1: the program said \"$said\", not $version" >&2
    exit 1
  }
  echo "$1: $said"
}

PKG_CONFIG_PATH=$library/pkgconfig
export PKG_CONFIG_PATH
# shellcheck disable=SC2046 # lists of options
"$cc" -std=c11 "$here/consumer.c" -o "$work/by-pkg-config" $(pkg-config --cflags --libs genai-live)
works "pkg-config" "$work/by-pkg-config"
# shellcheck disable=SC2046
"$cc" -std=c11 "$here/consumer.c" -o "$work/by-pkg-config-static" $(pkg-config --cflags genai-live) \
  "$library/libgenai-live.a" $(pkg-config --static --libs-only-l genai-live | sed 's/-lgenai-live//')
works "pkg-config, static" "$work/by-pkg-config-static"

mkdir "$work/consumer"
cp "$here/consumer.c" "$work/consumer/"
cp "$here/consumer.cmake" "$work/consumer/CMakeLists.txt"
{
  "$cmake" -S "$work/consumer" -B "$work/consumer/build" "-DCMAKE_PREFIX_PATH=$work/prefix" "-DCMAKE_C_COMPILER=$cc"
  "$cmake" --build "$work/consumer/build"
} > "$work/log" 2>&1 || {
  cat "$work/log" >&2
  exit 1
}
works "find_package" "$work/consumer/build/shared"
works "find_package, static" "$work/consumer/build/static"


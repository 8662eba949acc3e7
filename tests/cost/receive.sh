#!/bin/sh
# receive.sh PROGRAM BUILD-TYPE [MESSAGES]: counts the user-space instructions of a received audio message, bare TLS and a whole
# session, and fails when the session takes more than LIMIT times as many.
set -eu
program=$1 build=$2 messages=${3:-400}
limit=1.45

case $build in
  Release | RelWithDebInfo | MinSizeRel) ;;
  *)
    echo "skipped: only an optimised build says what a message costs; this is ${build:-one without a build type}."
    exit 77
    ;;
esac
command -v valgrind > /dev/null || {
  echo "skipped: valgrind is missing."
  exit 77
}

# callgrind counts `rep movsb`, the C library's choice for large copies on some processors, as one instruction a byte; a
# processor counts one in all. With ordinary moves instead the count is the same everywhere.
GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1073741824
export GLIBC_TUNABLES

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT INT TERM

count() { # floor|session
  valgrind --tool=callgrind --instr-atstart=no --callgrind-out-file="$directory/$1" "$program" "$1" "$messages" > "$directory/log" 2>&1 || {
    cat "$directory/log" >&2
    exit 1
  }
  sed -n 's/^totals: //p' "$directory/$1"
}

floor=$(count floor)
session=$(count session)
awk -v floor="$floor" -v session="$session" -v messages="$messages" -v limit="$limit" 'BEGIN {
  if (floor < 1000 * messages) { print "callgrind counted nothing"; exit 1 }
  ratio = session / floor
  printf "instructions a message of 11,520 bytes of PCM: SSL_read %d, session %d, ratio %.2f (at most %.2f)\n",
    floor / messages, session / messages, ratio, limit
  exit ratio > limit
}'

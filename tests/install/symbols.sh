#!/bin/sh
# symbols.sh SHARED STATIC INCLUDE-DIRECTORY: both libraries define for others exactly what the public headers declare.
set -eu
shared=$1 static=$2 include=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat "$include"/genai/*.h | tr '\n' ' ' | tr ';{}' '\n' |
  sed -n 's/.*GENAI_API[^(]*[ *]\(genai_[a-z0-9_]*\)(.*/\1/p; s/.*GENAI_API[^(]*[ *]\(genai_[a-z0-9_]*\)\(\[.*\)\{0,1\}$/\1/p' |
  sort -u > "$work/declared"
[ -s "$work/declared" ] || {
  echo "no GENAI_API declarations in $include" >&2
  exit 1
}

failed=0
compare() { # LIBRARY NAME-OF-THE-LIST
  sort -u -o "$2" "$2"
  comm -13 "$work/declared" "$2" > "$work/extra"
  comm -23 "$work/declared" "$2" > "$work/lost"
  [ ! -s "$work/extra" ] || {
    echo "$1 exports what no public header declares:" && cat "$work/extra"
    failed=1
  }
  [ ! -s "$work/lost" ] || {
    echo "$1 lacks what a public header declares:" && cat "$work/lost"
    failed=1
  }
}

if [ "$(uname -s)" = Darwin ]; then
  nm -gU "$shared" | sed -n 's/.* _\([^ ]*\)$/\1/p' > "$work/shared"
else
  nm -D --defined-only "$shared" | sed -n 's/.* [A-Z] \([^@ ]*\).*/\1/p' | grep -v '^GENAI_LIVE_[0-9]*$' > "$work/shared"
  nm -g --defined-only "$static" | sed -n 's/.* [A-Z] \([^ ]*\)$/\1/p' > "$work/static"
  compare "${static##*/}" "$work/static"
fi
compare "${shared##*/}" "$work/shared"
wc -l < "$work/declared" | sed 's/ *\(.*\)/\1 public symbols/'
exit $failed

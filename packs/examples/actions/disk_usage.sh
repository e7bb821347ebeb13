#!/bin/sh
# examples.disk_usage: what an action as a script looks like.
# A parameter with a `position` is an argument; one without becomes --name=value, and a boolean that is true a bare --name.
set -eu

units=""
for argument in "$@"; do
  case "$argument" in
    --human_readable) units="-h" ;;
    *) directory="$argument" ;;
  esac
done

df -P $units -- "${directory:-/}"

#!/bin/sh
# Receives stormlet's webhooks (Standard Webhooks, v1) as a CGI program, with sh and openssl only: the headers are in HTTP_WEBHOOK_*,
# the body is on standard input. Exit code 0: genuine; 1: not. WEBHOOK_SECRET=whsec_… comes from the server's environment.
#
# openssl takes its key as an argument, so other users of this machine can see it for a moment; where there are any, use another
# of these receivers.
set -eu

answer() {
  printf 'Status: %s\r\n\r\n' "$1"
  [ "$1" = 204 ]
  exit
}

hex() { od -An -v -tx1 | tr -d ' \n'; }

body=$(mktemp)
trap 'rm -f "$body"' EXIT
# The bytes received: a variable of the shell would lose some of them.
head -c 1048576 >"$body"

id=${HTTP_WEBHOOK_ID-} stamp=${HTTP_WEBHOOK_TIMESTAMP-} signatures=${HTTP_WEBHOOK_SIGNATURE-}
case $stamp in '' | *[!0-9]*) answer 401 ;; esac
[ "${#stamp}" -le 12 ] || answer 401
age=$(($(date +%s) - ${stamp#"${stamp%%[!0]*}"}))
[ "$age" -le 300 ] && [ "$age" -ge -300 ] || answer 401

key=$(printf %s "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A | hex)
wanted=v1,$({ printf '%s.%s.' "$id" "$stamp"; cat "$body"; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)

# While a secret is rotated there are several signatures; any right one is enough. Digests are compared, not the signatures
# themselves, so that the time it takes says nothing about them.
digest() { printf %s "$1" | openssl dgst -sha256 -binary | hex; }
right=$(digest "$wanted")
set -f
for each in $signatures; do
  if [ "$(digest "$each")" = "$right" ]; then
    # Do something here. Delivery is at least once: remember $id, and skip what you have seen.
    cat "$body" >&2
    answer 204
  fi
done
answer 401

#!/bin/sh
# Runs a command with the tenant manager's key: MANAGER_API_KEY if that is set, and otherwise the one in the volume,
# which the first who may write there (the manager) makes.
set -eu
file=/var/lib/tenantry/manager-key
if [ -z "${MANAGER_API_KEY:-}" ]; then
  if [ ! -s "$file" ]; then
    umask 077
    node -p 'crypto.randomBytes(32).toString("base64url")' >"$file.new"
    # At once, so that nobody ever reads a half of it.
    mv "$file.new" "$file"
  fi
  MANAGER_API_KEY=$(cat "$file")
  export MANAGER_API_KEY
fi
# In the place of this shell, so that the command hears of signals.
exec "$@"

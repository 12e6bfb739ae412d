#!/bin/bash
# Starts `selvedge dev` in memory, waits until it answers, and passes its addresses on as outputs and variables. The runner
# ends it with the job.
set -euo pipefail
folder=$(mktemp -d "$RUNNER_TEMP/selvedge-XXXXXX")
bin="$folder/bin"
mkdir "$bin"
if program=$(command -v selvedge); then
  for name in selvedge pebble pebble-challtestsrv; do ln -s "$program" "$bin/$name"; done
else
  npm install --prefix "$folder/npm" --no-audit --no-fund "selvedge@${SELVEDGE_VERSION:-latest}"
  for name in selvedge pebble pebble-challtestsrv; do ln -s "$folder/npm/node_modules/.bin/$name" "$bin/$name"; done
fi
echo "$bin" >>"$GITHUB_PATH"
case "${SELVEDGE_SERVER:-dev}" in
  none) exit 0 ;;
  dev) ;;
  *) echo "the input server is \"$SELVEDGE_SERVER\"; it has to be \"dev\" or \"none\"" >&2; exit 1 ;;
esac
read -ra arguments <<<"${SELVEDGE_ARGUMENTS:-}"
log="$folder/selvedge.log" addresses="$folder/addresses.json"
cd "$folder"
nohup "$bin/selvedge" dev --ephemeral --addresses "$addresses" "${arguments[@]}" </dev/null >"$log" 2>&1 &
process=$!
for _ in $(seq 600); do
  [ -s "$addresses" ] && break
  kill -0 "$process" 2>/dev/null || break
  sleep 0.1
done
if [ ! -s "$addresses" ]; then
  echo "selvedge did not start:" >&2
  cat "$log" >&2
  exit 1
fi
member() { node -p 'JSON.parse(require("fs").readFileSync(process.argv[1]))[process.argv[2]]' "$addresses" "$1"; }
for name in directory root management pid; do
  value=$(member "$name")
  echo "$name=$value" >>"$GITHUB_OUTPUT"
  echo "SELVEDGE_${name^^}=$value" >>"$GITHUB_ENV"
done
echo "log=$log" >>"$GITHUB_OUTPUT"

#!/bin/sh
# Stands in for wrangler: writes down what it is told, into the folder $FAKE_WRANGLER, and answers as the files there say.
d="$FAKE_WRANGLER"
n=$(ls "$d" | grep -c 'args$')
printf '%s\n' "$@" > "$d/$n.args"
env > "$d/$n.env"
pwd > "$d/$n.pwd"
case "$1 $2" in
    "secret list")
        [ -f "$d/listed" ] || { echo 'Worker "test-ca" not found.' >&2; exit 1; }
        cat "$d/listed"
        ;;
    "auth token")
        [ -f "$d/login" ] || { echo 'Not logged in.' >&2; exit 1; }
        cat "$d/login"
        ;;
esac
case "$*" in
    *"--secrets-file /dev/stdin"*)
        cat > "$d/$n.stdin"
        ;;
esac
[ "$1" != "$(cat "$d/fails" 2> /dev/null)" ] || exit 1

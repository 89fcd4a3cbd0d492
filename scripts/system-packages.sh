#!/usr/bin/env bash
# Install what pip cannot, where this user may; where not, say what is missing and go on.
#
#   system-packages.sh tests     strace, which shows a test what is synced before an answer;
#                                chromium, in which the sign-in pages are tested
#   system-packages.sh venv      the venv module, which Debian packs apart from Python
set -euo pipefail

missing() { # what it is for, the Debian package
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "system: installing $2 ($1)"
        if { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$2" ||
            { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
                apt-get install -qq -y --no-install-recommends "$2"; }; } \
            >/dev/null 2>&1 </dev/null; then
            return
        fi
    fi
    echo "system: WARNING: $2 is missing ($1) and cannot be installed from here." >&2
    echo "system:          Install it with your system's package tool, for example" >&2
    echo "system:          sudo apt-get install $2" >&2
}

case "${1:-}" in
tests)
    command -v strace >/dev/null ||
        missing "a test sees with it what is synced before an answer" strace
    command -v chromium >/dev/null || command -v google-chrome >/dev/null ||
        missing "the sign-in pages are tested in it; 500 MB" chromium
    ;;
venv)
    "${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null ||
        missing "Python environments are made with it" python3-venv
    ;;
*)
    echo "usage: $0 tests|venv" >&2
    exit 2
    ;;
esac

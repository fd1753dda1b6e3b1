#!/bin/sh
# Installs the Debian packages of the named groups of tools/packages.txt that are missing.
#   tools/install_packages.sh GROUP...
# When nothing is missing this asks dpkg once and ends: no network, no root.
set -eu
list=$(dirname "$0")/packages.txt
[ $# -gt 0 ] || { echo "usage: $0 GROUP... (build, test, train)" >&2; exit 2; }

if ! command -v dpkg-query >/dev/null; then
    echo "This is not a Debian system: please install what $list names." >&2
    exit 0 # the build itself says what is not there
fi
wanted=
for group; do
    for line in $(awk -v group="$group" '$1 == group { print $2 ":" $3 }' "$list"); do
        command=${line#*:}
        [ -n "$command" ] && command -v "$command" >/dev/null && continue
        wanted="$wanted ${line%%:*}"
    done
done
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null | sed -n 's/ installed$//p' || true)
missing=
for package in $wanted; do
    case "
$installed
" in
    *"
$package
"*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

echo "Installing:$missing"
root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Please install as root: apt-get install$missing" >&2; exit 1; }
    root=sudo
fi
export DEBIAN_FRONTEND=noninteractive
$root apt-get update -q
# shellcheck disable=SC2086
$root apt-get install -q -y --no-install-recommends $missing

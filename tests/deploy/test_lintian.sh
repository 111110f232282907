#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_lintian.sh PACKAGES: what Debian's own checker says of the packages; an error fails.
set -euo pipefail

said=$(mktemp)
trap 'rm -f "$said"' EXIT
status=0
lintian --allow-root --fail-on error --tag-display-limit 0 "$1"/*.deb >"$said" 2>&1 || status=$?
cat "$said"
echo "lintian: $(grep -c '^E: ' "$said" || true) errors, $(grep -c '^W: ' "$said" || true) warnings"
exit $status

#!/bin/bash
# SPDX-License-Identifier: MIT
# xdp_list.sh [short|full] - names of the lab tests that are repeated with AF_XDP (xdp.txt); without an argument it checks that the list is whole
cd "$(dirname "$0")" || exit 1

case ${1:-} in
short) awk '$1 == "short" { print $2 }' xdp.txt ;;
full) awk '$1 == "short" || $1 == "full" { print $2 }' xdp.txt ;;
*)
	wrong=$(diff <(ls -- *_test.sh | sed 's/_test\.sh$//' | sort) <(awk -F'\t' '!/^#/ && NF { print $2 }' xdp.txt | sort))
	[ -z "$wrong" ] || { echo "tests/lab/xdp.txt (>) and the lab's tests (<) differ:"; echo "$wrong"; exit 1; }
	wrong=$(awk -F'\t' '!/^#/ && NF && !($1 == "short" && NF == 2 || $1 == "full" && NF == 2 || $1 == "not" && $3 != "")' xdp.txt)
	[ -z "$wrong" ] || { echo "neither repeated, nor with a reason: $wrong"; exit 1; }
	;;
esac

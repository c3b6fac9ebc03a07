#!/bin/sh
# Creates .venv with what requirements.lock names, brings an outdated one up to date,
# and does nothing, quickly, where it is ready (with --say, it says so). `make setup`
# calls it; so does every other target. Variables: PYTHON (the one Python to build on;
# a .venv of another one is made anew), LOCK (another file of versions; /dev/null for the
# newest releases), TORCH_INDEX (a package index to look for torch in, besides PyPI;
# empty for none), and pip's own.
set -eu
cd "$(dirname "$0")/.."

lock=${LOCK:-requirements.lock}
stamp=.venv/.ready
# The folder belongs in the stamp: a virtual environment does not survive a move. The
# address that `make badges` writes does not: it changes no package.
wanted="$(pwd) $(grep -v '^Repository = ' pyproject.toml | cat - "$lock" | cksum)"

venv_python() {
    if [ -x .venv/bin/python ]; then
        echo .venv/bin/python
    else
        echo .venv/Scripts/python.exe
    fi
}

fits() { # PYTHON LOWEST HIGHEST: is this a Python between the two?
    "$1" -c "import sys; sys.exit(not $2 <= sys.version_info[:2] <= $3)" 2>/dev/null
}

identity() { # PYTHON: what it and the virtual environments made with it have in common
    "$1" -c "import os, sys
print(os.path.normcase(os.path.realpath(sys.base_prefix)), *sys.version_info[:2])" \
        2>/dev/null
}

is_wanted_python() { # is .venv of the Python that PYTHON names, if it names one?
    [ -z "${PYTHON:-}" ] || [ "$(identity "$PYTHON")" = "$(identity "$(venv_python)")" ]
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3 python3.13 python3.12 python3.11 python
    fi
    for python in "$@"; do
        if fits "$python" '(3, 11)' '(3, 13)'; then
            echo "$python"
            return
        fi
    done
    # Newer than the lock knows: worth a try.
    for python in "$@"; do
        if fits "$python" '(3, 14)' '(3, 99)'; then
            echo "$python"
            return
        fi
    done
    python=$1
    found=$("$python" --version 2>/dev/null) || found="no $python"
    echo "setup: the course needs Python 3.11, 3.12 or 3.13, and there is $found." \
        "Install one (https://www.python.org/downloads) or name it:" \
        "make setup PYTHON=/path/to/python3.12" >&2
    return 1
}

clean_up() { # a .venv that this run began and did not finish is of no use
    [ -f "$stamp" ] || [ "${creating:-no}" = no ] || rm -rf .venv
}

if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] &&
    "$(venv_python)" -c '' 2>/dev/null && is_wanted_python; then
    if [ "${1:-}" = --say ]; then echo "setup: .venv is up to date"; fi
    exit 0
fi

if [ -e .venv ] && [ ! -w .venv ]; then
    # shellcheck disable=SC2012
    owner=$(ls -ld .venv | { read -r _ _ owner _ && echo "$owner"; })
    echo "setup: .venv belongs to $owner, does not fit, and may not be changed by you." \
        "Run make as $owner, or in a copy of the course of your own." >&2
    exit 1
fi

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

case "$(cat "$stamp" 2>/dev/null)" in
"$(pwd) "*) # same place: only the packages have changed
    update=no
    if fits "$(venv_python)" '(3, 11)' '(3, 99)' && is_wanted_python; then update=yes; fi ;;
*) update=no ;;
esac

if [ "$update" = yes ]; then
    echo "setup: bringing .venv up to date with $lock"
    # Should this fail, .venv stays as it is, and the next run tries again.
    echo "$(pwd) outdated" >"$stamp"
else
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        # Not python3-venv: that one is for the system's own Python, whatever $python is.
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        echo "setup: $python cannot make virtual environments." \
            "On Debian and Ubuntu: sudo apt install $package" >&2
        exit 1
    fi
    echo "setup: creating .venv with $("$python" --version) (a few minutes and 4 GB of disk, once)"
    creating=yes
    rm -rf .venv
    "$python" -m venv .venv
fi

# A bar to look at in a terminal, silence in a log.
if [ -t 1 ]; then quiet=; else quiet=-qq; fi
pip() { "$(venv_python)" -m pip --disable-pip-version-check "$@"; }
give_up() {
    echo "setup: pip could not install the packages; why stands above. It needs a" \
        "network, and obeys HTTPS_PROXY and PIP_INDEX_URL." >&2
    if [ "$update" = yes ]; then
        echo "setup: until then .venv is as it was: .venv/bin/vit-course run," \
            ".venv/bin/jupyter lab" >&2
    fi
    exit 1
}
has_own_index() { # does PIP_INDEX_URL or pip's configuration name an index, to ask alone?
    case "$(pip config list)" in *.index-url=*) ;; *) return 1 ;; esac
}
# PyPI's torch for Linux brings several GB of CUDA. Without an NVIDIA GPU, PyTorch's own
# index has a build for the CPU; where that index cannot be reached, PyPI's has to do.
if [ -z "${TORCH_INDEX+set}" ] && ! has_own_index &&
    [ "$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null; then
    TORCH_INDEX=https://download.pytorch.org/whl/cpu
fi
# shellcheck disable=SC2086
if [ -n "${TORCH_INDEX:-}" ]; then
    echo "setup: torch from $TORCH_INDEX, or from PyPI if that is out of reach"
    pip install $quiet --no-deps --retries 1 --extra-index-url "$TORCH_INDEX" \
        -c "$lock" torch || give_up
fi
# shellcheck disable=SC2086
pip install $quiet -c "$lock" -e ".[torch,tensorflow,dev]" || give_up

printf '%s\n' "$wanted" >"$stamp"
echo "setup: .venv is ready"

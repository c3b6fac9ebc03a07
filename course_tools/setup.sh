#!/bin/sh
# Makes .venv with the versions of requirements.lock, or brings an outdated one up to date.
# Where .venv is ready, nothing happens, and quickly (--say says so). `make setup` calls
# this, and so does every other target. It heeds these variables:
#   PYTHON       the one Python to build on; a .venv of another one is made anew
#   LOCK         another file of versions; /dev/null for the newest releases
#   TORCH_INDEX  a package index to look for torch in, besides PyPI; empty for none
# and those of pip and uv.
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
if [ -t 1 ]; then quiet=; else quiet=-q; fi
pip() { "$(venv_python)" -m pip --disable-pip-version-check "$@"; }
uv() { "$(venv_python)" -m uv pip --no-config "$@" --python "$(venv_python)"; }
give_up() {
    echo "setup: the packages could not be installed; the reason stands above. A network" \
        "is needed; HTTPS_PROXY and PIP_INDEX_URL are obeyed." >&2
    if [ "$update" = yes ]; then
        echo "setup: until then .venv is as it was: .venv/bin/vit-course run," \
            ".venv/bin/jupyter lab" >&2
    fi
    exit 1
}
pip_settings=$(pip config list) || pip_settings=
pip_knows() { # PATTERN: does pip's configuration, or a variable PIP_..., set such a thing?
    echo "$pip_settings" | grep -qE "\.($1)="
}
# PyPI's torch for Linux brings several GB of CUDA. Without an NVIDIA GPU, PyTorch's own
# index has a build for the CPU; where that index cannot be reached, PyPI's has to do.
# An index of one's own is asked alone.
if [ -z "${TORCH_INDEX+set}" ] && ! pip_knows index-url &&
    [ "$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null; then
    TORCH_INDEX=https://download.pytorch.org/whl/cpu
fi
if [ -n "${TORCH_INDEX:-}" ]; then
    echo "setup: torch from $TORCH_INDEX, or from PyPI if that is out of reach"
fi

install_with_uv() {
    # uv leaves it to the first import to compile a module. Where Python may not keep what
    # it has compiled, every start would be slow.
    if [ -n "${PYTHONDONTWRITEBYTECODE:-}" ]; then export UV_COMPILE_BYTECODE=1; fi
    # shellcheck disable=SC2086
    if [ -n "${TORCH_INDEX:-}" ]; then
        uv install $quiet --no-deps --index "$TORCH_INDEX" -c "$lock" torch ||
            echo "setup: $TORCH_INDEX is out of reach, so torch comes from PyPI"
    fi
    # shellcheck disable=SC2086
    uv install $quiet -c "$lock" -e ".[torch,tensorflow,deploy,dev]"
}
install_with_pip() {
    # shellcheck disable=SC2086
    if [ -n "${TORCH_INDEX:-}" ]; then
        pip install $quiet $quiet --no-deps --retries 1 -c "$lock" \
            --extra-index-url "$TORCH_INDEX" torch || return 1
    fi
    # shellcheck disable=SC2086
    pip install $quiet $quiet -c "$lock" -e ".[torch,tensorflow,deploy,dev]"
}
# uv takes a fraction of pip's time, but knows nothing of pip's settings. So pip does the
# work where it has been told where packages come from, and where uv fails.
settings='index-url|extra-index-url|find-links|no-index|constraint|cert|proxy|trusted-host'
if pip_knows "$settings" || ! pip install -qq --retries 1 'uv>=0.8,<1' ||
    ! install_with_uv; then
    install_with_pip || give_up
fi

printf '%s\n' "$wanted" >"$stamp"
echo "setup: .venv is ready"

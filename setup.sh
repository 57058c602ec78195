#!/usr/bin/env bash
# The steps of `make setup`: packages (compiler, from Debian), venv (locked Python packages), kernels (C++).
set -euo pipefail
cd "$(dirname "$0")"

say() { printf 'setup: %s\n' "$*" >&2; }

packages() { # python
    local python=$1 missing=()
    command -v g++ >/dev/null || missing+=(g++)
    "$python" -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
    # The headers of the very Python that is used: a self-built Python brings its own.
    "$python" -c 'import os, sysconfig; raise SystemExit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' \
        || missing+=(python3-dev)
    [ ${#missing[@]} -eq 0 ] && return 0
    local run=()
    if [ "$(id -u)" != 0 ]; then
        if sudo -n true 2>/dev/null; then run=(sudo -n); else
            say "missing: ${missing[*]}; neither root nor sudo without a password is at hand."
            say "Without them nothing can be built. Ask an administrator for: apt-get install ${missing[*]}"
            return 3
        fi
    fi
    say "installing ${missing[*]} from Debian"
    "${run[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

venv() { # python
    local python=$1
    "$python" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info < (3, 14))' || {
        say "$("$python" --version) is not supported: Python 3.11, 3.12 or 3.13 is needed (make PYTHON=python3.11 …)"
        return 3
    }
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    say "installing the locked Python packages (about 1 GB, some minutes on a thin link)"
    .venv/bin/pip install --quiet --disable-pip-version-check uv==$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.lock)
    .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
    # Editable, without CMake: the kernels are built by the next step beside their sources.
    .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -C wheel.cmake=false -e .
}

kernels() { # build folder
    local build=$1 bin=$PWD/.venv/bin
    say "building the C++ kernels"
    "$bin/cmake" -S . -B "$build" -G Ninja -DCMAKE_MAKE_PROGRAM="$bin/ninja" -DCMAKE_BUILD_TYPE=Release \
        -DPython_EXECUTABLE="$bin/python" -Dnanobind_DIR="$("$bin/python" -m nanobind --cmake_dir)" >"$build.log" 2>&1 \
        && "$bin/cmake" --build "$build" >>"$build.log" 2>&1 \
        || { tail -40 "$build.log" >&2; say "the kernels did not build; the whole log: $build.log"; return 3; }
}

mkdir -p build
"$@"

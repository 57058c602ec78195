#!/usr/bin/env bash
# The steps of `make setup`: packages (compiler, from Debian), venv (locked Python packages), kernels (C++).
set -euo pipefail
cd "$(dirname "$0")"

say() { printf 'setup: %s\n' "$*" >&2; }

packages() { # python
    local python=$1 needed=() judges=() as_root=()
    command -v g++ >/dev/null || needed+=(g++)
    "$python" -c 'import venv, ensurepip' 2>/dev/null || needed+=(python3-venv)
    # The headers of the very Python that is used: a self-built Python brings its own.
    "$python" -c 'import os, sysconfig; raise SystemExit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' \
        || needed+=(python3-dev)
    # Independent programs that the tests hold ours against.
    command -v rotctld >/dev/null || judges+=(libhamlib-utils)
    command -v rtl_433 >/dev/null || judges+=(rtl-433)
    command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || judges+=(mosquitto)
    command -v SoapySDRUtil >/dev/null || judges+=(soapysdr-tools)
    [ -e /usr/include/SoapySDR/Device.h ] || judges+=(libsoapysdr-dev)
    # Half a gigabyte, for one slow test that runs the kernels on the other processor.
    if [ -n "${TRAMTHU_CI:-}" ]; then
        command -v aarch64-linux-gnu-g++ >/dev/null || judges+=(g++-aarch64-linux-gnu)
        command -v qemu-aarch64-static >/dev/null || judges+=(qemu-user-static)
    fi
    [ $((${#needed[@]} + ${#judges[@]})) -eq 0 ] && return 0
    if [ "$(id -u)" != 0 ]; then
        if sudo -n true 2>/dev/null; then as_root=(sudo -n); else
            say "neither root nor sudo without a password is at hand, so no Debian packages are installed."
            if [ ${#needed[@]} -gt 0 ]; then
                say "Without these nothing can be built; ask an administrator for: apt-get install ${needed[*]}"
                return 3
            fi
            say "Tests that need ${judges[*]} are skipped."
            return 0
        fi
    fi
    say "installing ${needed[*]} ${judges[*]} from Debian"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${needed[@]}" "${judges[@]}" >/dev/null
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
    .venv/bin/uv pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock
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

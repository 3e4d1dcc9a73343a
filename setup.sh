#!/usr/bin/env bash
# Sets up everything that contraflow needs on this machine: system packages, then .venv from requirements.lock.
# `make` calls it when .venv is missing or older than the lock file. `./setup.sh test` adds what only the tests need,
# `./setup.sh slurm` what a cluster needs (docs/cluster.md), `./setup.sh s3` what results in S3 do (docs/remotes.md),
# `./setup.sh lora` what train.lora does (docs/encoders.md), `./setup.sh text` what model.text.weights does (docs/text.md),
# and `./setup.sh tensorboard`, `./setup.sh mlflow` and `./setup.sh wandb` what `contraflow log` does (docs/compare.md).
set -euo pipefail
cd "$(dirname "$0")"

say() { printf 'setup: %s\n' "$*" >&2; }
has_program() { command -v "$1" >/dev/null; }
has_library() { has_program pkg-config && pkg-config --exists "$1"; }

find_python() {  # the first Python that the lock file serves
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if has_program "$candidate" && "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; then
            echo "$candidate"
            return
        fi
    done
}

missing_packages() {  # Debian's names of what is not there; every check asks for the thing itself
    local python
    python=$(find_python)
    if [ -z "$python" ]; then
        printf '%s\n' python3.11 python3.11-venv python3.11-dev
    else
        "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "$python-venv"
        "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || echo "$python-dev"
    fi
    has_program git || echo git
    has_program c++ || echo g++
    has_program pkg-config || echo pkg-config
    has_library opencv4 || echo libopencv-dev
    has_library libturbojpeg || echo libturbojpeg0-dev
}

wanted_packages() {  # what a run can do without: the default data set; for the tests a browser, servers, typefaces, emoji
    local typefaces=/usr/share/fonts/truetype
    [ -d /usr/share/datasets/fashion-mnist ] || echo dataset-fashion-mnist
    if [ "${1:-}" = test ]; then
        has_program chromium || echo chromium
        has_program chromedriver || echo chromium-driver
        has_program dot || echo graphviz
        has_program sinfo || echo slurm-wlm
        # where systemd runs, this package would begin to serve: there it is left to whoever owns the machine
        [ -x /usr/sbin/sshd ] || [ -d /run/systemd/system ] || echo openssh-server
        [ -f $typefaces/arphic/ukai.ttc ] || echo fonts-arphic-ukai
        [ -f $typefaces/arphic/uming.ttc ] || echo fonts-arphic-uming
        [ -f $typefaces/wqy/wqy-zenhei.ttc ] || echo fonts-wqy-zenhei
        [ -f $typefaces/hanazono/HanaMinA.ttf ] || echo fonts-hanazono
        [ -f $typefaces/noto/NotoColorEmoji.ttf ] || echo fonts-noto-color-emoji
        [ -d /usr/share/unicode/cldr/common/annotations ] || echo unicode-cldr-core
        [ -f /usr/share/unicode/emoji/emoji-test.txt ] || echo unicode-data
    fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_packages() {
    has_program apt-get && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; } || return 1
    say "installing system packages: $*"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

mapfile -t missing < <(missing_packages)
mapfile -t wanted < <(wanted_packages "${1:-}")
if ((${#missing[@]} + ${#wanted[@]})); then
    install_packages "${missing[@]}" "${wanted[@]}" || true
fi
mapfile -t missing < <(missing_packages)
if ((${#missing[@]})); then
    say "missing: ${missing[*]} (Debian's and Ubuntu's names; FFCV is compiled against OpenCV 4 and libjpeg-turbo)."
    say "Install them with: sudo apt-get install --no-install-recommends ${missing[*]}"
    exit 1
fi
mapfile -t wanted < <(wanted_packages "${1:-}")
((${#wanted[@]} == 0)) || say "not installed, and some things will not work without: ${wanted[*]}"

lock=$(sha256sum requirements.lock pyproject.toml | sha256sum | cut -d ' ' -f 1)
if [ "$(cat .venv/lock 2>/dev/null)" != "$lock" ]; then
    python=$(find_python)
    [ ! -L .venv ] || rm .venv  # that of another repository, which stays as it is
    say "making .venv with $("$python" --version) from requirements.lock (several GB, a few minutes)"
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
    .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
    rm -rf .venv/slurm .venv/s3 .venv/s3-server .venv/lora .venv/tensorboard .venv/mlflow .venv/wandb
    echo "$lock" >.venv/lock
fi
install_extra() { # what pyproject.toml pins for one, to where the options of pip say
    local packages
    mapfile -t packages < <(.venv/bin/python - "$1" <<'END'
import sys, tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")
END
)
    .venv/bin/python -m pip install --quiet --no-deps "${@:2}" "${packages[@]}"
}

case "${1:-}" in
    slurm | s3 | lora | text | tensorboard | mlflow | wandb) install_extra "$1" ;;
    test) # beside the other packages: these have other versions, and every start of Snakemake looks through its plugins
        for extra in slurm s3 s3-server lora tensorboard mlflow wandb; do
            [ -d ".venv/$extra" ] || install_extra $extra --target ".venv/$extra" ||
                say "$extra of pyproject.toml is not installed, and its tests will be skipped"
        done
        ;;
esac
git config user.name >/dev/null && git config user.email >/dev/null ||
    say "git knows no name and address for you, which DVC's experiments ask for: type" \
        "\`git config --global user.name NAME\` and \`git config --global user.email ADDRESS\`"
[ -L .venv ] || touch ".venv/ready${1:+-$1}"

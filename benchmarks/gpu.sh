#!/usr/bin/env bash
# Everything that gains by a GPU, in one command:
#
#     benchmarks/gpu.sh [DEVICE] [OPTIONS OF THE TABLES ...]
#
# DEVICE is cuda (the default), cuda:1, ... A first look, on a machine without a GPU too:
# benchmarks/gpu.sh cpu --quick
#
# Speed goes to benchmarks/results/precision-DEVICE.jsonl, tables to benchmarks/results. The tables
# cache the fits that are done, so after a stop the same command goes on. What failed is named at the
# end, and the rest is still run.
set -uo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
DEVICE=${1:-cuda}
shift || true
FAILED=()

run() {
    echo "== $*"
    "$@" || FAILED+=("$*")
}

speed() {
    local output="benchmarks/results/precision-${DEVICE//:/-}.jsonl"
    local size=(--width 64 --batches 20 --rounds 5)
    if [[ " $* " == *" --quick "* ]]; then
        output="benchmarks/results/quick/precision-${DEVICE//:/-}.jsonl"
        size=(--width 4 --batches 1 --rounds 1)
    fi
    mkdir -p "$(dirname "$output")"
    "$PYTHON" benchmarks/precision.py --device "$DEVICE" "${size[@]}" | tee "$output"
}

PRESET=(--preset full)
[[ $DEVICE == cpu ]] && PRESET=(--preset cpu)

if ! "$PYTHON" -c "import sys, torch; torch.empty(0, device=sys.argv[1])" "$DEVICE"; then
    echo "benchmarks/gpu.sh: torch cannot use '$DEVICE' here; install torch with CUDA, or pass cpu." >&2
    exit 2
fi
run "$PYTHON" -m pytest -q tests/test_precision_and_devices.py tests/nn/test_precision.py
run speed "$@"
for table in 1 2; do
    run "$PYTHON" -m benchmarks.tables "$table" "${PRESET[@]}" --device "$DEVICE" "$@"
done
for table in 3 4 5 7 8; do
    run "$PYTHON" -m benchmarks.tables "$table" --device "$DEVICE" "$@"
done

if ((${#FAILED[@]})); then
    printf 'failed: %s\n' "${FAILED[@]}" >&2
    exit 1
fi

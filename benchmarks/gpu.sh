#!/usr/bin/env bash
# Everything that gains by a GPU, in one command:
#
#     benchmarks/gpu.sh [DEVICE] [OPTIONS OF THE TABLES ...]
#
# DEVICE is cuda (the default), cuda:1, ... A first look, on a machine without a GPU too:
# benchmarks/gpu.sh cpu --quick
#
# Speed goes to benchmarks/results/precision-DEVICE.jsonl, tables where each script says. The tables
# keep the fits that are done, so after a stop the same command goes on. What failed is named at the
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
run "$PYTHON" -m pytest -q tests/test_precision_and_devices.py tests/nn/test_half_precision.py
run speed "$@"
run "$PYTHON" benchmarks/table1_generation.py "${PRESET[@]}" --device "$DEVICE" "$@"
run "$PYTHON" benchmarks/table2_leakage.py "${PRESET[@]}" --device "$DEVICE" "$@"
for table in examples/table{3_prediction,4_classification,5_anchor} benchmarks/table7_verification; do
    run "$PYTHON" "$table.py" --device "$DEVICE" "$@"
done

if ((${#FAILED[@]})); then
    printf 'failed: %s\n' "${FAILED[@]}" >&2
    exit 1
fi

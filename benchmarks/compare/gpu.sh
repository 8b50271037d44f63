#!/usr/bin/env bash
# Everything that only a GPU can say, in one go: gpu.sh RAWDL OUT, where RAWDL is the published program (one file, no SDK needed) and OUT a folder for what was
# measured. Wants the driver and NVRTC; compute-sanitizer, cuBLAS and PyTorch are used where they are, and named where they are not.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rawdl=$(realpath "${1:?usage: gpu.sh RAWDL OUT}") out=$(realpath -m "${2:?usage: gpu.sh RAWDL OUT}")
mkdir -p "$out"
failed=0
part() { # name, command ...
    local name=$1
    shift
    echo "== $name"
    "$@" > "$out/$name.txt" 2>&1
    local code=$?
    tail -n "${LINES_SHOWN:-4}" "$out/$name.txt"
    [ $code -eq 0 ] || { echo "-- $name: FAILED ($code)"; failed=$((failed + 1)); }
}
part machine sh -c 'nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,clocks.sm,power.limit,temperature.gpu --format=csv; nproc'
part devices "$rawdl" devices
part doctor "$rawdl" doctor
part selftest "$rawdl" selftest --device cuda
if command -v compute-sanitizer > /dev/null; then
    for tool in memcheck racecheck synccheck; do
        part "sanitizer-$tool" compute-sanitizer --tool $tool --error-exitcode 9 "$rawdl" selftest --device cuda
    done
else
    echo "compute-sanitizer: not here"
fi
data=(--data digits)
[ -z "${RAWDL_DATA:-}" ] || data=(--data mnist)
for round in 1 2 3; do part "train-$round" "$rawdl" train "${data[@]}" --device cuda --seed $round --out "$out/run-$round"; done
part repeat "$rawdl" train "${data[@]}" --device cuda --seed 1 --out "$out/run-again"
part same-bits "$rawdl" net diff "$out/run-1" "$out/run-again" --within 0
for batch in 64 128 512; do part "bench-$batch" "$rawdl" bench --device cuda --batch $batch; done
python=${PYTHON:-python3}
if "$python" -c 'import torch; assert torch.cuda.is_available()' 2> /dev/null; then
    for batch in 64 128 512; do part "torch-$batch" "$python" "$here/lenet_torch_cuda.py" $batch; done
else
    echo "PyTorch with CUDA: not here"
fi
echo "$failed parts failed; all output lies in $out"
exit $((failed > 0))

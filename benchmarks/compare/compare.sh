#!/usr/bin/env bash
# RawDL and PyTorch in turn, ROUNDS times, on 2 threads at batch 64; the medians of the rounds at the end. compare.sh [ROUNDS]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rounds=${1:-5}
dotnet build "$here/../RawDL.Benchmarks" -c Release --nologo -v q > /dev/null
ours=() theirs=()
for ((round = 1; round <= rounds; round++)); do
    a=$(dotnet "$here/../RawDL.Benchmarks/bin/Release/net10.0/RawDL.Benchmarks.dll" step 64 2)
    b=$("${PYTHON:-/usr/bin/python3}" "$here/lenet_torch.py" 64 2)
    echo "$round  $a  |  $b  |  load $(cut -d' ' -f1 /proc/loadavg)"
    ours+=("$(sed -E 's/.* ([0-9]+) images.*/\1/' <<< "$a")")
    theirs+=("$(sed -E 's/.* ([0-9]+) images.*/\1/' <<< "$b")")
done
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
echo "median images/s: RawDL $(median "${ours[@]}"), PyTorch $(median "${theirs[@]}")"

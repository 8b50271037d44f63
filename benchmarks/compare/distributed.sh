#!/usr/bin/env bash
# LeNet on MNIST with several ranks on this machine: one process against four ranks, one rank against two, and what each strategy sends and costs.
# distributed.sh [openmpi|mpich [EPOCHS]]; builds the program unless RAWDL_PROGRAM names one; the MNIST files are looked for in $RAWDL_DATA. Prints three tables in Markdown.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
library=${1:-openmpi}
epochs=${2:-1}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
[ -n "${RAWDL_PROGRAM:-}" ] || dotnet build "$here/../../src/RawDL.Cli" -c Release --nologo -v q > /dev/null
rawdl=${RAWDL_PROGRAM:-$here/../../src/RawDL.Cli/bin/Release/net10.0/rawdl}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_plm_rsh_agent= TERM=dumb
ranks() { # number, words of rawdl train ...
    local n=$1
    shift
    mpiexec.$library -n "$n" $([ $library = openmpi ] && echo --bind-to none --oversubscribe) "$rawdl" train --data mnist --epochs "$epochs" --seed 1 --quiet "$@" < /dev/null > /dev/null
}
value() { # run, dotted key
    python3 -c 'import functools, json, sys; print(functools.reduce(lambda d, k: d[k], sys.argv[2].split("."), json.load(open(sys.argv[1] + "/summary.json"))))' "$scratch/$1" "$2"
}

echo "## One process with batch 128, four ranks with batch 32, plain SGD, averaging each step"
"$rawdl" train --data mnist --epochs 1 --seed 1 --quiet --optimizer sgd --lr 0.05 --batch 128 --out "$scratch/one" > /dev/null
ranks 4 --optimizer sgd --lr 0.05 --batch 32 --sync average --period 1 --out "$scratch/four"
"$rawdl" net diff "$scratch/one" "$scratch/four" --within 1e-5 | tail -1

echo
echo "## One rank with one thread, two ranks with one thread each, batch 64 per rank; three rounds in turn, medians"
for round in 1 2 3; do
    "$rawdl" train --data mnist --epochs "$epochs" --seed 1 --quiet --threads 1 --out "$scratch/solo$round" > /dev/null
    ranks 2 --threads 1 --sync average --period 50 --out "$scratch/pair$round"
    ranks 2 --threads 1 --sync gradients --out "$scratch/gradients$round"
done
median() { for round in 1 2 3; do value "$1$round" images_per_second; done | sort -g | sed -n 2p; }
one=$(median solo)
echo "| | images/s | of one rank |"
echo "|---|---|---|"
for kind in solo pair gradients; do
    speed=$(median $kind)
    echo "| $kind | $speed | $(awk -v a="$speed" -v b="$one" 'BEGIN { printf "%.2f", a / b }') |"
done

echo
echo "## Two ranks: what each strategy sends and costs"
echo "| strategy | accuracy | images/s | MB sent by a rank | communication |"
echo "|---|---|---|---|---|"
while read -r name words; do
    ranks 2 --threads 1 $words --out "$scratch/$name"
    printf '| %s | %.4f | %.0f | %.1f | %.1f %% |\n' "\`$words\`" "$(value "$name" accuracy)" "$(value "$name" images_per_second)" \
        "$(awk -v b="$(value "$name" communication.bytes)" 'BEGIN { print b / 2e6 }')" "$(awk -v s="$(value "$name" communication.communication_share)" 'BEGIN { print 100 * s }')"
done << 'STRATEGIES'
a1 --sync average --period 1
a5 --sync average --period 5
a50 --sync average --period 50
keep --sync average --period 5 --updater-state keep
fixed --sync average --period 5 --deterministic
diloco --sync average --period 50 --outer diloco --updater-state keep
g --sync gradients
gd --sync gradients --deterministic
bf16 --sync gradients --wire bfloat16
threshold --sync gradients --compression threshold
onebit --sync gradients --compression one_bit
downpour --sync downpour
STRATEGIES

#!/usr/bin/env bash
# kill -9 of a random rank of three in a training, at a random moment after its first checkpoint, again and again: both MPI libraries and all strategies in
# turn. The launcher and all ranks must be gone within 15 s with an exit code other than 0, the newest checkpoint must load, and the run must go on from it
# with another number of ranks to its end. LeNet saves every step, so that kills meet rank 0 while it writes.
# kill.sh [TRIALS [SEED]]; prints a table in Markdown, and exits with 1 on any hang, wrong end or damaged checkpoint.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
trials=${1:-20}
RANDOM=${2:-$(date +%s)}
limit=15
scratch=$(mktemp -d)
trap 'of_job | while read -r id; do kill -9 "$id" || true; done; rm -rf "$scratch"' EXIT
dotnet build "$here/../../src/RawDL.Cli" -c Release --nologo -v q > /dev/null
rawdl=$here/../../src/RawDL.Cli/bin/Release/net10.0/rawdl
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_plm_rsh_agent= OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none TERM=dumb
cat > "$scratch/net.json" << 'JSON'
{
  "batch_size": 16, "epochs": 1000000, "seed": 1,
  "optimizer": { "name": "momentum", "learning_rate": 0.01 },
  "evaluation": { "every_epochs": 1 }, "checkpoint": { "every_steps": 1 },
  "layers": [
    { "type": "conv2d", "out_channels": 20, "kernel": 5 }, { "type": "max_pool2d", "kernel": 2 },
    { "type": "conv2d", "out_channels": 50, "kernel": 5 }, { "type": "max_pool2d", "kernel": 2 },
    { "type": "linear", "out_channels": 500, "activation": "relu" }, { "type": "linear", "out_channels": 10 }
  ]
}
JSON

of_job() { pgrep -f -- "$scratch/run" || true; }             # the launcher and its ranks
rank_of() { tr '\0' '\n' < "/proc/$1/environ" 2> /dev/null | sed -n 's/^\(OMPI_COMM_WORLD_RANK\|PMI_RANK\)=//p' | head -1; }
newest() { { find "$1/checkpoints" -name 'step-*.safetensors' 2> /dev/null || true; } | sort | tail -1; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

libraries=(openmpi mpich)
strategies=("average --period 3" "gradients" "downpour --server-lr 0.001")
others=("2 threads" "2 ranks" "1 process" "4 ranks" "4 threads")
failed=0 writing=0 slowest=0
echo "| trial | library | strategy | rank | killed after s | exit code | all gone after s | newest step | went on as | result |"
echo "|---|---|---|---|---|---|---|---|---|---|"
for ((trial = 0; trial < trials; trial++)); do
    library=${libraries[trial % 2]} strategy=${strategies[trial / 2 % 3]} other=${others[trial % 5]} rank=$((RANDOM % 3)) run=$scratch/run$trial verdict=ok code=0
    if [[ $strategy = downpour* ]] && [ "$other" = "1 process" ]; then other="2 ranks"; fi
    mpiexec.$library -n 3 "$rawdl" train --config "$scratch/net.json" --data digits --train-size 600 --test-size 100 --threads 1 --sync $strategy --quiet --out "$run" \
        < /dev/null > "$scratch/out$trial.txt" 2>&1 &
    launcher=$!
    while [ -z "$(newest "$run")" ] && kill -0 $launcher 2> /dev/null; do sleep 0.02; done
    started=$(now)
    sleep "$(awk -v r=$RANDOM 'BEGIN { print 3 * r / 32768 }')"
    victim=
    for id in $(of_job); do if [ "$(rank_of "$id")" = $rank ]; then victim=$id; fi; done
    after=$(since "$started")
    if ! kill -9 "$victim" 2> /dev/null; then verdict="ended by itself"; fi
    started=$(now)
    while [ -n "$(of_job)" ] && [ "$verdict" != hang ]; do
        if awk -v s="$(since "$started")" -v l=$limit 'BEGIN { exit !(s > l) }'; then verdict=hang; else sleep 0.05; fi
    done
    gone=$(since "$started")
    if [ "$verdict" = hang ]; then for id in $(of_job); do kill -9 "$id" || true; done; fi
    wait $launcher || code=$?
    if [ $code -eq 0 ]; then verdict="exit code 0"; fi
    checkpoint=$(newest "$run") step=$((10#$(basename "${checkpoint:-step-0}" .safetensors | cut -d- -f2)))
    partial=$(find "$run" -name '.rawdl-*.tmp' | wc -l)
    writing=$((writing + (partial > 0)))
    slowest=$(awk -v a="$slowest" -v b="$gone" 'BEGIN { print (a > b ? a : b) }')
    words=(train --resume "$run" --steps $((step + 5)) --threads 1 --quiet)
    case $other in
        *threads) words=("$rawdl" "${words[@]}" --workers "${other% *}") ;;
        *ranks) words=(mpiexec.$library -n "${other% *}" "$rawdl" "${words[@]}") ;;
        *) words=("$rawdl" "${words[@]}") ;;
    esac
    if ! "$rawdl" eval "$checkpoint" --data digits --test-size 100 > /dev/null 2> "$scratch/eval.txt"; then verdict="checkpoint does not load"; fi
    if ! timeout -k 5 120 "${words[@]}" < /dev/null > /dev/null 2> "$scratch/resume.txt"; then verdict="does not go on"; fi
    if grep -q 'older checkpoint' "$scratch/resume.txt"; then verdict="damaged checkpoint"; fi
    echo "| $((trial + 1)) | $library | ${strategy%% *} | $rank | $after | $code | $gone | $step$([ "$partial" -eq 0 ] || echo ' (next half written)') | $other | $verdict |"
    if [ "$verdict" != ok ]; then
        failed=$((failed + 1))
        cat "$scratch/out$trial.txt" "$scratch/eval.txt" "$scratch/resume.txt" >&2
    fi
    rm -rf "$run"
done
echo
echo "$((trials - failed)) of $trials as they must be; the slowest end took $slowest s; $writing kills met a rank that was writing a checkpoint."
[ $failed -eq 0 ]

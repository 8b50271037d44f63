#!/usr/bin/env bash
# kill -9 of random executors' JVMs, then of random worker processes, while a training runs in rounds: each run has to end with the parameters of the undisturbed one and to leave no process.
#   SPARK_HOME=DIR benchmarks/compare/spark/kill.sh RAWDL [KILLS]     RAWDL: the published program; 10 kills of each kind by default. Kills what it finds: nothing else of Spark may run on the machine
set -euo pipefail
rawdl=$(realpath "${1:?the program rawdl}")
kills=${2:-10}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SPARK_LOCAL_IP=127.0.0.1
executors=CoarseGrainedExecutorBackend workers='-m pyspark[.]daemon'

run() { # label, pattern of the processes to kill or nothing
    rm -rf "$work/run"
    "$rawdl" submit --master 'local-cluster[2,1,1024]' --conf spark.ui.enabled=false -- \
        train --data digits --steps "${STEPS:-600}" --period 2 --threads 1 --out "$work/run" > "$work/log" 2>&1 &
    local job=$! done=0 code=0 victim
    until grep -q '^Training' "$work/log" || ! kill -0 $job 2> /dev/null; do sleep 0.2; done
    while [ -n "$2" ] && [ $done -lt "$kills" ] && kill -0 $job 2> /dev/null; do
        sleep $((RANDOM % 6 + 3)).$((RANDOM % 10))
        victim=$(pgrep -f -- "$2" | shuf -n 1) || continue
        kill -9 "$victim" 2> /dev/null && done=$((done + 1))
    done
    wait $job || code=$?
    sleep 3
    sha=$(sed -n 's/^Parameters: *SHA-256 //p' "$work/log")
    echo "$1: $done kills, exit code $code, SHA-256 ${sha:-none}, $(pgrep -fc -- "$executors|$workers" || true) processes left"
    [ $code = 0 ] || { tail -5 "$work/log" >&2; return 1; }
}

failed=0
run undisturbed ''
expected=$sha
for kind in executors workers; do
    run $kind "${!kind}" || failed=1
    [ "$sha" = "$expected" ] || { echo "$kind: other parameters" >&2; failed=1; }
done
exit $failed

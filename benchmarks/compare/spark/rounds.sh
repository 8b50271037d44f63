#!/usr/bin/env bash
# What a round costs under Spark: replicas x parameters, each in one application, against a round without work of the same application.
#   SPARK_HOME=DIR benchmarks/compare/spark/rounds.sh RAWDL [SHARDS...]     RAWDL: the published program; 2 4 8 replicas by default
# Networks of one hidden layer have about 1, 10 and 100 MB of parameters; plain descent, so that nothing else travels. Prints a table.
set -euo pipefail
rawdl=$(realpath "${1:?the program rawdl}")
shift
shards=("${@:-2 4 8}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SPARK_LOCAL_IP=127.0.0.1

number() { sed -n "s/^ *\"$2\": \([0-9.]*\),*$/\1/p" "$1" | head -1; }

submit() { # slots, words ...
    local master="local-cluster[2,$(($1 / 2 > 0 ? $1 / 2 : 1)),${MEMORY:-1024}]"
    shift
    "$rawdl" submit --master "$master" --conf spark.ui.enabled=false --conf spark.driver.maxResultSize=0 -- "$@" > "$work/log" 2>&1 || { tail -5 "$work/log" >&2; return 1; }
}

echo "Load: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores"
echo "| replicas | parameters MB | rounds | round ms | computing ms | round without work ms | (round - computing) / without work |"
echo "|---|---|---|---|---|---|---|"
for n in ${shards[*]}; do
    for hidden in 314 3140 31400; do
        rounds=$((hidden > 10000 ? 15 : hidden > 1000 ? 30 : 60))
        cat > "$work/net.json" << JSON
{ "optimizer": { "name": "sgd", "learning_rate": 0.01 }, "evaluation": { "every_epochs": 0 }, "checkpoint": { "every_epochs": 0 },
  "layers": [ { "type": "linear", "out_channels": $hidden, "activation": "relu" }, { "type": "linear", "out_channels": 10 } ] }
JSON
        rm -rf "$work/run"
        submit "$n" train --config "$work/net.json" --data digits --train-size 20000 --test-size 100 --batch 1 --steps $((2 * rounds)) --period 2 --shards "$n" --quiet --out "$work/run"
        summary=$work/run/summary.json
        r=$(number "$summary" round_ms) c=$(number "$summary" compute_ms) e=$(number "$summary" empty_round_ms)
        echo "| $n | $(awk "BEGIN { printf \"%.1f\", $hidden * 795 * 4e-6 }") | $rounds | $r | $c | $e | $(awk "BEGIN { printf \"%.2f\", ($r - $c) / $e }") |"
    done
done

echo "Load: $(cut -d' ' -f1-3 /proc/loadavg)"

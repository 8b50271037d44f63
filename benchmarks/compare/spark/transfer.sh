#!/usr/bin/env bash
# What a round of LeNet costs beside computing, against a job without work and the transfer of the same bytes by the JVM alone, in turn, as many rounds of each; needs a JDK.
#   SPARK_HOME=DIR benchmarks/compare/spark/transfer.sh RAWDL MNIST [TURNS [ROUNDS]]     MNIST: folder of the idx.gz files
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rawdl=$(realpath "${1:?the program rawdl}") mnist=$(realpath "${2:?the folder of the files of MNIST}") turns=${3:-3} rounds=${4:-300}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SPARK_LOCAL_IP=127.0.0.1
master='local-cluster[2,1,1024]' compiler=-XX:TieredStopAtLevel=1
# Parameters and momenta, as training.sh has them.
bytes=$((2 * 4 * 431080))
cat > "$work/lenet.json" << 'JSON'
{ "optimizer": { "name": "momentum", "learning_rate": 0.01, "momentum": 0.9 }, "evaluation": { "every_epochs": 0 }, "checkpoint": { "every_epochs": 0 },
  "layers": [ { "type": "conv2d", "out_channels": 20, "kernel": 5, "activation": "relu" }, { "type": "max_pool2d", "kernel": 2 },
              { "type": "conv2d", "out_channels": 50, "kernel": 5, "activation": "relu" }, { "type": "max_pool2d", "kernel": 2 },
              { "type": "linear", "out_channels": 500, "activation": "relu" }, { "type": "linear", "out_channels": 10 } ] }
JSON

number() { sed -n "s/^ *\"$1\": \([0-9.]*\),*$/\1/p" "$work/run/summary.json" | head -1; }

quietly() { "$@" > "$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }; }

jvm() { # bytes
    quietly "${SPARK_HOME:?a folder of Spark}/bin/spark-submit" --master "$master" --class Transfer --conf spark.ui.enabled=false --conf spark.broadcast.compress=false --conf spark.shuffle.compress=false \
        --conf spark.task.maxDirectResultSize=32m --conf "spark.driver.extraJavaOptions=$compiler" --conf "spark.executor.extraJavaOptions=$compiler" "$work/transfer.jar" "$1" "$rounds"
    sed -n 's/^RESULT //p' "$work/log"
}

quietly javac -cp "$SPARK_HOME/jars/*" -d "$work/classes" "$here/Transfer.java"
quietly jar cf "$work/transfer.jar" -C "$work/classes" .
echo "Load: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores"
echo "| round ms | computing ms | round without work ms | JVM alone: without bytes ms | with them ms | (round - computing - transfer) / without work |"
echo "|---|---|---|---|---|---|"
for ((i = 0; i < turns; i++)); do
    rm -rf "$work/run"
    quietly "$rawdl" submit --master "$master" --conf spark.ui.enabled=false -- train --config "$work/lenet.json" --data "$mnist" --sync average --period 5 --batch 64 --threads 1 \
        --steps $((5 * rounds)) --quiet --out "$work/run"
    r=$(number round_ms) c=$(number compute_ms) e=$(number empty_round_ms) none=$(jvm 0) with=$(jvm "$bytes")
    echo "| $r | $c | $e | $none | $with | $(awk "BEGIN { printf \"%.2f\", ($r - $c - ($with - $none)) / $e }") |"
done
echo "Load: $(cut -d' ' -f1-3 /proc/loadavg)"

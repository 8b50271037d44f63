#!/usr/bin/env bash
# LeNet by parameter averaging in rounds, two replicas of one thread, batch 64, plain momentum: rawdl and PySpark with PyTorch in turn; medians of the rounds.
#   SPARK_HOME=DIR benchmarks/compare/spark/training.sh RAWDL MNIST [ROUNDS]     a Spark with its python folder; PYTHON=python3 with PyTorch; MNIST: folder of the idx.gz files
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rawdl=$(realpath "${1:?the program rawdl}") mnist=$(realpath "${2:?the folder of the files of MNIST}") count=${3:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SPARK_LOCAL_IP=127.0.0.1
master='local-cluster[2,1,1024]'
cat > "$work/lenet.json" << 'JSON'
{ "optimizer": { "name": "momentum", "learning_rate": 0.01, "momentum": 0.9 }, "evaluation": { "every_epochs": 0 }, "checkpoint": { "every_epochs": 0 },
  "layers": [ { "type": "conv2d", "out_channels": 20, "kernel": 5, "activation": "relu" }, { "type": "max_pool2d", "kernel": 2 },
              { "type": "conv2d", "out_channels": 50, "kernel": 5, "activation": "relu" }, { "type": "max_pool2d", "kernel": 2 },
              { "type": "linear", "out_channels": 500, "activation": "relu" }, { "type": "linear", "out_channels": 10 } ] }
JSON

number() { sed -n "s/^ *\"$1\": \([0-9.]*\),*$/\1/p" "$work/run/summary.json" | head -1; }

quietly() { "$@" > "$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }; }

echo "Load: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores"
for ((i = 0; i < count; i++)); do
    for period in 5 50; do
        rounds=$((period == 5 ? 120 : 40))
        rm -rf "$work/run"
        quietly "$rawdl" submit --master "$master" --conf spark.ui.enabled=false -- train --config "$work/lenet.json" --data "$mnist" --sync average --period "$period" --batch 64 --threads 1 \
            --steps $((period * rounds)) --quiet --out "$work/run"
        round=$(number round_ms)
        echo "rawdl period $period: $(awk "BEGIN { printf \"%.0f\", 128e3 * $period / $round }") images/s, round median $round ms, computing $(number compute_ms) ms"
        quietly "${SPARK_HOME:?a folder of Spark}/bin/spark-submit" --master "$master" --conf spark.ui.enabled=false --conf spark.log.level=WARN --conf spark.pyspark.python="${PYTHON:-python3}" \
            "$here/pyspark_peer.py" lenet "$period" "$rounds" "$mnist/train-images-idx3-ubyte.gz" "$mnist/train-labels-idx1-ubyte.gz"
        sed -n 's/^RESULT //p' "$work/log"
    done
done
echo "Load: $(cut -d' ' -f1-3 /proc/loadavg)"

#!/usr/bin/env bash
# LeNet by parameter averaging in rounds, two replicas of one thread, batch 64, plain momentum: rawdl and PySpark with PyTorch in turn; medians of the rounds.
#   SPARK_HOME=DIR benchmarks/compare/spark/training.sh RAWDL MNIST [ROUNDS]     a Spark with its python folder; PYTHON=python3 with PyTorch; MNIST: folder of the idx.gz files
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rawdl=$(realpath "${1:?the program rawdl}") mnist=$(realpath "${2:?the folder of the files of MNIST}") count=${3:-3}
. "$here/lenet.sh"

echo "Load: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores"
for ((i = 0; i < count; i++)); do
    for period in 5 50; do
        rounds=$((period == 5 ? 120 : 40))
        rounds "$period" "$rounds"
        round=$(number round_ms)
        echo "rawdl period $period: $(awk "BEGIN { printf \"%.0f\", 128e3 * $period / $round }") images/s, round median $round ms, computing $(number compute_ms) ms"
        quietly "${SPARK_HOME:?a folder of Spark}/bin/spark-submit" --master "$master" --conf spark.ui.enabled=false --conf spark.log.level=WARN --conf spark.pyspark.python="${PYTHON:-python3}" \
            "$here/pyspark_peer.py" lenet "$period" "$rounds" "$mnist/train-images-idx3-ubyte.gz" "$mnist/train-labels-idx1-ubyte.gz"
        sed -n 's/^RESULT //p' "$work/log"
    done
done
echo "Load: $(cut -d' ' -f1-3 /proc/loadavg)"

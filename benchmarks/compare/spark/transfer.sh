#!/usr/bin/env bash
# What a round of LeNet costs beside computing, against a job without work (of one stage, where replicas meet in executors) and what the JVM alone takes longer for a job of two stages that moves the same bytes
# than for one without, in turn, as many rounds of each; needs a JDK.
#   SPARK_HOME=DIR benchmarks/compare/spark/transfer.sh RAWDL MNIST [TURNS [ROUNDS]]     MNIST: folder of the idx.gz files
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rawdl=$(realpath "${1:?the program rawdl}") mnist=$(realpath "${2:?the folder of the files of MNIST}") turns=${3:-3} rounds=${4:-300}
. "$here/lenet.sh"
compiler=-XX:TieredStopAtLevel=1
# Parameters and momenta.
bytes=$((2 * 4 * 431080))

jvm() { # bytes
    quietly "${SPARK_HOME:?a folder of Spark}/bin/spark-submit" --master "$master" --class Transfer --conf spark.ui.enabled=false --conf spark.broadcast.compress=false --conf spark.shuffle.compress=false \
        --conf spark.task.maxDirectResultSize=32m --conf "spark.driver.extraJavaOptions=$compiler" --conf "spark.executor.extraJavaOptions=$compiler" "$work/transfer.jar" "$1" "$rounds"
    sed -n 's/^RESULT //p' "$work/log"
}

quietly javac -cp "$SPARK_HOME/jars/*" -d "$work/classes" "$here/Transfer.java"
quietly jar cf "$work/transfer.jar" -C "$work/classes" .
echo "Load: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores"
echo "| round ms | computing ms | round without work ms | JVM alone: without bytes ms | with them ms | (round - computing) / (1.3 x without work + transfer) |"
echo "|---|---|---|---|---|---|"
for ((i = 0; i < turns; i++)); do
    rounds 5 "$rounds"
    r=$(number round_ms) c=$(number compute_ms) e=$(number empty_round_ms)
    none=$(jvm 0)
    with=$(jvm "$bytes")
    echo "| $r | $c | $e | $none | $with | $(awk "BEGIN { printf \"%.2f\", ($r - $c) / (1.3 * $e + $with - $none) }") |"
done
echo "Load: $(cut -d' ' -f1-3 /proc/loadavg)"

#!/usr/bin/env bash
# What a job without work costs, two tasks, in turn with the same job of the JVM alone: 400 of each, ten blocks of 40; the last block counts, for a fresh JVM is three times slower.
# Then the same of PySpark, where the Spark has its python folder (PYTHON=python3).
#   SPARK_HOME=DIR benchmarks/compare/spark/floor.sh [MASTER]     local-cluster[2,1,1024] by default; needs the .NET SDK
set -euo pipefail
cd "$(dirname "$0")/../../.."
: "${SPARK_HOME:?a folder of Spark}"
master=${1:-local-cluster[2,1,1024]}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SPARK_LOCAL_IP=127.0.0.1
dotnet build tests/RawDL.SparkProbe -c Release --nologo --verbosity quiet > "$work/build" || { cat "$work/build" >&2; exit 1; }
probe=$PWD/tests/RawDL.SparkProbe/bin/Release/net10.0/RawDL.SparkProbe
touch "$work/job.py"

submit() { # what, python, words ...
    local python=$2 name=$1
    shift 2
    for options in "" "-XX:TieredStopAtLevel=1"; do
        "$SPARK_HOME/bin/spark-submit" --master "$master" --conf spark.ui.enabled=false --conf spark.log.level=WARN --conf spark.api.mode=classic \
            --conf spark.pyspark.python="$python" --conf spark.pyspark.driver.python="$python" --conf "spark.driver.extraJavaOptions=$options" --conf "spark.executor.extraJavaOptions=$options" \
            "$@" floor > "$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }
        echo "$name, JVM ${options:-as it comes}: $(sed -n 's/^PASS floor [0-9]* //p; s/^RESULT //p' "$work/log")"
    done
}

echo "Load: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores"
submit rawdl "$probe" "$work/job.py"
if [ -e "$SPARK_HOME/python/lib/pyspark.zip" ]; then submit PySpark "${PYTHON:-python3}" benchmarks/compare/spark/pyspark_peer.py
else echo "PySpark: $SPARK_HOME has no python folder"; fi
echo "Load: $(cut -d' ' -f1-3 /proc/loadavg)"

#!/usr/bin/env bash
# What a job without work costs, two tasks, in turn with the same job of the JVM alone: 400 of each, ten blocks of 40; the last block counts, for a fresh JVM is three times slower.
#   SPARK_HOME=DIR benchmarks/compare/spark/floor.sh [MASTER]     local-cluster[2,1,1024] by default; needs the .NET SDK
set -euo pipefail
cd "$(dirname "$0")/../../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SPARK_LOCAL_IP=127.0.0.1
dotnet build tests/RawDL.SparkProbe -c Release --nologo --verbosity quiet > "$work/build" || { cat "$work/build" >&2; exit 1; }
probe=$PWD/tests/RawDL.SparkProbe/bin/Release/net10.0/RawDL.SparkProbe
touch "$work/job.py"

echo "Load: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores"
for options in "" "-XX:TieredStopAtLevel=1"; do
    "${SPARK_HOME:?a folder of Spark}/bin/spark-submit" --master "${1:-local-cluster[2,1,1024]}" --conf spark.ui.enabled=false --conf spark.log.level=WARN --conf spark.api.mode=classic \
        --conf spark.pyspark.python="$probe" --conf spark.pyspark.driver.python="$probe" --conf "spark.driver.extraJavaOptions=$options" --conf "spark.executor.extraJavaOptions=$options" \
        "$work/job.py" floor > "$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }
    echo "JVM ${options:-as it comes}: $(sed -n 's/^PASS floor [0-9]* //p' "$work/log")"
done
echo "Load: $(cut -d' ' -f1-3 /proc/loadavg)"

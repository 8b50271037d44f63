#!/usr/bin/env bash
# MPI.NET in place of the own binding, on two ranks of MPICH: builds it, runs the checks of RawDL.MpiRank and its failures, sees it refused under
# Open MPI, and trains with either build to the same parameters. The normal build in Release must be there.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_plm_rsh_agent= TERM=dumb

expect() { # exit code or "error", text in the output or "", command ...
    local code=$1 text=$2 rc=0
    shift 2
    timeout -k 5 120 "$@" > "$scratch/out.txt" 2>&1 < /dev/null || rc=$?
    if { [ "$code" = error ] && [ $rc -ne 0 ] && [ $rc -ne 124 ]; } || [ "$code" = $rc ]; then
        if [ -z "$text" ] || grep -qF -- "$text" "$scratch/out.txt"; then
            echo "ok: ${*: -1}: exit $rc"
            return
        fi
    fi
    echo "$*: expected exit $code and \"$text\", got exit $rc and"
    cat "$scratch/out.txt"
    return 1
}

dotnet build tests/RawDL.MpiRank -c Release -p:MpiBinding=MPI.NET --nologo -v q
rank=artifacts/mpinet/bin/RawDL.MpiRank/release/RawDL.MpiRank.dll
expect 0 'ok: 2 ranks, MpiNetCommunicator' mpiexec.mpich -n 2 dotnet "$rank" checks
expect 5 'rank 0 has written its checkpoint' mpiexec.mpich -n 2 dotnet "$rank" agreed
expect 7 'exit code 7: expected every rank to end within 5 s' mpiexec.mpich -n 2 dotnet "$rank" return
expect error 'rank 1 has had enough' mpiexec.mpich -n 2 dotnet "$rank" throw
expect error '' mpiexec.mpich -n 2 dotnet "$rank" kill
expect error 'MPI.NET: expected a launcher of the MPICH family, got mpiexec of Open MPI' mpiexec.openmpi --oversubscribe -n 2 dotnet "$rank" checks

dotnet build src/RawDL.Cli -c Release -p:MpiBinding=MPI.NET --nologo -v q
for strategy in average gradients; do
    for build in src/RawDL.Cli/bin/Release/net10.0 artifacts/mpinet/bin/RawDL.Cli/release; do
        run=$scratch/$strategy/${build%%/*}
        expect 0 '' mpiexec.mpich -n 2 "$build/rawdl" train --data digits --steps 20 --seed 1 --sync $strategy --quiet --out "$run"
        grep -qE '"ranks": *2' "$run/summary.json" || { echo "$run: expected 2 ranks"; exit 1; }
        grep -oE '"parameters_sha256": *"[0-9a-f]+"' "$run/summary.json" | tee -a "$scratch/$strategy.txt"
    done
    [ "$(wc -l < "$scratch/$strategy.txt")" -eq 2 ] && [ "$(sort -u "$scratch/$strategy.txt" | wc -l)" -eq 1 ] ||
        { echo "$strategy: expected the same parameters through either binding"; exit 1; }
done

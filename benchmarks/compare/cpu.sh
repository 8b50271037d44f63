#!/usr/bin/env bash
# RawDL beside OpenBLAS, PyTorch (Debian's packages), TorchSharp and ONNX Runtime (NuGet) on the CPU, in turn in one go; tables in Markdown. About 12 minutes.
# cpu.sh [ROUNDS [sgemm|training|inference|layers|scaling ...]]; SECONDS_EACH=0.5 for each figure, PYTHON= names another interpreter.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rounds=${1:-3}
[ $# -eq 0 ] || shift
export MSBUILDDISABLENODEREUSE=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The packages of the peers are large, and not served everywhere: what does not restore is left out.
build() { timeout 900 dotnet build "$here/peers" -c Release --nologo -v q -p:UseSharedCompilation=false "$@" > "$log" 2>&1; }
restores() { timeout 900 dotnet restore "$here/peers" "$@" > "$log" 2>&1; }
options=()
if ! restores; then
    echo "not everything restores: $(grep -m 1 -oE 'error [A-Z0-9]+:.*' "$log" || tail -n 1 "$log")" >&2
    if restores -p:TorchSharp=false; then options=(-p:TorchSharp=false)
    elif restores -p:OnnxRuntime=false; then options=(-p:OnnxRuntime=false)
    else options=(-p:TorchSharp=false -p:OnnxRuntime=false); fi
fi
build "${options[@]}" || { cat "$log" >&2; exit 1; }
"$here/peers/bin/Release/net10.0/RawDL.Peers" compare "$rounds" "$@"

#!/usr/bin/env bash
# Sums over two ranks from C and from C#, ROUNDS times: as two programs in turn, and as one process that alternates batches of both.
# allreduce.sh [ROUNDS [openmpi|mpich]] prints the medians of the rounds and their ratio.
# Debian; installs the compiler wrappers. A rank that loses its core stalls the other: run it alone, or as PRIORITY='chrt -f 1' allreduce.sh, which
# leaves nothing to other programs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rounds=${1:-7}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
missing=()
command -v mpicc.openmpi > /dev/null || missing+=(openmpi-bin openssh-client libopenmpi-dev gcc libc6-dev)
command -v mpicc.mpich > /dev/null || missing+=(mpich libmpich-dev gcc libc6-dev)
# Headers and libraries are in packages of their own, the wrappers of MPICH are not.
[ -d /usr/include/x86_64-linux-gnu/mpich ] || missing+=(libmpich-dev)
[ ${#missing[@]} -eq 0 ] || { apt-get -qq update && apt-get -qq install -y --no-install-recommends "${missing[@]}" > /dev/null; }
dotnet build "$here/../../RawDL.Benchmarks" -c Release --nologo -v q > /dev/null
ours="dotnet $here/../../RawDL.Benchmarks/bin/Release/net10.0/RawDL.Benchmarks.dll allreduce"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_plm_rsh_agent= TERM=dumb
# What is measured is the finished code, from the first call on.
export DOTNET_TieredCompilation=0
priority=${PRIORITY:-}

run() { # file of figures, sizes and columns to expect, command ...
    local file=$1 columns=$2
    shift 2
    timeout 300 "$@" < /dev/null | tr -d '\r' > "$file"
    [ "$(awk -v n="$columns" 'NF == n' "$file" | wc -l)" -eq 13 ] || { echo "$*: expected 13 sizes, got"; cat "$file"; exit 1; }
}

# Medians over files of one column each: bytes, C, C#.
medians() { # files of "bytes us"
    cat "$@" | sort -k1,1n -k2,2g | awk -v n=$# '{ v[NR % n] = $2 } NR % n == 0 { print $1, v[int((n + 1) / 2) % n] }'
}

table() { # title, files of C, files of C#: each a pattern
    echo "$1"
    echo "| bytes | C, us | C#, us | C# / C |"
    echo "|---|---|---|---|"
    paste -d' ' <(medians $2) <(medians $3) | awk '{ printf "| %d | %.4g | %.4g | %.3f |\n", $1, $2, $4, $4 / $2 }'
}

for library in ${2:-openmpi mpich}; do
    mpicc.$library -O2 -Wall -o "$scratch/program" "$here/allreduce.c"
    mpicc.$library -O2 -Wall -shared -fPIC -o "$scratch/library.so" "$here/allreduce.c"
    launch="mpiexec.$library -n 2 $([ $library = openmpi ] && echo --bind-to || echo -bind-to) core $priority"
    for ((round = 1; round <= rounds; round++)); do
        run "$scratch/$library.c.$round" 2 $launch "$scratch/program"
        run "$scratch/$library.cs.$round" 2 $launch $ours
        run "$scratch/both" 3 $launch $ours "$scratch/library.so"
        awk '{ print $1, $2 }' "$scratch/both" > "$scratch/$library.c-here.$round"
        awk '{ print $1, $3 }' "$scratch/both" > "$scratch/$library.cs-here.$round"
    done
    how="$rounds rounds, ${priority:-plain priority}, load $(cut -d' ' -f1 /proc/loadavg)"
    table "$library, two programs in turn, $how" "$scratch/$library.c.*" "$scratch/$library.cs.*"
    table "$library, one process that alternates, $how" "$scratch/$library.c-here.*" "$scratch/$library.cs-here.*"
done

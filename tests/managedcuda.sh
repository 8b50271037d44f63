#!/usr/bin/env bash
# usage: managedcuda.sh FOLDER. ManagedCuda in place of the own binding compiles: packs ManagedCuda's sources (a clone of github.com/kunzmi/managedCuda at
# "Cuda 12.8", or its bare git directory) into a feed in a temporary folder, as its packages are in no feed of this project, and builds RawDL.Cuda against it.
set -euo pipefail
sources=$(realpath "${1:?usage: managedcuda.sh FOLDER}")
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

git clone -q --no-checkout "$sources" "$scratch/managedCuda"
# Two of its folders are enough beside the core; not every copy has the others whole.
git -C "$scratch/managedCuda" checkout -q HEAD -- ManagedCUDA CudaBlas NVRTC GlobalAssemblyInfo.proj
pack() { # project, package
    sed -i "s|</Project>|<PropertyGroup><PackageId>$2</PackageId></PropertyGroup></Project>|" "$scratch/managedCuda/$1"
    dotnet pack "$scratch/managedCuda/$1" -c Release -o "$scratch/feed" --nologo -v q -p:TargetFrameworks=net10.0 -p:TargetFramework=net10.0 -p:PackageVersion=12.8.60 \
        -p:GenerateDocumentationFile=false -p:DocumentationFile= -p:NoWarn=NU5104%3BCS0618 -p:WarningLevel=0
}
pack ManagedCUDA/ManagedCuda.netCore.csproj ManagedCuda-12
for package in CudaBlas:ManagedCuda-CUBLAS NVRTC:ManagedCuda-NVRTC; do pack "${package%%:*}/${package%%:*}.netCore.csproj" "${package##*:}"; done

# A folder of packages of its own: what is packed here must not stand in for the published packages later.
NUGET_PACKAGES="$scratch/packages" dotnet build src/RawDL.Cuda -c Release -p:CudaBinding=ManagedCuda -p:RunAnalyzers=true -p:RestoreAdditionalProjectSources="$scratch/feed" --nologo -v q
test -s artifacts/managedcuda/bin/RawDL.Cuda/release/RawDL.Cuda.dll
echo "ok: RawDL.Cuda over ManagedCuda"

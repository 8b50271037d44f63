#!/usr/bin/env pwsh
# One verb, one dotnet command: ./build.ps1 build | test | bench | publish | kernels [further arguments for dotnet].
# kernels compiles those of a GPU ahead into publish/kernels, for one architecture: ./build.ps1 kernels --arch sm_90a (needs NVRTC, no GPU).
param(
    [Parameter(Mandatory)][ValidateSet('build', 'test', 'bench', 'publish', 'kernels')][string]$Verb,
    [Parameter(ValueFromRemainingArguments)][string[]]$Rest = @()
)
$ErrorActionPreference = 'Stop'
Set-Location $PSScriptRoot
switch ($Verb) {
    'build' { dotnet build RawDL.sln -c Release @Rest }
    'test' {
        $files = Get-ChildItem src, kernels -Recurse -File -Include *.cs, *.cu, *.cuh | Where-Object FullName -NotMatch '[\\/](bin|obj)[\\/]'
        Write-Host "src and kernels: $(($files | Get-Content | Measure-Object).Count) lines in $($files.Count) files"
        dotnet test RawDL.sln -c Release @Rest
    }
    'bench' { dotnet run -c Release --project benchmarks/RawDL.Benchmarks -- @Rest }
    'kernels' { dotnet run -c Release --project src/RawDL.Cli -- kernels --out publish/kernels @Rest }
    'publish' { dotnet publish src/RawDL.Cli -c Release -o publish @Rest }
}
exit $LASTEXITCODE

#!/usr/bin/env pwsh
# One verb, one dotnet command: ./build.ps1 build | test | bench | publish [further arguments for dotnet].
param(
    [Parameter(Mandatory)][ValidateSet('build', 'test', 'bench', 'publish')][string]$Verb,
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
    'publish' { dotnet publish src/RawDL.Cli -c Release -o publish @Rest }
}
exit $LASTEXITCODE

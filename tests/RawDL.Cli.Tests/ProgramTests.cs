using System.CommandLine;
using System.Text.Json;
using RawDL.Cuda;

namespace RawDL.Cli.Tests;

/// <summary>What holds for the program as a whole: help, versions, completions, streams, exit codes.</summary>
public sealed class ProgramTests
{
    [Test]
    public void Without_arguments_it_prints_its_help()
    {
        var run = Rawdl.Run();
        Assert.That((run.Code, run.Error), Is.EqualTo((ExitCode.Ok, "")));
        Assert.That(run.Out, Does.Contain("Usage:").And.Contain("rawdl train"));
    }

    [Test]
    public void Every_command_has_help_with_a_description_of_every_option()
    {
        Assert.Multiple(() => Visit(Application.CreateRoot(), []));

        static void Visit(Command command, string[] path)
        {
            using var output = new StringWriter();
            var code = Application.Run([.. path, "--help"], output, TextWriter.Null);
            Assert.That(code, Is.EqualTo(ExitCode.Ok));
            Assert.That(output.ToString(), Does.Contain("Usage:"));
            Assert.That(command.Description, Is.Not.Empty, command.Name);
            if (command.Subcommands.Count == 0) Assert.That(output.ToString(), Does.Contain("Examples:"), command.Name);
            foreach (var option in command.Options) Assert.That(option.Description, Is.Not.Empty, option.Name);
            foreach (var child in command.Subcommands) Visit(child, [.. path, child.Name]);
        }
    }

    [TestCase("bash")]
    [TestCase("zsh")]
    [TestCase("fish")]
    [TestCase("pwsh")]
    public void Completion_scripts_call_the_program_back(string shell)
    {
        using var output = new StringWriter();
        Assert.That(Application.Run(["completions", "script", shell], output, TextWriter.Null), Is.EqualTo(ExitCode.Ok));
        Assert.That(output.ToString(), Does.Contain("[suggest:").And.Contain("rawdl"));
    }

    [TestCase("[suggest:19]", "selftest --device c", "cpu\ncuda\n")]
    [TestCase("[suggest:2]", "do", "doctor\n")]
    public void Suggestions_complete_values_and_commands(string directive, string line, string expected)
    {
        using var output = new StringWriter();
        Application.Run([directive, line], output, TextWriter.Null);
        Assert.That(output.ToString(), Is.EqualTo(expected));
    }

    [TestCase("version")]
    [TestCase("devices")]
    [TestCase("doctor")]
    public void Json_is_one_document(string command)
    {
        var run = Rawdl.Run(command, "--json");
        Assert.That((run.Code, run.Error), Is.EqualTo((ExitCode.Ok, "")));
        using var document = JsonDocument.Parse(run.Out);
        Assert.That(document.RootElement.ValueKind, Is.EqualTo(JsonValueKind.Object));
    }

    [Test]
    public void Json_goes_into_a_file()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("rawdl-test-").FullName, "version.json");
        using var output = new StringWriter();
        Assert.That(Application.Run(["version", "--json-file", path], output, TextWriter.Null), Is.EqualTo(ExitCode.Ok));
        Assert.That(output.ToString(), Does.StartWith("rawdl "));
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        Assert.That(document.RootElement.GetProperty("version").GetString(), Does.StartWith("0."));
    }

    [Test]
    public void A_missing_device_exits_with_4()
    {
        var run = Rawdl.Run("selftest", "--device", "cuda:99");
        Assert.That((run.Code, run.Out), Is.EqualTo((ExitCode.Device, "")));
        Assert.That(run.Error, Does.Match("^rawdl: --device cuda(:99)?: expected a .*, got .*\n$"));
    }

    [TestCase("--gemm", "cublas"), TestCase("--precision", "tf32")]
    public void Options_of_a_gpu_are_refused_for_the_cpu(string option, string value)
    {
        var run = Rawdl.Run("selftest", option, value);
        Assert.That((run.Code, run.Error), Is.EqualTo((ExitCode.Usage, $"rawdl: {option}: expected --device cuda beside it, got the cpu.\n")));
    }

    [TestCase("sm_", 2, "--arch: expected an architecture like sm_90a")]
    [TestCase("sm_80", 4, "expected NVRTC, got")]
    public void Kernels_that_cannot_be_compiled_are_one_line(string architecture, int code, string expected)
    {
        var run = Rawdl.Run(new Dictionary<string, string?> { ["RAWDL_NVRTC_LIBRARY"] = "/nowhere/libnvrtc.so.12" }, "kernels", "--arch", architecture, "--out", Path.Combine(TestContext.CurrentContext.WorkDirectory, "no-kernels"));
        Assert.That(((int)run.Code, run.Out), Is.EqualTo((code, "")));
        Assert.That(run.Error, Does.Contain(expected));
    }

    [Test]
    public void Devices_are_listed_or_their_lack_explained()
    {
        using var document = JsonDocument.Parse(Rawdl.Run("devices", "--json").Out);
        var devices = document.RootElement.GetProperty("devices").EnumerateArray().Select(device => device.GetProperty("name").GetString()).ToArray();
        Assert.That(devices[0], Is.EqualTo("cpu"));
        if (devices.Length == 1) Assert.That(document.RootElement.GetProperty("no_cuda").GetString(), Is.Not.Empty);
        else Assert.That(devices[1], Is.EqualTo("cuda:0"));
    }

    [Test]
    public void Auto_says_what_it_chose()
    {
        using var error = new StringWriter();
        Assert.That(Application.Run(["selftest", "--device", "auto", "--threads", "1"], TextWriter.Null, error), Is.EqualTo(ExitCode.Ok));
        var (gpus, reason) = CudaDevices.List();
        Assert.That(error.ToString(), Does.Contain(gpus.Count > 0 ? "Device: cuda:0" : $"chosen by auto: {reason}").And.Contain("chosen by auto"));
    }

    [Test]
    public void A_folder_that_cannot_be_written_exits_with_74()
    {
        using var output = new StringWriter();
        Assert.That(Application.Run(["doctor", "--out", "/proc/nowhere"], output, TextWriter.Null), Is.EqualTo(ExitCode.InputOutput));
        Assert.That(output.ToString(), Does.Contain("FAIL").And.Contain("--out"));
    }

    [Test]
    public void An_unexpected_exception_exits_with_1_and_names_a_report()
    {
        using var error = new StringWriter();
        var code = Failure.Report(new InvalidOperationException("odd\nthing"), ["train"], verbose: false, error);
        Assert.That(code, Is.EqualTo(ExitCode.Bug));
        var lines = error.ToString().TrimEnd().Split('\n');
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.That(lines[0], Is.EqualTo("rawdl: unexpected InvalidOperationException: odd?thing"));
        var path = lines[1]["Please report it with ".Length..^1];
        Assert.That(File.ReadAllText(path), Does.Contain("odd"));
        File.Delete(path);
    }

    [Test]
    public void Verbose_shows_the_stack()
    {
        using var error = new StringWriter();
        Assert.That(Application.Run(["selftest", "--device", "cuda:99", "-v"], TextWriter.Null, error), Is.EqualTo(ExitCode.Device));
        Assert.That(error.ToString(), Does.Contain("   at RawDL."));
    }

    [Test]
    public void Self_test_passes_and_counts()
    {
        using var output = new StringWriter();
        Assert.That(Application.Run(["selftest", "--quiet"], output, TextWriter.Null), Is.EqualTo(ExitCode.Ok));
        Assert.That(output.ToString(), Does.Contain("relu").And.Contain("all passed"));
    }
}

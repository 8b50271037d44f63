using ManagedCuda.NVRTC;

namespace RawDL.Cuda;

internal sealed unsafe partial class Nvrtc
{
    private Nvrtc()
    {
        Version = CudaRuntimeCompiler.GetVersion();
        Architectures = CudaRuntimeCompiler.GetSupportedArchs();
    }

    private static partial Nvrtc? TryOpen(int newestMajor, out string reason)
    {
        try
        {
            reason = "";
            return new Nvrtc();
        }
        catch (Exception e) when (e is DllNotFoundException || e.InnerException is DllNotFoundException)
        {
            reason = "no libnvrtc.so, by which ManagedCuda loads it";
            return null;
        }
    }

    private partial string? Build(string name, string text, KeyValuePair<string, string>[] headers, string[] options, bool isPtx, out byte[] image, out string log)
    {
        using var compiler = new CudaRuntimeCompiler(text, name, [.. headers.Select(header => header.Value)], [.. headers.Select(header => header.Key)]);
        image = [];
        try
        {
            compiler.Compile(options);
        }
        catch (NVRTCException e)
        {
            log = compiler.GetLogAsString();
            return e.Message;
        }
        log = compiler.GetLogAsString();
        image = isPtx ? compiler.GetPTX() : compiler.GetCubin();
        return null;
    }
}

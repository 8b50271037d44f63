using System.Runtime.InteropServices;
using System.Text;

namespace RawDL.Cuda;

internal sealed unsafe partial class Nvrtc
{
    private readonly nint _library;
    private readonly delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int> _createProgram;
    private readonly delegate* unmanaged<nint, int, byte**, int> _compileProgram;
    private readonly delegate* unmanaged<nint*, int> _destroyProgram;
    private readonly delegate* unmanaged<int, byte*> _getErrorString;

    private Nvrtc(nint library, string path)
    {
        _library = library;
        _createProgram = (delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)Function("nvrtcCreateProgram");
        _compileProgram = (delegate* unmanaged<nint, int, byte**, int>)Function("nvrtcCompileProgram");
        _destroyProgram = (delegate* unmanaged<nint*, int>)Function("nvrtcDestroyProgram");
        _getErrorString = (delegate* unmanaged<int, byte*>)Function("nvrtcGetErrorString");
        int major, minor, count;
        Check(((delegate* unmanaged<int*, int*, int>)Function("nvrtcVersion"))(&major, &minor), "nvrtcVersion");
        Version = ParseVersion(major, minor);
        Check(((delegate* unmanaged<int*, int>)Function("nvrtcGetNumSupportedArchs"))(&count), "nvrtcGetNumSupportedArchs");
        var architectures = new int[count];
        fixed (int* values = architectures) Check(((delegate* unmanaged<int*, int>)Function("nvrtcGetSupportedArchs"))(values), "nvrtcGetSupportedArchs");
        Architectures = architectures;
        // It opens its second half by the bare name, which the loader knows only once it is loaded.
        if (Path.GetDirectoryName(path) is { Length: > 0 } folder && !OperatingSystem.IsWindows())
            NativeLibrary.TryLoad(Path.Combine(folder, $"libnvrtc-builtins.so.{Version}"), out _);
    }

    private static partial Nvrtc? TryOpen(int newestMajor, out string reason)
    {
        var names = OperatingSystem.IsWindows()
            ? SharedLibrary.Order(newestMajor, (13, "nvrtc64_130_0.dll"), (12, "nvrtc64_120_0.dll"), (11, "nvrtc64_112_0.dll"))
            : SharedLibrary.Order(newestMajor, (13, "libnvrtc.so.13"), (12, "libnvrtc.so.12"), (11, "libnvrtc.so.11.2"), (99, "libnvrtc.so"));
        var handle = SharedLibrary.Open(Variable, names, out var path, out reason);
        return handle == 0 ? null : new Nvrtc(handle, path);
    }

    private partial string? Build(string name, string text, KeyValuePair<string, string>[] headers, string[] options, bool isPtx, out byte[] image, out string log)
    {
        var texts = new List<nint>();
        nint program = 0;
        try
        {
            byte** headerTexts = Array(headers.Select(header => header.Value)), headerNames = Array(headers.Select(header => header.Key)), optionTexts = Array(options);
            Check(_createProgram(&program, Text(text), Text(name), headers.Length, headerTexts, headerNames), "nvrtcCreateProgram");
            var code = _compileProgram(program, options.Length, optionTexts);
            log = Encoding.UTF8.GetString(Get(program, "nvrtcGetProgramLog")).TrimEnd('\0');
            image = code == 0 ? Get(program, isPtx ? "nvrtcGetPTX" : "nvrtcGetCUBIN") : [];
            return code == 0 ? null : ErrorName(code);
        }
        finally
        {
            if (program != 0) _ = _destroyProgram(&program);
            foreach (var address in texts) Marshal.FreeCoTaskMem(address);
        }

        byte* Text(string value)
        {
            texts.Add(Marshal.StringToCoTaskMemUTF8(value));
            return (byte*)texts[^1];
        }

        byte** Array(IEnumerable<string> values)
        {
            var addresses = values.Select(value => (nint)Text(value)).ToArray();
            var array = (nint*)Marshal.AllocCoTaskMem(sizeof(nint) * Math.Max(1, addresses.Length));
            texts.Add((nint)array);
            addresses.CopyTo(new Span<nint>(array, addresses.Length));
            return (byte**)array;
        }
    }

    // nvrtcGetPTXSize and nvrtcGetPTX, and so for the others.
    private byte[] Get(nint program, string function)
    {
        nuint size;
        Check(((delegate* unmanaged<nint, nuint*, int>)Function(function + "Size"))(program, &size), function + "Size");
        var bytes = new byte[size];
        fixed (byte* target = bytes) Check(((delegate* unmanaged<nint, byte*, int>)Function(function))(program, target), function);
        return bytes;
    }

    private nint Function(string name) =>
        NativeLibrary.TryGetExport(_library, name, out var address) ? address : throw new CudaException($"expected NVRTC 11.2 or newer, got one without {name}");

    private string ErrorName(int code) => Marshal.PtrToStringUTF8((nint)_getErrorString(code)) ?? $"error {code}";

    private void Check(int code, string call)
    {
        if (code != 0) throw new CudaException($"{call}: {ErrorName(code)}");
    }
}

using System.Runtime.InteropServices;

namespace RawDL.Cli;

/// <summary>SIGINT and SIGTERM ask the command to stop, as a training does after its checkpoint; the second one stops at once.</summary>
internal sealed class Signals : IDisposable
{
    private static readonly CancellationTokenSource Source = new();
    private static int _received;

    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;

    public Signals()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Receive(context, ExitCode.Interrupted));
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Receive(context, ExitCode.Terminated));
    }

    /// <summary>Cancelled by the first signal.</summary>
    public static CancellationToken Stop => Source.Token;

    /// <summary>The exit code that the received signal asks for.</summary>
    public static ExitCode Code => _received == 0 ? ExitCode.Interrupted : (ExitCode)_received;

    /// <summary>True while a command watches <see cref="Stop"/>; elsewhere a signal ends the process at once.</summary>
    public static bool Watched { get; set; }

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
    }

    private static void Receive(PosixSignalContext context, ExitCode code)
    {
        context.Cancel = true;
        if (Interlocked.CompareExchange(ref _received, (int)code, 0) != 0 || !Watched) Environment.Exit((int)code);
        Source.Cancel();
    }
}

using RawDL.Cli;

// Open MPI gives a rank a terminal, which the console would greet with escapes, whatever becomes of the output.
if (World.Launcher is not null) Environment.SetEnvironmentVariable("TERM", "dumb");
return (int)Application.Run(args, Console.Out, Console.Error);

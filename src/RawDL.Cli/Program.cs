using RawDL.Cli;

return (int)Application.Run(args, Console.Out, Console.Error);

using System.CommandLine;

namespace RawDL.Cli;

/// <summary><c>rawdl completions script SHELL</c>: what a shell needs to complete commands, options and values.</summary>
internal static class CompletionsCommand
{
    private const string Bash = """
        _rawdl() {
            local IFS=$'\n'
            COMPREPLY=($("${COMP_WORDS[0]}" "[suggest:$((COMP_POINT - ${#COMP_WORDS[0]} - 1))]" "${COMP_LINE#* }" 2>/dev/null))
        }
        complete -o default -F _rawdl rawdl

        """;

    private const string Zsh = """
        #compdef rawdl
        _rawdl() {
            local line="${BUFFER#* }"
            local completions=("${(@f)$(rawdl "[suggest:$((CURSOR - ${#words[1]} - 1))]" "$line" 2>/dev/null)}")
            [[ -n "${completions[1]}" ]] && compadd -- "${completions[@]}" || _files
        }
        compdef _rawdl rawdl

        """;

    private const string Fish = """
        complete -c rawdl -a '(set -l line (string replace -r "^\\S+\\s" "" -- (commandline -cp)); rawdl "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null)'

        """;

    private const string PowerShell = """
        Register-ArgumentCompleter -Native -CommandName rawdl -ScriptBlock {
            param($wordToComplete, $commandAst, $cursorPosition)
            $line = $commandAst.ToString() -replace '^\S+\s?', ''
            $offset = $commandAst.ToString().Length - $line.Length
            rawdl "[suggest:$($cursorPosition - $offset)]" "$line" | ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
            }
        }

        """;

    public static Command Create()
    {
        var shell = Values.ChoiceArgument("shell", "bash, zsh, fish or pwsh.", "bash", "zsh", "fish", "pwsh");
        var script = new ExampleCommand("script", "Print the completion script of a shell.",
            "source <(rawdl completions script bash)", "rawdl completions script fish > ~/.config/fish/completions/rawdl.fish") { shell };
        script.SetAction(parsed =>
        {
            var text = parsed.GetValue(shell) switch { "bash" => Bash, "zsh" => Zsh, "fish" => Fish, _ => PowerShell };
            Session.Open(parsed).Emit(
                json =>
                {
                    json.WriteStartObject();
                    json.WriteString("script", text);
                    json.WriteEndObject();
                },
                output => output.Write(text));
            return (int)ExitCode.Ok;
        });
        return new Command("completions", "Completion of commands and options in the shell.") { script };
    }
}

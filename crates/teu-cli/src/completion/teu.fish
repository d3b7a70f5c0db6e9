# teu completion for fish
function __teu_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] __complete $words[2..-1] 2>/dev/null
end
complete -c teu -a '(__teu_complete)'

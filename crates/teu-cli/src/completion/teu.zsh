#compdef teu
_teu() {
    local -a found
    found=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -z "$found" ]]; then
        _files
    elif [[ ${#found} == 1 && "$found[1]" == *[:=] ]]; then
        compadd -S '' -- "${found[@]}"
    else
        compadd -- "${found[@]}"
    fi
}
if [[ "${funcstack[1]}" == _teu ]]; then _teu "$@"; else compdef _teu teu; fi

# teu completion for bash
_teu() {
    local line="${COMP_LINE:0:COMP_POINT}" IFS=$' \t\n' words typed before
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    typed="${words[-1]}"
    mapfile -t COMPREPLY < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
    # For bash a word ends at a colon and at =: what stands before them it has already.
    before="${typed%"${typed##*[:=]}"}"
    [[ -n "$before" ]] && COMPREPLY=("${COMPREPLY[@]#"$before"}")
    if [[ ${#COMPREPLY[@]} == 1 && "${COMPREPLY[0]}" == *[:=] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o default -o bashdefault -F _teu teu

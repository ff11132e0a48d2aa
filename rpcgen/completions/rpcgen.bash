# Completion of rpcgen(1) for bash.

_rpcgen() {
    local current=$2 previous=$3 values=
    # bash makes words of their own of what stands before and behind a `=`.
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $previous in
    --format) values="human short" ;;
    --naming) values="rust c" ;;
    --string) values="xdr utf8 bytes" ;;
    --opaque) values="bytes vec" ;;
    --enums) values="open closed newtype" ;;
    --lists) values="vec box" ;;
    -s | -n) values="tcp udp tcp6 udp6 local" ;;
    -S) values="s c m" ;;
    -O | -Y | --include | --oncrpc-path)
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
        return
        ;;
    -o)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    -D | -K | -i | --bound | --derive | --extern-type)
        COMPREPLY=()
        return
        ;;
    esac
    if [[ -z $values && $current == -* ]]; then
        values="-5 -? -C -D -I -K -L -M -N -O -Sc -Sm -Ss -T -Y -a -b -c -h -i -k -l -m -n -o -s -t
            --bound --check --cpp --derive --enums --extern-type --fmt --force --format --help --include --lists
            --naming --no-std --oncrpc-path --opaque --serde --string --sun --version"
    fi
    if [[ -n $values ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -d -S / -- "$current"; compgen -f -X '!*.x' -- "$current")
    fi
}
complete -F _rpcgen rpcgen

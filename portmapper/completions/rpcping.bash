# Completion of rpcping(8) for bash.

_rpcping() {
    local current=$2 previous=$3
    case $previous in
    -T) mapfile -t COMPREPLY < <(compgen -W "tcp udp tcp6 udp6 local" -- "$current") ;;
    -a) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    -p | -c | -k | -j | -s | -t | -n) COMPREPLY=() ;;
    *)
        local options="-T -a -c -j -k -n -p -s -t --busy-poll --help --json --version"
        case $current in
        -*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current") ;;
        *) mapfile -t COMPREPLY < <(compgen -A hostname -- "$current") ;;
        esac
        ;;
    esac
}
complete -F _rpcping rpcping

# Completion of rpcinfo(8) for bash.

_rpcinfo() {
    local current=$2 previous=$3
    case $previous in
    -T) mapfile -t COMPREPLY < <(compgen -W "tcp udp tcp6 udp6 local" -- "$current") ;;
    --socket) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    -a | -n | --port | --timeout) COMPREPLY=() ;;
    *)
        local options="-T -a -b -d -l -m -n -p -s -t -u --help --json --port --probe --socket --timeout --version"
        case $current in
        -*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current") ;;
        *)
            local programs
            programs=$(awk '/^[a-z]/ { print $1 }' /etc/rpc 2>/dev/null)
            mapfile -t COMPREPLY < <(compgen -A hostname -W "$programs" -- "$current")
            ;;
        esac
        ;;
    esac
}
complete -F _rpcinfo rpcinfo

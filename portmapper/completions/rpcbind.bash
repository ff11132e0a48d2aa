# Completion of rpcbind(8) for bash.

_rpcbind() {
    local current=$2 previous=$3
    case $previous in
    --config | --lock | --metrics | --socket) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    --state-dir) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    -h) mapfile -t COMPREPLY < <(compgen -A hostname -- "$current") ;;
    --bind | --port | --set) COMPREPLY=() ;;
    *)
        local options="-a -d -f -h -i -l -r -s -v -w --bind --bind-missing --check --config --help --json
            --lock --metrics --port --set --socket --state-dir --status --version"
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        ;;
    esac
}
complete -F _rpcbind rpcbind

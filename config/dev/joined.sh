# Services of one's own that joined the local mesh; sourced, not run. Of each, below .run/joined:
#   NAME      line 1: its program; line 2: the shared object with its contract, as it is built. Who has this file has joined
#   NAME.so   the contract that the mesh goes by: a copy, since a build may be gone or half done at any time
# Keys, rights, streams and consumers follow from the contracts, so who joins changes these files alone and has the rest made anew. A
# guard outlives whoever is at it, and takes back what was not ended, whatever ended that.

# joined: the names.
joined()
{
    local file
    for file in "$run"/joined/*; do
        case $file in *.so) ;; *) [ ! -e "$file" ] || basename "$file" ;; esac
    done
}

# joined_contracts: their copies, with ":" between them.
joined_contracts()
{
    local name
    for name in $(joined); do printf '%s:' "$run/joined/$name.so"; done
}

program_of()
{
    sed -n 1p "$run/joined/$1"
}

contract_of()
{
    sed -n 2p "$run/joined/$1"
}

# start_joined NAME: a program that is gone keeps nobody from working with the others.
start_joined()
{
    local program
    program=$(program_of "$1")
    if [ -x "$program" ]; then
        start_service "$1" "$program"
    else
        echo "$1: its program $program is gone: build it again, or furrow dev leave $1"
    fi
}

# What was built anew since counts from now on, if the tool can use it beside the others.
take_rebuilt_contracts()
{
    local name contract copy
    for name in $(joined); do
        contract=$(contract_of "$name") copy=$run/joined/$name.so
        [ -e "$contract" ] && ! cmp -s "$contract" "$copy" || continue
        cp "$contract" "$run/joined/.$name.new"
        if FURROW_CONTRACTS=$run/joined/.$name.new furrow permissions 2>/dev/null | grep -F "\"$name.log\"" >/dev/null; then
            mv "$run/joined/.$name.new" "$copy"
        else
            rm "$run/joined/.$name.new"
            echo "$name: $contract cannot be used: the one before counts; furrow dev run says why"
        fi
    done
}

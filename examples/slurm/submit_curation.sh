#!/bin/bash
# Gives Slurm a curation: the list, its parts as an array, and the rest.
#
#   bash submit_curation.sh CURATION.toml PARTS [AT_ONCE] [OPTIONS OF SBATCH...]
#
# AT_ONCE: so many parts at the same time at most. Each job begins when the one before it has ended
# well; one that has not takes the following ones with it, and the same command goes on.

set -euo pipefail

config=$1 parts=$2 at_once=${3:-$2}
options=(--parsable --kill-on-invalid-dep=yes "${@:4}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

list=$(sbatch "${options[@]}" --job-name=videonet-list "$here/curate.sbatch" "$config" list)
array=$(sbatch "${options[@]}" --job-name=videonet-part --array="1-$parts%$at_once" \
    --dependency="afterok:$list" "$here/curate.sbatch" "$config" part "$parts")
rest=$(sbatch "${options[@]}" --job-name=videonet-rest --dependency="afterok:$array" \
    "$here/curate.sbatch" "$config" rest)
echo "list $list, parts $array, rest $rest: squeue --me shows them, videonet status OUT the run"

# What the sbatch scripts share; sourced, not run.
#
# SLURM sends USR1 some minutes before the time limit (--signal=B:USR1@300): the stage stops after its step with a checkpoint, and
# the job goes back into the queue. It sends TERM when it preempts a job, or when you cancel it: the stage stops in the same way,
# and SLURM decides about the queue. A stage that is started again finds its last checkpoint by itself, so a node that died
# (--requeue) needs nothing more.
# shellcheck shell=bash
set -u

PYTHON=${PYTHON:-python}

# stage VERB ARGUMENTS...: one verb of `sp3f`.
stage() {
    local code=0 again='' told='' child=''
    # Before the stage starts: a signal that comes first must not end this shell and leave the stage alone.
    trap 'told=USR1; again=yes; kill -USR1 "$child" 2>/dev/null' USR1
    trap 'told=TERM; kill -TERM "$child" 2>/dev/null' TERM
    "$PYTHON" -m sp3f_lib "$@" &
    child=$!
    [ -z "$told" ] || kill -s "$told" "$child" 2>/dev/null
    wait "$child" || code=$?
    while [ -n "$told" ] && [ "$code" -gt 128 ]; do # a signal ended the wait, not the stage
        told='' code=0
        wait "$child" || code=$?
    done
    trap - USR1 TERM
    if [ -n "$again" ] && [ "$code" -ne 0 ]; then
        local job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
        echo "stopped before the time limit; back into the queue"
        scontrol requeue "${job:-$SLURM_JOB_ID}"
        exit 0
    fi
    return "$code"
}

# pick WORDS: the word of this task of a job array; nothing outside an array.
pick() {
    local words
    read -r -a words <<<"$1"
    if [ -n "${SLURM_ARRAY_TASK_ID:-}" ] && [ "${#words[@]}" -gt 0 ]; then
        if [ "$SLURM_ARRAY_TASK_ID" -ge "${#words[@]}" ]; then
            echo "task $SLURM_ARRAY_TASK_ID, but only ${#words[@]} to choose from: $1; submit with --array=0-$((${#words[@]} - 1))" >&2
            return 2
        fi
        echo "${words[$SLURM_ARRAY_TASK_ID]}"
    fi
}

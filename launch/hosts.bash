# shellcheck shell=bash
# Sourced by run.sh: the hosts of a host file, asked before anything is started on them.

# read_hosts FILE CORES: the file as mpirun can read it, one line "HOST slots=N [max_slots=M]" a host, in
# the order of their first mention. People write a host once for each rank (N lines without slots are
# N slots), slots and max_slots in any order, comments, indentation, Windows' line ends, IPv6
# addresses with or without brackets. A host named once without slots has CORES of them. What else a
# line has is an error; prints it and fails.
read_hosts() {
  awk -v cores="$2" -v file="$1" '
    { sub(/\r$/, ""); sub(/#.*/, ""); gsub(/[ \t]*=[ \t]*/, "=") }
    NF == 0 { next }
    {
      host = $1
      gsub(/^\[|\]$/, "", host)
      if (!(host in lines)) order[++hosts] = host
      lines[host]++
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^slots=[1-9][0-9]*$/) { slots[host] += substr($i, 7); said[host]++ }
        else if ($i ~ /^max[_-]slots=[1-9][0-9]*$/) max[host] = substr($i, 11)
        else {
          printf "%s:%d: \"%s\" is not understood; a line is HOST slots=RANKS max_slots=RANKS\n",
            file, FNR, $i > "/dev/stderr"
          bad = 1
        }
      }
    }
    END {
      if (hosts == 0 && !bad) { print file ": names no host" > "/dev/stderr"; bad = 1 }
      if (bad) exit 65
      for (i = 1; i <= hosts; i++) {
        host = order[i]
        n = slots[host] + lines[host] - said[host]
        if (lines[host] == 1 && !said[host]) n = cores
        if (host in max) { if (n > max[host]) n = max[host]; print host " slots=" n " max_slots=" max[host] }
        else print host " slots=" n
      }
    }' "$1"
}

# most_ranks RANKS FILE: the most that one host gets of so many when hosts are filled in order; ranks
# beyond all slots are shared out evenly.
most_ranks() {
  awk -v ranks="$1" '
    { split($2, part, "="); slots[NR] = part[2]; sum += part[2] }
    END {
      left = ranks
      for (i = 1; i <= NR && left > 0; i++) {
        n = slots[i] < left ? slots[i] : left
        if (n > most) most = n
        left -= n
      }
      even = int((ranks + NR - 1) / NR)
      print (ranks > sum && even > most) ? even : most
    }' "$2"
}

# The program that mpirun starts its daemons with, where it is not ssh.
remote_agent() {
  local word found="${OMPI_MCA_plm_rsh_agent:-ssh}" previous=""
  for word in ${ALLMODES_MPIRUN:-}; do
    if [[ "$previous" == plm_rsh_agent ]]; then found="$word"; fi
    previous="$word"
  done
  echo "$found"
}

is_this_host() {
  [[ "$1" == localhost || "$1" == 127.* || "$1" == ::1 || "$1" == "$(hostname)" ||
    "$1" == "$(hostname -s)" || "$1" == "$(hostname -f 2>/dev/null || true)" ]]
}

# The files that every host needs: of the program's words those that are files or folders here, and
# what the configuration among them says of paths.
needed_paths() {
  local word
  for word in "$@"; do
    word="${word#*=}"
    [[ -e "$word" ]] || continue
    realpath -s -- "$word"
    if [[ -f "$word" && "$word" == *.txtpb ]]; then
      sed -n 's/#.*//; s/.*\(^\|[^a-z_]\)path: *"\([^"]*\)".*/\2/p' "$word" | while read -r path; do
        [[ ! -e "$path" ]] || realpath -s -- "$path"
      done
    fi
  done | sort -u
}

# What is asked on a host. Prints a line for each thing that is not as it is here, "version" and what the
# program says of itself, then "asked". Arguments: the program, this folder, paths.
question='
program="$1" folder="$2"; shift 2
[ -d "$folder" ] || echo "there is no folder $folder"
if [ ! -x "$program" ]; then echo "there is no program $program"
else echo "version $("$program" --version 2>&1 | head -n 1)"
fi
for path in "$@"; do [ -r "$path" ] || echo "there is no $path, or it cannot be read"; done
command -v orted >/dev/null || [ -x "$OPAL_PREFIX/bin/orted" ] || echo "Open MPI is not on the PATH there (orted)"
echo asked'

# on_host HOST SECONDS WORD...: the words on another host, through the remote agent; fails when they do,
# or have not ended within the seconds.
on_host() {
  local host="$1" seconds="$2" agent
  shift 2
  agent="$(remote_agent)"
  local -a options=()
  if [[ "$agent" == ssh ]]; then
    options=(-o BatchMode=yes -o "ConnectTimeout=$((seconds < 20 ? (seconds + 1) / 2 : 10))")
  fi
  # shellcheck disable=SC2086  # an agent may have words of its own
  timeout "$seconds" $agent ${options[@]+"${options[@]}"} "$host" "$@" </dev/null
}

# ask_hosts FILE PROGRAM WORD...: asks all hosts of the file at the same time, prints everything that
# is wrong, "HOST: ..." a line, and fails when there is anything. A host that does not answer within
# 20 s is one that does not answer.
ask_hosts() {
  local file="$1" binary="$2" agent host answers version said line problems=0
  shift 2
  agent="$(remote_agent)"
  answers="$(mktemp -d)"
  # The program takes a while to load: here while it does there.
  { "$binary" --version 2>&1 || true; } | head -n 1 >"$answers/.version" &
  local -a paths
  mapfile -t paths < <(needed_paths "$@")
  while read -r host _; do
    if is_this_host "$host"; then
      echo asked >"$answers/$host"
    else
      on_host "$host" 20 \
        "sh -c $(quoted "$question" _ "$binary" "$PWD" ${paths[@]+"${paths[@]}"})" \
        >"$answers/$host" 2>"$answers/$host.said" &
    fi
  done <"$file"
  wait
  version="$(cat "$answers/.version")"
  while read -r host _; do
    if ! grep -qx asked "$answers/$host"; then
      echo "$host: does not answer $agent: $(tr -d '\r' <"$answers/$host.said" | grep -v '^ *$' | tail -n 1 | grep . ||
        echo 'nothing within 20 s')"
      problems=$((problems + 1))
    elif said="$(grep -vxF -e asked -e "version $version" "$answers/$host")"; then
      while read -r line; do
        [[ "$line" != "version "* ]] || line="$binary is \"${line#version }\" there and \"$version\" here"
        echo "$host: $line"
      done <<<"$said"
      problems=$((problems + 1))
    fi
  done <"$file"
  rm -rf "$answers"
  ((problems == 0))
}

# doctor_on_hosts FILE PROGRAM WORD...: `PROGRAM WORD...` on all hosts of the file at the same time, from
# this folder, each host's lines under its name; fails when one of them does or does not answer within
# a minute.
doctor_on_hosts() {
  local file="$1" host answers failed=0
  shift
  answers="$(mktemp -d)"
  while read -r host _; do
    {
      if is_this_host "$host"; then
        timeout 60 "$@" </dev/null
      else
        on_host "$host" 60 "sh -c $(quoted "cd $(quoted "$PWD") && exec $(quoted "$@")")"
      fi >"$answers/$host" 2>&1 && touch "$answers/$host.well"
    } &
  done <"$file"
  wait
  while read -r host _; do
    echo "$host"
    tr -d '\r' <"$answers/$host"
    if [[ ! -e "$answers/$host.well" ]]; then
      failed=$((failed + 1))
      [[ -s "$answers/$host" ]] || echo "  x  nothing within a minute"
    fi
    echo
  done <"$file"
  rm -rf "$answers"
  ((failed == 0)) || echo "$failed of $(wc -l <"$file") hosts lack something or do not answer"
  ((failed == 0))
}

# answering ALL USED PROGRAM WORD...: the lines of the host file ALL whose host can take part in the next
# start. One that is in USED, which had a part in the last one, runs a command within ten seconds; another one,
# which was lost before and may have come back, has to have what the run needs too, within twenty.
answering() {
  local all="$1" used="$2" host slots answers binary="$3"
  shift 3
  answers="$(mktemp -d)"
  local -a paths
  mapfile -t paths < <(needed_paths "$@")
  while read -r host slots; do
    if is_this_host "$host"; then
      : >"$answers/$host"
    elif grep -q "^$host " "$used"; then
      if on_host "$host" 10 true &>/dev/null; then : >"$answers/$host"; fi &
    else
      if [[ "$(on_host "$host" 20 "sh -c $(quoted "$question" _ "$binary" "$PWD" \
        ${paths[@]+"${paths[@]}"})" 2>/dev/null | grep -v '^version ')" == asked ]]; then
        : >"$answers/$host"
      fi &
    fi
  done <"$all"
  wait
  while read -r host slots; do
    if [[ -e "$answers/$host" ]]; then echo "$host $slots"; fi
  done <"$all"
  rm -rf "$answers"
}

# slots_of FILE: prints how many ranks its hosts have room for.
slots_of() { awk '{ split($2, part, "="); sum += part[2] } END { print sum + 0 }' "$1"; }

# shellcheck shell=bash
# Sourced by the scripts of this folder after end_to_end/common.bash: four hosts on one machine, each
# a network namespace with a veth on one bridge, a name and a /dev/shm of its own. Ends with 77 where
# that is not possible (no root, no ip, no tc). Everything is removed at the end.
#
#   make_hosts [SLOTS]     slots a host, one without
#   on_hosts ARGUMENT...   mpirun over the first $host_count hosts (3), a rank a slot, from the first
#   cut_link HOST          takes the link of host 1, 2, 3 or 4 away
#   shape_link HOST RATE   "50mbit": limits what the host sends

tag="am$$"
net=10.99.0
hosts=("$tag"a "$tag"b "$tag"c "$tag"d)

skip() {
  echo "skipped: $1"
  exit 77
}
((EUID == 0)) || skip "network namespaces need root"
for tool in ip tc nsenter unshare; do
  command -v "$tool" >/dev/null || skip "there is no '$tool'"
done

remove_hosts() {
  local host pid
  for host in "${hosts[@]}"; do
    for pid in $(ip netns pids "$host" 2>/dev/null); do kill -9 "$pid" 2>/dev/null || true; done
    ip netns delete "$host" 2>/dev/null || true
    rm -rf "/etc/netns/$host"
  done
  ip netns delete "${tag}sw" 2>/dev/null || true
  rm -rf "$work"
}
trap remove_hosts EXIT

# The bridge lives in a namespace of its own, so that nothing of the machine's network is touched.
make_hosts() {
  local i j host
  slots="${1:-1}"
  ip netns add "${tag}sw" 2>/dev/null || skip "network namespaces are not allowed here"
  ip -n "${tag}sw" link add br0 type bridge 2>/dev/null || skip "bridges are not allowed here"
  ip -n "${tag}sw" link set br0 up
  for i in 0 1 2 3; do
    host="${hosts[i]}"
    ip netns add "$host"
    ip -n "${tag}sw" link add "v$i" type veth peer name e0 netns "$host"
    ip -n "${tag}sw" link set "v$i" master br0 up
    ip -n "$host" address add "$net.$((i + 1))/24" dev e0
    ip -n "$host" link set e0 up
    ip -n "$host" link set lo up
    mkdir -p "/etc/netns/$host"
    printf '127.0.0.1 localhost\n' >"/etc/netns/$host/hosts"
    for j in 0 1 2 3; do
      printf '%s.%s %s\n' "$net" "$((j + 1))" "${hosts[j]}" >>"/etc/netns/$host/hosts"
    done
  done
  printf "%s slots=$slots\n" "${hosts[@]}" >"$work/hostfile"
  # mpirun's agent: HOST COMMAND... The first words after the host are the daemon's command line.
  cat >"$work/agent" <<'AGENT'
#!/bin/sh
host="$1"; shift
exec ip netns exec "$host" unshare --uts --ipc --mount \
  bash -c 'hostname "$1"; mount -t tmpfs none /dev/shm; exec sh -c "$2"' _ "$host" "$*"
AGENT
  chmod +x "$work/agent"
}

# The first host as mpirun's own: a process with its name and network.
on_first_host() {
  ip netns exec "${hosts[0]}" unshare --uts --ipc --mount \
    bash -c 'hostname "$0"; mount -t tmpfs none /dev/shm; exec "$@"' "${hosts[0]}" "$@"
}

on_hosts() {
  on_first_host env ALLMODES_BINARY="$program" ALLMODES_NETWORK="$net.0/24" \
    ALLMODES_MPIRUN="--mca plm_rsh_agent $work/agent --mca mpi_yield_when_idle 1 --bind-to none" \
    bash "$source/launch/run.sh" -n "$((${host_count:-3} * slots))" --hostfile "$work/hostfile" -- "$@"
}

cut_link() { ip -n "${tag}sw" link set "v$(($1 - 1))" down; }
shape_link() {
  ip netns exec "${hosts[$1 - 1]}" tc qdisc add dev e0 root tbf rate "$2" burst 32kbit latency 400ms
}

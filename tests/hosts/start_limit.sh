#!/usr/bin/env bash
# Hosts that do not reach each other, because a bridge has one address on each of them as Docker's has,
# and a rank that never starts: the job ends within the limit with 68, and says who and what to set.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/../end_to_end/common.bash"
# shellcheck source=tests/hosts/common.bash
source "$source/tests/hosts/common.bash"

make_hosts
host_count=2
write_ring_gan ring.txtpb
for host in "${hosts[@]:0:2}"; do
  # A bridge without a port has no carrier, and is not used.
  ip -n "$host" link add docker0 type bridge || skip "bridges are not allowed here"
  ip -n "$host" link add port0 type veth peer name port1
  ip -n "$host" link set port0 master docker0 up
  ip -n "$host" link set port1 up
  ip -n "$host" address add 172.17.0.1/16 dev docker0
  ip -n "$host" link set docker0 up
done

# plain_mpirun WORD...: two hosts, with no network named
plain_mpirun() {
  on_first_host mpirun -np 2 --hostfile "$work/hostfile" --map-by slot --bind-to none \
    --mca mpi_yield_when_idle 1 --mca plm_rsh_agent "$work/agent" -x ALLMODES_START_LIMIT_S "$@"
}

export ALLMODES_START_LIMIT_S=6
began="$(date +%s)"
expect 68 plain_mpirun "$program" train ring.txtpb --quiet --out bridges
(($(date +%s) - began < 25)) || fail "the job took $(($(date +%s) - began)) s to end"
says err 'the ranks have not all started within 6 s'
says err "rank [01] on ${hosts[0]:0:-1}[ab] \\(pid [0-9]+\\): has passed MPI_Init, and waits for messages of others"
says err 'docker0 \(172.17.0.1\)'
says err 'ALLMODES_NETWORK='

# The same hosts with the network that they share.
expect 0 on_hosts train ring.txtpb --quiet --set batch=64 --out shared

# Rank 1's program does not come to its first line.
cat >"$work/late" <<LATE
#!/bin/sh
[ "\$OMPI_COMM_WORLD_RANK" != 1 ] || exec sleep 600
exec "$program" "\$@"
LATE
chmod +x "$work/late"
expect 68 plain_mpirun --mca oob_tcp_if_include "$net.0/24" --mca btl_tcp_if_include "$net.0/24" \
  "$work/late" train ring.txtpb --quiet --out late
says err "rank 0 on ${hosts[0]} \\(pid [0-9]+\\): has started, and waits in MPI_Init"
says err 'a host without such a line is down, or its ranks did not start at all'
for host in "${hosts[@]:0:2}"; do
  for process in $(ip netns pids "$host"); do
    if readlink "/proc/$process/exe" | grep -E 'allmodes$|sleep$'; then fail "left behind on $host"; fi
  done
done
echo "hosts that do not reach each other and a rank that never starts are told within the limit"

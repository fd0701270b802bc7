#!/bin/bash
# Installs what a fresh Debian or Ubuntu machine with Go lacks to build and test
# Karat. It says what, and does nothing the second time.
set -euo pipefail

packages=(
	gcc             # cgo: the sound card and the codec are C libraries
	libc6-dev       # its headers, which gcc only recommends
	make            # the Makefile
	pkg-config      # where the libraries below lie
	portaudio19-dev # PortAudio: microphone and speaker
	libopus-dev     # Opus: the codec
	libopusfile-dev # the Go binding of Opus links it
	libspeexdsp-dev # echo cancellation
	ca-certificates # Go fetches modules over TLS
)
modules=(portaudio-2.0 opus opusfile speexdsp) # the same libraries by pkg-config's names

say() { echo "setup: $*" >&2; }

# A package that was never seen makes dpkg-query fail; one that was removed and
# left its settings behind is listed, but not as "installed".
missing() {
	local installed p
	installed=" $(dpkg-query -W -f='${Package}=${db:Status-Status} ' "${packages[@]}" 2>/dev/null || true)"
	for p in "${packages[@]}"; do
		[[ $installed == *" $p=installed "* ]] || echo "$p"
	done
}

# as_root CMD...: run it as root, asking for a password only where somebody can
# type one.
as_root() {
	if [[ $EUID -eq 0 ]]; then
		"$@"
	elif command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
		sudo "$@"
	else
		say "this needs root, and there is no sudo that works here. Run as root, then try again:"
		say "    apt-get update && apt-get install -y --no-install-recommends ${lacking[*]}"
		exit 1
	fi
}

need_go() {
	command -v "${GO:-go}" >/dev/null && return
	say "Karat needs Go 1.26 or newer, and there is no '${GO:-go}' in the PATH: see https://go.dev/doc/install"
	exit 1
}

other_system() {
	if command -v cc >/dev/null && pkg-config --exists "${modules[@]}" 2>/dev/null; then
		return
	fi
	say "this is neither Debian nor Ubuntu. Install a C compiler, pkg-config, and PortAudio, Opus, opusfile and speexdsp"
	say "with their headers (pkg-config must find: ${modules[*]}), then try again."
	exit 1
}

need_go
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	other_system
	exit
fi

mapfile -t lacking < <(missing)
if [[ ${#lacking[@]} -eq 0 ]]; then
	exit
fi
say "installing ${lacking[*]}"
as_root apt-get update -q
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${lacking[@]}"
mapfile -t lacking < <(missing)
if [[ ${#lacking[@]} -ne 0 ]]; then
	say "apt-get ended without an error, and these are still not installed: ${lacking[*]}"
	exit 1
fi
say "done"

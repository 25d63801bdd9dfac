# shellcheck shell=bash
# images.bash - programs of the engine host's Debian for test images. Load it after common.

# add_programs ROOTFS PROGRAM...: where Debian has them, with the libraries that they need
add_programs ()
{
	local program file
	for program in "${@:2}"; do
		program=$(command -v "$program")
		# Lines as "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)"; a static one has none.
		for file in "$program" $(ldd "$program" 2>/dev/null | grep -oE '/[^ ]+'); do
			mkdir -p "$1${file%/*}"
			[[ -e $1$file ]] || cp -L "$file" "$1$file"
		done
	done
}

# add_script ROOTFS PATH: an executable of what stands on standard input
add_script ()
{
	mkdir -p "$1${2%/*}"
	cat >"$1$2"
	chmod 755 "$1$2"
}

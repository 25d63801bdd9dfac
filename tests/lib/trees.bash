# shellcheck shell=bash
# trees.bash - machines for drictl doctor --root, made of a manifest in
# tests/fixtures/trees: what /sys, /proc and /etc of one would say. A manifest has
#
#   # a comment
#   include NAME                    another manifest, first
#   file PATH [TEXT]                a file with this one line, or empty
#   text PATH                       a file of the lines that follow, each after a tab
#   link PATH TARGET                a symbolic link
#   dir PATH
#   drop PATH                       what an included manifest made
#   mode PATH MODE
#   node PATH MAJOR MINOR UID GID MODE    a character device
#   pci ADDRESS CLASS VENDOR:DEVICE [DRIVER [GROUP]]    "-" for no driver
#   drm NAME MINOR ADDRESS          a node of the kernel's, on that PCI device

TREES=$REPO/tests/fixtures/trees

# build_tree NAME DIRECTORY
build_tree ()
{
	local root=$2 line verb path rest text=
	mkdir -p "$root"
	while IFS= read -r line || [[ $line ]]; do
		if [[ $line == $'\t'* ]]; then
			printf '%s\n' "${line#?}" >>"$text"
			continue
		fi
		read -r verb path rest <<<"$line"
		case $verb in
		'' | '#'*) ;;
		include) build_tree "$path" "$root" || return ;;
		text)
			text=$root$path
			mkdir -p "${text%/*}"
			: >"$text"
			;;
		file | link | dir | drop | mode | node | pci | drm) "tree_$verb" "$root" "$path" "$rest" || return ;;
		*) fail "tree $1: no \"$verb\"" || return ;;
		esac
	done <"$TREES/$1.tree"
}

tree_file ()
{
	mkdir -p "${1}${2%/*}"
	if [[ $3 ]]; then printf '%s\n' "$3" >"$1$2"; else : >"$1$2"; fi
}
tree_link () { mkdir -p "${1}${2%/*}" && ln -sfn "$3" "$1$2"; }
tree_dir () { mkdir -p "$1$2"; }
tree_drop () { rm -r "$1${2:?}"; }
tree_mode () { chmod "$3" "$1$2"; }
tree_node ()
{
	local major minor uid gid mode
	read -r major minor uid gid mode <<<"$3"
	mkdir -p "${1}${2%/*}" && mknod --mode="$mode" "$1$2" c "$major" "$minor" && chown "$uid:$gid" "$1$2"
}

# As Linux has it: the device below its bus, and links to it from everywhere else.
tree_pci ()
{
	local class ids driver group device=/sys/devices/pci${2%:*:*}:00/$2
	read -r class ids driver group <<<"$3"
	tree_file "$1" "$device/class" "0x$class"
	tree_file "$1" "$device/vendor" "0x${ids%:*}"
	tree_file "$1" "$device/device" "0x${ids#*:}"
	tree_link "$1" "/sys/bus/pci/devices/$2" "../../../devices/pci${2%:*:*}:00/$2"
	[[ ${driver:--} == - ]] || {
		tree_dir "$1" "/sys/bus/pci/drivers/$driver"
		tree_link "$1" "$device/driver" "../../../bus/pci/drivers/$driver"
	}
	[[ ! $group ]] || {
		tree_link "$1" "$device/iommu_group" "../../../kernel/iommu_groups/$group"
		tree_link "$1" "/sys/kernel/iommu_groups/$group/devices/$2" "../../../../devices/pci${2%:*:*}:00/$2"
	}
}
tree_drm ()
{
	local minor address device
	read -r minor address <<<"$3"
	device=/sys/devices/pci${address%:*:*}:00/$address
	tree_file "$1" "$device/drm/$2/dev" "226:$minor"
	tree_link "$1" "$device/drm/$2/device" ../..
	tree_link "$1" "/sys/dev/char/226:$minor" "../../devices/pci${address%:*:*}:00/$address/drm/$2"
	tree_link "$1" "/sys/class/drm/$2" "../../devices/pci${address%:*:*}:00/$address/drm/$2"
}

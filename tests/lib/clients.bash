# shellcheck shell=bash
# clients.bash - scripts that play the broker's clients, with broker.py or what builds upon it. Load it after common.

# mount_leases: for setup_file; $LEASES is the file system of the brokers' lease roots
mount_leases ()
{
	export LEASES=$BATS_FILE_TMPDIR/leases
	mount_lease_root "$LEASES"
}
unmount_leases () { umount -l "$LEASES"; }

# python_with MODULE: a script on standard input, which has all of the module; that is the file's own, or of lib
python_with ()
{
	{ echo "from $1 import *"; cat; } |
		PYTHONPATH=$REPO/tests/lib:$BATS_FILE_TMPDIR timeout 500 "$(command -pv python3)" -B -
}

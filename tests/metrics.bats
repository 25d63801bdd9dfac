#!/usr/bin/env bats
# metrics.bats - drictl metrics: what Prometheus' own tools say of its text, and the
# file for node_exporter. What the figures are is shown in tests/unit/test_metrics.c.

bats_require_minimum_version 1.5.0
load lib/common

setup () { export DRI_BROKER_SOCKET=$BATS_TEST_TMPDIR/broker.sock; }
teardown () { finish_broker; }

metrics () { run --separate-stderr "$BUILD/drictl" metrics "$@"; }
promtool () { "$BUILD/tests/promtool" "$@"; }

# leases NAME...: containers of these names have one, the last one waits for an exclusive GPU
leases ()
{
	python3 - "$@" <<-'END'
		import json, os, socket, sys
		def call(name, id, **request):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(os.environ['DRI_BROKER_SOCKET'])
		    s.sendall(json.dumps({'method': 'io.dri.Broker.Acquire', 'parameters': {
		        'container': {'id': id, 'name': name, 'image': name, 'engine': 'docker'}, 'workload': {'uid': 0, 'gid': 0},
		        'request': {'enable': 'true', 'gpu': 'igpu', **request}, 'detached': True}}).encode() + b'\0')
		    return s.recv(65536)
		for i, name in enumerate(sys.argv[1:]):
		    reply = call(name, '%064x' % i, share='40%')
		    assert b'"grant"' in reply, reply
	END
}

# openmetrics: the strict reader of the Python client says that what is on standard input is OpenMetrics
openmetrics ()
{
	/usr/bin/python3 -c 'import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
for family in families (sys.stdin.read ()): print (family.name, family.type, len (family.samples))'
}

@test "promtool has nothing to say, whatever containers are called" {
	start_broker
	leases web web $'a"} 1\nb\\' $'\e[2J\u009b' 'é#2' "$(printf '%0120d' 0)"
	metrics
	assert_success
	# shellcheck disable=SC2154
	assert_equal "$stderr" ''
	assert_says 'dri_lease_info{container="web#2",gpu="igpu"'
	assert_equal "$(tr -d '[:print:]\n' <<<"$output" | LC_ALL=C tr -d '\200-\377' | wc -c)" 0
	run promtool check metrics <<<"$output"
	assert_success
	assert_output ''
}

@test "OpenMetrics is what its strict reader takes" {
	start_broker
	leases web $'a"} 1\nb\\'
	metrics --openmetrics
	assert_success
	run openmetrics <<<"$output"
	assert_success
	assert_says 'dri_gpu info 2'
	assert_says 'dri_lease info 2'
	assert_says 'dri_gpu_engine_busy_seconds counter 0'
	assert_says 'dri_lease_share_ratio gauge 2'
}

@test "node_exporter's file: root and a group may read it, it is there whole, and nothing else is" {
	local file=$BATS_TEST_TMPDIR/folder/dri.prom before reader
	start_broker
	mkdir "${file%/*}"
	umask 077
	metrics --output "$file"
	assert_success
	assert_output ''
	assert_equal "$(stat -c %a "$file")" 640
	assert_equal "$(ls -A "${file%/*}")" dri.prom
	"$BUILD/drictl" metrics | cmp - "$file"
	before=$(stat -c %i "$file")
	exec {reader}<"$file"
	metrics --output "$file"
	exec {reader}<&-
	[[ $(stat -c %i "$file") != "$before" ]] || fail 'written in place: a reader may have seen a part'
}

@test "a file that cannot be written leaves the old one alone, and another run's; no folder is made" {
	local folder=$BATS_TEST_TMPDIR/folder
	mkdir "$folder"
	echo old >"$folder/dri.prom"
	echo another >"$folder/dri.prom.new"
	run bash -c 'trap "" XFSZ; ulimit -f 0; exec "$0" metrics --output "$1"' "$BUILD/drictl" "$folder/dri.prom"
	assert_failure 1
	assert_equal "$(ls -A "$folder")" $'dri.prom\ndri.prom.new'
	assert_equal "$(cat "$folder"/*)" $'old\nanother'
	metrics --output "$folder/dri.prom"
	assert_success
	assert_equal "$(cat "$folder/dri.prom.new")" another
	metrics --output "$folder/none/dri.prom"
	assert_failure 1
	[[ $stderr == "drictl: "*"$folder/none/dri.prom"* && ! -e $folder/none ]]
}

@test "the timer's folder and file are for root and the broker's group" {
	local unit=$REPO/packaging/dri-broker-metrics.service
	assert_equal "$(sed -n 's/^Group=//p' "$unit")" "$(sed -n 's/^SocketGroup=//p' "$REPO/packaging/dri-broker.socket")"
	grep -qx RuntimeDirectoryMode=0750 "$unit"
	grep -qx 'g dri-broker -' "$REPO/packaging/dri-broker.sysusers.conf"
}

@test "without a broker the file says so, and that is no failure; to a person it is one" {
	metrics --output "$BATS_TEST_TMPDIR/dri.prom"
	assert_success
	assert_equal "$output$stderr" ''
	grep -qx 'dri_broker_up 0' "$BATS_TEST_TMPDIR/dri.prom"
	promtool check metrics <"$BATS_TEST_TMPDIR/dri.prom"
	metrics
	assert_failure 3
	assert_says 'dri_broker_up 0'
	[[ $stderr == "drictl: "*"systemctl start dri-broker.socket" ]]
}

@test "who may not ask the broker does not say that there is none" {
	start_broker
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
	chmod 600 "$DRI_BROKER_SOCKET"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$BUILD/drictl" metrics
	assert_failure 1
	assert_says 'drictl: '
	[[ $output != *dri_broker_up* ]]
}

@test "a name that node_exporter would not read, and options that exclude each other, are refused" {
	metrics --output "$BATS_TEST_TMPDIR/dri.txt"
	assert_failure 1
	[[ $stderr == *'does not end in .prom'* && ! -e $BATS_TEST_TMPDIR/dri.txt ]]
	metrics --output "$BATS_TEST_TMPDIR/dri.prom" --openmetrics
	assert_failure 2
	metrics --output /proc/none/dri.prom
	assert_failure 1
	[[ $stderr == 'drictl: '*'/proc/none'* ]]
}

@test "the example's files are what Prometheus takes, and each metric that they name is one of ours" {
	local example=$REPO/compose-examples/monitoring metric
	run promtool check config --syntax-only "$example/prometheus.yml"
	assert_success
	run promtool check rules "$example/alerts.yml"
	assert_success
	metrics
	while read -r metric; do
		grep -qE "^# TYPE $metric " <<<"$output" || fail "no such metric: $metric"
	done < <(grep -ohE 'dri_[a-z_]+' "$example"/*.yml "$example"/*.json | grep -v '^dri_broker$' | sort -u)
	jq -e '.panels | length > 4' "$example/grafana-dashboard.json"
	while read -r metric; do
		echo "expression: $metric"
		promtool check rules <(jq -Rn --arg e "$metric" '{groups: [{name: "x", rules: [{record: "x", expr: $e}]}]}')
	done < <(jq -r '.. | .expr? // empty' "$example/grafana-dashboard.json" | sed 's/\$__rate_interval/2m/g; s/\$[a-z]*/x/g')
}

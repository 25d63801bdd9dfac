#!/usr/bin/env bats
# kubernetes.bats - the examples for Kubernetes, as far as can be told without one. That containerd takes
# them, and a pod with these annotations gets its GPU, is in engine-host/containerd.bats.

load lib/common

EXAMPLES=$REPO/compose-examples/kubernetes

# in_yaml FILE EXPRESSION: of the document d
in_yaml ()
{
	run python3 -c 'import sys, yaml
d, = yaml.safe_load_all(open(sys.argv[1]))
assert eval(sys.argv[2]), d' "$EXAMPLES/$1" "$2"
	assert_success
}

@test "the RuntimeClass and the pod fit together, and annotations are texts" {
	in_yaml runtimeclass.yaml 'd["apiVersion"] == "node.k8s.io/v1" and d["kind"] == "RuntimeClass"'
	in_yaml runtimeclass.yaml 'd["handler"] == "dri" and d["metadata"] == {"name": "dri"}'
	in_yaml pod.yaml 'd["apiVersion"] == "v1" and d["kind"] == "Pod" and d["spec"]["runtimeClassName"] == "dri"'
	# An unquoted true is a boolean, which the API server refuses.
	in_yaml pod.yaml 'd["metadata"]["annotations"]["dri.enable"] == "true"'
	in_yaml pod.yaml 'all(type(v) is str and k.startswith("dri.") for k, v in d["metadata"]["annotations"].items())'
	in_yaml pod.yaml 'set(d["spec"]) == {"runtimeClassName", "securityContext", "containers"}'
}

#!/usr/bin/env bats
# throttle.bats - ceilings and classes that cannot be held: drictl says so, and why. How they are held where they can be
# stands in engine-host/throttle.bats. Needs root, and control groups that it may make.

bats_require_minimum_version 1.5.0
load lib/common
load lib/clients

setup_file () { mount_leases; }
teardown_file () { unmount_leases; }

python () { python_with crash; }

@test "a ceiling that cannot be held says so, and why: no figures, no group of its own, turned off" {
	python <<-'END'
		w = World()
		try:
		    w.start()
		    for name, lines in ('vf', ''), ('told', 'drm-engine-video:\t0 ns\n'):
		        with open(w.dir + '/%s.fdinfo' % name, 'w') as f:
		            f.write('drm-driver:\txe\ndrm-pdev:\t0000:01:00.0\ndrm-client-id:\t%d\n%s' % (len(lines), lines))
		    vf, told = [w.box(n, 'sh', '-c', 'exec sleep 300 <%s/%s.fdinfo' % (w.dir, n)) for n in ('vf', 'told')]
		    until(lambda: all(os.readlink('/proc/%d/fd/0' % b.process.pid).endswith('.fdinfo') for b in (vf, told)))
		    vf.acquire(share='40%').activate()
		    told.acquire(share='40%').activate()
		    stray = process()
		    lease = w.client().acquire('stray', detached=True, gpu='a', share='40%')['lease']
		    w.call('Activate', {'lease': lease, 'pid': stray.pid})

		    def lease_of(name):
		        return next(l for l in w.status()['leases'] if l['container']['id'] == name)

		    def is_unheld(name, why):
		        lease = lease_of(name)
		        return lease['state'] == 'unheld' and why in lease['reason']

		    until(lambda: is_unheld(vf.id, 'driver of its GPU does not tell'), 20)
		    notes = w.call('Explain', {'container': vf.id})['notes']
		    assert any('dri.share is not held' in n for n in notes), notes
		    assert is_unheld('stray', 'no control group of its own'), lease_of('stray')
		    until(lambda: lease_of(told.id)['state'] == 'active', 20)
		    out = subprocess.run([BUILD + '/drictl', 'status'], env={**os.environ, 'DRI_BROKER_SOCKET': w.socket}, capture_output=True, text=True).stdout
		    assert 'unheld' in out and 'does not tell' in out, out
		    w.configure(**{**w.config, 'throttle': False})
		    w.call('Reload')
		    assert is_unheld(told.id, '"throttle" is false'), lease_of(told.id)
		finally:
		    w.clean_up()
	END
}

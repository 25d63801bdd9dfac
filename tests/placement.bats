#!/usr/bin/env bats
# placement.bats - which of several GPUs that would do a container gets: by measured load, and where it was before.
# Control groups are real; the engine is played (tests/fixtures/gpu_player.c). Needs root, and control groups that it
# may make.

bats_require_minimum_version 1.5.0
load lib/common
load lib/clients

setup_file () { mount_leases; }
teardown_file () { unmount_leases; }

python () { python_with crash; }

@test "the less busy GPU is given, whatever the slots say; explain tells why; a restart comes back to it" {
	python <<-'END'
		w = World()
		def drictl(*words):
		    r = subprocess.run([BUILD + '/drictl', *words], env={**os.environ, 'DRI_BROKER_SOCKET': w.socket}, capture_output=True, text=True)
		    assert r.returncode == 0, r
		    return r.stdout
		def busy(name):
		    return (next(g for g in w.status()['gpus'] if g['name'] == name)['engines'] or {}).get('video', 0)
		try:
		    w.start()
		    hog = w.worker(w.player(), 'hog').acquire(gpu='a').activate()
		    # By slots alone it would be a's.
		    idle = [w.box(name).acquire(gpu='b').activate() for name in ('one', 'two')]
		    until(lambda: busy('a') > 0.3, 60)
		    film = w.box('film').acquire(gpu='any').activate()
		    assert film.gpu == 'b', w.status()
		    told = drictl('explain', 'film')
		    assert re.search(r'had 2 of \d+ slots in use and was 0% busy', told), told
		    percent = int(re.search(r'a: 1 of \d+ slots in use, (\d+)% busy', told)[1])
		    assert percent > 10, told
		    # An idle hour later slots speak for a. It comes back all the same, as a container that is new does not.
		    film.end()
		    hog.end()
		    until(lambda: not {film.lease, hog.lease} & w.ids())
		    w.end_all()
		    w.process.wait(20)
		    w.start()
		    new = w.box('new').acquire(gpu='any').activate()
		    assert new.gpu == 'a', w.status()
		    again = w.box('film again')
		    again.name = 'film'
		    again.acquire(gpu='any').activate()
		    assert again.gpu == 'b', w.status()
		    assert 'the container had it before' in drictl('explain', 'film')
		finally:
		    w.clean_up()
	END
}

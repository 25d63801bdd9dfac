#!/usr/bin/env bats
# crash.bats - kill -9 at every point of every transition: a broker that dies before each of its effects in turn, and in
# the middle of each write to its journal, and the next one, which finds leases, directories, control groups and
# journal in step and keeps what was answered. See lib/crash.py. Needs root, and control groups that it may make.

bats_require_minimum_version 1.5.0
load lib/common
load lib/clients

setup_file () { mount_leases; }
teardown_file () { unmount_leases; }

# crash: histories on standard input, see lib/crash.py; prints how many points were tried
crash ()
{
	set -o pipefail
	python_with crash | sed 's/^/# /' >&3
}

@test "granted, taken up, reported, released" {
	crash <<-'END'
		def life(w):
		    w.start()
		    one = w.box('one')
		    w.arm()
		    one.acquire(nodes='render,card').activate()
		    one.report(True)
		    one.report(False, 'no driver')
		    one.release(force=True)

		def verdict_with_the_activation(w):
		    w.start()
		    one = w.box('one').acquire()
		    one.ready.append({'level': 'vaapi', 'ok': True, 'reason': 'good'})
		    w.arm()
		    one.activate(ready=one.ready[-1], key='0123456789abcdef0123456789abcdef')

		crash(life, verdict_with_the_activation)
	END
}

@test "ends: of a process, of a client, of the time that a grant has" {
	crash <<-'END'
		def process_ends(w):
		    w.start()
		    one = w.box('one').acquire().activate()
		    w.arm()
		    one.end()
		    w.until(lambda: not one.has_directory())

		def client_goes(w):
		    w.start()
		    one = w.box('one').acquire(detached=False)
		    w.arm()
		    w.clients[-1].close()
		    w.until(lambda: not one.has_directory())

		@with_config(activate_timeout=1)
		def grant_expires(w):
		    w.start()
		    one = w.box('one').acquire()
		    one.asked.add('released')
		    w.arm()
		    w.until(lambda: not one.has_directory())

		crash(process_ends, client_goes, grant_expires)
	END
}

@test "the queue: one waits and is served, one waits and goes, one waits too long" {
	crash <<-'END'
		def waits(w):
		    w.start()
		    one, two, three = w.box('one').acquire(access='exclusive').activate(), w.box('two'), w.box('three')
		    w.arm()
		    second, third = w.client(), w.client()
		    two.ask(second, access='exclusive', wait='20s')
		    three.ask(third, access='exclusive', wait='20s')
		    third.close()
		    one.release(force=True)
		    two.granted(second).activate()

		def waits_too_long(w):
		    w.start()
		    one, two = w.box('one').acquire(access='exclusive').activate(), w.box('two')
		    c = w.client()
		    w.arm()
		    two.ask(c, wait='1s')
		    try:
		        c.receive()
		    except Refused:
		        pass

		crash(waits, waits_too_long)
	END
}

@test "put off, started again by its engine when there is room, granted" {
	crash <<-'END'
		def put_off(w):
		    w.play_docker()
		    w.start()
		    one, two = w.box('one').acquire(access='exclusive').activate(), w.box('two')
		    promised = []

		    def kept(status):
		        """Nobody who was told that he is put off is forgotten."""
		        waits = two.id in [q['container']['id'] for q in status['queue']]
		        w.holds(not promised or waits or two.id in w.docker.started, 'two is not put off any more')

		    w.expects.append(kept)
		    w.arm()
		    try:
		        two.acquire(on_failure='defer')
		    except Refused:
		        promised.append(two)
		    one.release(force=True)
		    w.until(lambda: w.docker.started)
		    two.acquire(on_failure='defer').activate()

		def gate_says_no(w):
		    """Put off by its release, since its driver was not ready."""
		    w.play_docker()
		    w.start()
		    one = w.box('one').acquire(on_failure='defer').activate()
		    w.arm()
		    one.report(False, 'no driver')
		    one.end()
		    w.until(lambda: not one.has_directory())

		def forgotten(w):
		    w.play_docker()
		    w.start()
		    one, two = w.box('one').acquire(access='exclusive').activate(), w.box('two')
		    with contextlib.suppress(Refused):
		        two.acquire(on_failure='defer')
		    told = []
		    w.expects.append(lambda status: w.holds(not told or not status['queue'], 'forgotten, and there'))
		    w.arm()
		    w.call('Release', {'container': two.id})
		    told.append(two)

		crash(put_off, gate_says_no, forgotten)
	END
}

@test "without a GPU: from the start and then with one; with one whose driver is bad, and then without" {
	crash <<-'END'
		def gets_one_later(w):
		    w.start()
		    one, two = w.box('one').acquire(access='exclusive').activate(), w.box('two')
		    w.arm()
		    two.acquire(on_failure='start-without').activate()
		    one.release(force=True)
		    w.until(lambda: os.listdir(two.directory()))

		def loses_it(w):
		    w.start()
		    one = w.box('one').acquire(on_failure='start-without').activate()
		    w.arm()
		    one.report(False, 'no driver')

		crash(gets_one_later, loses_it)
	END
}

@test "a GPU goes and comes back under another number, to a running container and to one that is about to be" {
	crash <<-'END'
		def lost_and_back(w):
		    w.start()
		    one = w.box('one').acquire(gpu='all').activate()
		    w.arm()
		    w.gpus(b='226:129')
		    w.call('Reload')
		    w.gpus(a='226:130', b='226:129')
		    w.call('Reload')

		def swapped(w):
		    w.start()
		    one, two = w.box('one').acquire(gpu='a').activate(), w.box('two').acquire(gpu='b')
		    w.arm()
		    w.gpus(a='226:129', b='226:128')
		    w.call('Reload')
		    two.activate()

		crash(lost_and_back, swapped)
	END
}

@test "parked for another, and woken; ended, released, asked to stop while parked; paused by somebody else" {
	crash <<-'END'
		@with_config(slots=2)
		def parked_and_woken(w):
		    w.start()
		    other = w.box('other').acquire(**{'class': 'batch'}).activate()
		    one, two = w.box('one').acquire(**{'class': 'batch'}).activate(), w.box('two')
		    w.arm()
		    two.acquire(**{'class': 'realtime'}).activate()
		    w.until(one.frozen)
		    w.holds(not other.frozen(), 'one would have been enough')
		    two.release(force=True)
		    w.until(lambda: not one.frozen())

		@with_config(slots=1)
		def parked_and_released(w):
		    w.start()
		    one, two = w.box('one').acquire(**{'class': 'batch'}).activate(), w.box('two').acquire(**{'class': 'realtime'})
		    w.until(one.frozen)
		    w.arm()
		    one.release(force=True)

		@with_config(slots=1)
		def parked_and_ended(w):
		    w.start()
		    one, two = w.box('one').acquire(**{'class': 'batch'}).activate(), w.box('two').acquire(**{'class': 'realtime'})
		    w.until(one.frozen)
		    w.arm()
		    one.stop()
		    w.until(lambda: not one.has_directory())

		@with_config(slots=1)
		def paused_by_somebody_else(w):
		    w.start()
		    one, two = w.box('one').acquire(**{'class': 'batch'}).activate(), w.box('two')
		    one.freeze(True)
		    w.arm()
		    two.acquire(**{'class': 'realtime'}).activate()
		    two.release(force=True)

		crash(parked_and_woken, parked_and_released, parked_and_ended, paused_by_somebody_else)
	END
}

@test "throttled: frozen and thawed in turn, let go when the governor is turned off, released" {
	crash <<-'END'
		fast = {'period-ms': 20, 'slice-ms': 5, 'frozen-ms': 200}

		@with_config(throttle=fast)
		def throttled(w):
		    engine = w.player()
		    w.start()
		    one = w.worker(engine, 'one').acquire(share='5%')
		    w.arm()
		    one.activate()
		    w.until(one.frozen)
		    w.until(lambda: not one.frozen())

		@with_config(throttle=fast)
		def turned_off(w):
		    engine = w.player()
		    w.start()
		    one = w.worker(engine, 'one').acquire(share='5%').activate()
		    w.until(one.frozen)
		    w.configure(**{**w.config, 'throttle': False})
		    w.arm()
		    w.call('Reload')
		    w.until(lambda: not one.frozen())

		@with_config(throttle=fast)
		def released(w):
		    engine = w.player()
		    w.start()
		    one = w.worker(engine, 'one').acquire(share='5%').activate()
		    w.until(one.frozen)
		    w.arm()
		    one.release(force=True)

		crash(throttled, turned_off, released)
	END
}

@test "the GPU taken away from a running container, for good, by the policy, or for another lease" {
	crash <<-'END'
		def taken_away(w):
		    w.start()
		    one = w.box('one').acquire(gpu='all').activate()
		    w.arm()
		    one.revoke()

		def by_the_policy(w):
		    w.start()
		    one = w.box('one').acquire(gpu='a').activate()
		    one.asked.add('revoked')
		    w.configure(**{**w.config, 'policy': [{'who': {'container': 'one'}, 'allow': False}]})
		    w.arm()
		    w.call('Reload')
		    one.told.add('revoked')

		def detached(w):
		    w.start()
		    one = w.box('one').acquire(gpu='all').activate()
		    w.arm()
		    one.release(detach=True)

		crash(taken_away, by_the_policy, detached)
	END
}

@test "an orderly stop, and a start over everything that a death may leave" {
	crash <<-'END'
		def everything(w):
		    w.play_docker()
		    w.start()
		    one = w.box('batch').acquire(gpu='a', **{'class': 'batch'}).activate()
		    two = w.box('realtime').acquire(gpu='a', **{'class': 'realtime'}).activate()
		    w.until(one.frozen)
		    w.box('dead').acquire(gpu='b').activate()
		    w.box('granted').acquire(gpu='b')
		    w.box('moves').acquire(gpu='b').activate().report(True)
		    w.box('without').acquire(gpu='a', on_failure='start-without').activate()
		    with contextlib.suppress(Refused):
		        w.box('put off').acquire(on_failure='defer')

		@with_config(gpus=[{'match': 'pci:0000:01:00.0', 'slots': 1}])
		def stop(w):
		    everything(w)
		    w.arm()
		    w.process.terminate()
		    w.process.wait(30)
		    w.points.set(armed=0)
		    if not w.points.reached:
		        w.holds(not w.boxes[0].frozen(), 'stopped, and frozen')
		        w.start()

		@with_config(gpus=[{'match': 'pci:0000:01:00.0', 'slots': 1}])
		def start(w):
		    everything(w)
		    w.end_all()
		    w.process.wait()
		    w.boxes[2].end()
		    os.mkdir(w.root + '/' + 32 * '0')
		    w.gpus(a='226:128', b='226:130')
		    w.arm()
		    w.start()

		crash(stop, start)
	END
}

@test "the journal is written anew while the broker runs" {
	crash <<-'END'
		def rewritten(w):
		    w.start()
		    at_start = os.path.getsize(w.journal)
		    one, two = w.box('one').acquire().activate(), w.box('two').acquire()
		    c = w.client()
		    reason = 600 * 'x'
		    while os.path.getsize(w.journal) < (1 << 20) + 2 * at_start - 1500:
		        c.send('Report', {'lease': one.lease, 'ready': {'level': 'driver', 'ok': False, 'reason': reason}})
		        c.receive()
		    one.ready = [{'level': 'driver', 'ok': False, 'reason': reason}]
		    w.arm()
		    before = os.stat(w.journal).st_ino
		    for i in range(50):
		        one.report(True, reason + str(i))
		        if os.stat(w.journal).st_ino != before:
		            break
		    two.activate()

		crash(rewritten)
	END
}

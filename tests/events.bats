#!/usr/bin/env bats
# events.bats - what happens to leases, told to those who watch (Watch, drictl events); and GPUs that are taken
# away from containers that run on. Clients are python3, and no library of ours.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034

bats_require_minimum_version 1.5.0
load lib/common
load lib/clients

setup_file ()
{
	mount_leases
	write_module >"$BATS_FILE_TMPDIR/watching.py"
}

teardown_file () { unmount_leases; }

python () { python_with watching; }

write_module ()
{
	cat <<-'END'
		from broker import *

		class Watcher:
		    """Client of Watch; its first reply has come."""
		    def __init__(self, broker, **parameters):
		        self.client = Client(broker)
		        self.client.send('Watch', parameters, more=True)
		        self.events = self.client.receive()['events']

		    def until(self, name):
		        """Takes the events up to the first of this name."""
		        while name not in [e['event'] for e in self.events]:
		            self.events += self.client.receive()['events']
		        n = [e['event'] for e in self.events].index(name) + 1
		        taken, self.events = self.events[:n], self.events[n:]
		        return taken

		def told(events):
		    return [(e['event'], e['container']['id'] if e['container'] else None) for e in events]

		def report(broker, lease, ok=True, reason='fine'):
		    broker.call('Report', {'lease': lease, 'ready': {'level': 'driver', 'ok': ok, 'reason': reason}})

		def refused(call, error='Refused'):
		    try:
		        call()
		    except Refused as e:
		        assert e.args[0] == 'io.dri.Broker.' + error, e
		        return e.args[1]['reason']
		    raise AssertionError('not refused')
	END
}

@test "from the queue to the end: each step is told once, in order, with its reason" {
	python <<-'END'
		b = Broker()
		w = Watcher(b)
		assert w.events == []
		first = b.call('Acquire', {'container': {'id': 'one', 'name': 'first', 'project': 'media', 'service': 'web'}, 'detached': True,
		                           'workload': {'uid': 0, 'gid': 0}, 'request': {'enable': 'true', 'gpu': 'igpu', 'access': 'exclusive'}})['grant']['lease']
		one = activate(b, first)
		report(b, first)
		second = Client(b)
		second.ask('two', wait='20s')
		queued = w.until('queued')
		assert told(queued) == [('granted', 'one'), ('activated', 'one'), ('ready', 'one'), ('queued', 'two')], queued
		end(one)
		lease = second.receive()['grant']['lease']
		two = activate(b, lease)
		report(b, lease, False, 'the driver says no')
		end(two)
		rest = w.until('not-ready') + w.until('released')
		assert told(rest) == [('released', 'one'), ('granted', 'two'), ('activated', 'two'), ('not-ready', 'two'), ('released', 'two')], rest
		granted, last = queued[0], rest[-2]
		assert granted['gpu'] == 'igpu' and granted['lease'] == first and granted['owner'] == 0 and granted['position'] is None
		assert granted['container'] == {'id': 'one', 'name': 'first', 'image': None, 'engine': None, 'project': 'media', 'service': 'web'}
		assert abs(granted['time'] - time.time()) < 60 and queued[3]['position'] == 1 and queued[3]['lease'] is None
		assert 'held by first' in queued[3]['reason'] and last['reason'] == 'the driver says no' and 'has ended' in rest[-1]['reason'], (queued, rest)
	END
}

@test "refused, cancelled, expired, lost and returned are told" {
	python <<-'END'
		b = Broker(activate_timeout=1)
		w = Watcher(b)
		c = Client(b)
		refused(lambda: c.acquire('a', gpu='pci:0000:00:1f.0', wait='0s'))
		holder = Client(b)
		lease = holder.acquire('b', access='exclusive')['lease']
		waiter = Client(b)
		waiter.ask('c', wait='20s')
		assert told(w.until('queued')) == [('refused', 'a'), ('granted', 'b'), ('queued', 'c')]
		waiter.close()
		assert told(w.until('cancelled')) == [('cancelled', 'c')]
		holder.close()
		assert told(w.until('released')) == [('released', 'b')]
		Client(b).acquire('d', detached=True)
		assert told(w.until('released')) == [('granted', 'd'), ('released', 'd')]
		holder = Client(b)
		p = activate(b, holder.acquire('e')['lease'])
		w.until('activated')
		gpus = json.load(open(b.fixture))
		b.kill()
		b.fixture = b.dir + '/gpus.json'
		json.dump(gpus, open(b.fixture, 'w'))
		b.start()
		w = Watcher(b)
		for name in 'lost', 'returned':
		    json.dump({'gpus': gpus['gpus'][1:]} if name == 'lost' else gpus, open(b.fixture, 'w'))
		    b.call('Reload')
		    event, = w.until(name)
		    assert event['container']['id'] == 'e' and event['gpu'] == 'igpu' and ('is gone' in event['reason']) == (name == 'lost'), event
	END
}

@test "who does not read is told how much he missed, and holds nobody up" {
	python <<-'END'
		b = Broker()
		slow = Watcher(b)
		memory = lambda: int(re.search(r'VmRSS:\s+(\d+)', open('/proc/%d/status' % b.process.pid).read())[1])
		c = Client(b)
		def turns(n):
		    for i in range(n):
		        b.call('Release', {'lease': c.acquire('x' * 100, detached=True)['lease']})
		turns(600)
		before = memory()
		turns(2000)
		assert memory() < before + 512, (before, memory())
		Client(b).acquire('last')
		seen = []
		while ('released', 'last') not in told(seen):
		    seen += slow.until('released')
		missed = [e for e in seen if e['event'] == 'missed']
		assert len(missed) == 1 and missed[0]['container'] is None, missed
		n = int(re.match(r'(\d+) events were not read', missed[0]['reason'])[1])
		assert n + len(seen) - 1 == 2 * 2600 + 2, (n, len(seen))
	END
}

@test "the past: so many, all, and no more than is kept" {
	python <<-'END'
		b = Broker()
		for i in range(3):
		    Client(b).acquire('c%d' % i, detached=True)
		names = lambda **p: [e['container']['id'] for e in b.call('Watch', p)['events']]
		assert names() == ['c0', 'c1', 'c2'] and names(last=2) == ['c1', 'c2'] and names(last=0) == [] and names(last=10**12) == names()
		assert [e['container']['id'] for e in Watcher(b, last=1).events] == ['c2']
		for i in range(3, 300):
		    b.call('Release', {'lease': Client(b).acquire('c%d' % i, detached=True)['lease']})
		assert len(names()) == 256 and names()[-1] == 'c299'
		for last in -1, '1', True:
		    try:
		        b.call('Watch', {'last': last})
		    except Refused as e:
		        assert e.args == ('org.varlink.service.InvalidParameter', {'parameter': 'last'})
		    else:
		        raise AssertionError(last)
	END
}

@test "others than root: their own alone, and few at a time" {
	python <<-'END'
		b = Broker(users=[1000])
		# The way there is root's alone.
		folder = os.open(b.dir, os.O_PATH)
		user = '/proc/self/fd/%d/broker-user.sock' % folder
		code = '''
		import json, os, socket, sys
		os.setgroups([]); os.setgid(1000); os.setuid(1000)
		def watch():
		    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1])
		    s.sendall(b'{"method":"io.dri.Broker.Watch","parameters":{"last":9},"more":true}\\0')
		    return s, s.makefile('rb')
		def read(f):
		    data = b''
		    while not data.endswith(b'\\0'):
		        data += f.read(1)
		    return json.loads(data[:-1])
		all = [watch() for i in range(3)]
		for s, f in all:
		    print(json.dumps(read(f)), flush=True)
		print(json.dumps(read(all[0][1])), flush=True)
		'''
		Client(b).acquire('roots', detached=True)
		p = subprocess.Popen([sys.executable, '-B', '-c', re.sub('^\t\t', '', code, flags=re.M), user], stdout=subprocess.PIPE, text=True, pass_fds=[folder])
		replies = [json.loads(p.stdout.readline()) for i in range(3)]
		assert [r.get('parameters', {}).get('events') for r in replies[:2]] == [[], []] and 'twice at a time' in replies[2]['parameters']['reason'], replies
		b.kill()
		p.kill()
	END
}

@test "a revoked GPU: its nodes open no more, its slots are free, and it stays away until the container ends" {
	python <<-'END'
		b = Broker()
		w = Watcher(b)
		grant = Client(b).acquire('one', detached=True, access='exclusive', on_failure='start-without')
		p = activate(b, grant['lease'])
		# What was kept (by O_PATH, or mounted elsewhere) is the inode: it is closed, not only unlinked.
		node = grant['directory'] + '/renderD128'
		kept = os.open(node, os.O_PATH)
		refused(lambda: b.call('Release', {'container': 'one'}), 'LeaseInUse')
		reply = b.call('Release', {'container': 'one', 'revoke': True})
		assert reply['revoked'] and reply['open'] == [] and reply['note'] == '', reply
		event = w.until('revoked')[-1]
		assert event['gpu'] == 'igpu' and event['lease'] == grant['lease'] and 'taken away by root' in event['reason'], event
		assert not os.path.exists(node)
		st = os.fstat(kept)
		assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (0, 0, 0), st
		def holds():
		    lease, = [l for l in b.status()['leases'] if l['container']['id'] == 'one']
		    assert lease['state'] == 'revoked' and lease['gpu'] is None and 'taken away by root' in lease['reason'] and lease['open'] == [], lease
		    assert 'taken away' in refused(lambda: b.call('Activate', {'lease': grant['lease'], 'pid': p.pid}))
		    assert 'revoked, until it has ended' in refused(lambda: Client(b).acquire('one', wait='0s'))
		    # Nor by another name.
		    other = Client(b).acquire('two', detached=True)['lease']
		    assert 'started anew' in refused(lambda: b.call('Activate', {'lease': other, 'pid': p.pid}))
		    b.call('Release', {'lease': other})
		    assert os.listdir(grant['directory']) == []
		holds()
		report(b, grant['lease'], False)
		holds()
		b.restart()
		holds()
		b.call('Reload')
		holds()
		assert b.call('Release', {'container': 'one', 'revoke': True})['revoked']
		w = Watcher(b)
		end(p)
		assert told(w.until('released')) == [('released', 'one')]
		b.agree()
		Client(b).acquire('one', wait='0s')
	END
}

@test "a lease whose directory vanished while the broker was away is revoked" {
	python <<-'END'
		import shutil
		b = Broker()
		grant = Client(b).acquire('one', detached=True)
		p = activate(b, grant['lease'])
		b.kill()
		shutil.rmtree(grant['directory'])
		b.start()
		lease, = b.status()['leases']
		assert lease['state'] == 'revoked' and 'vanished' in lease['reason'], lease
		b.agree()
	END
}

@test "what the policy does not allow any more is revoked at a reload, or ends" {
	python <<-'END'
		b = Broker()
		w = Watcher(b)
		def acquire(name):
		    return b.call('Acquire', {'container': {'id': name, 'name': name}, 'workload': {'uid': 0, 'gid': 0}, 'detached': True,
		                              'request': {'enable': 'true', 'gpu': 'igpu'}})['grant']['lease']
		running, other = (activate(b, acquire(name)) for name in ('running', 'other'))
		acquire('late')
		w.until('granted')
		b.configure(policy=[{'who': {'container': ['running', 'late']}, 'allow': False}])
		b.call('Reload')
		assert b.leases() == {'running': 'revoked', 'other': 'active'}, b.leases()
		event = w.until('revoked')[-1]
		assert event['container']['id'] == 'running' and 'does not allow it any more' in event['reason'], event
	END
}

@test "a lease whose directory vanished, and has no room to be made anew, is kept and revoked" {
	python <<-'END'
		import shutil
		b = Broker(start=False)
		subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=0700,nr_inodes=64', 'tmpfs', b.root], check=True)
		b.start()
		grant = Client(b).acquire('one', detached=True)
		p = activate(b, grant['lease'])
		b.kill()
		shutil.rmtree(grant['directory'])
		try:
		    for i in range(64):
		        open(b.root + '/filler%d' % i, 'w').close()
		except OSError:
		    pass
		b.start()
		for turn in range(2):
		    lease, = b.status()['leases']
		    assert lease['state'] == 'revoked' and 'vanished' in lease['reason'] and not b.directories() & b.ids(), lease
		    b.restart()
		assert 'No space left' in b.messages(), b.messages()
		os.unlink(b.root + '/filler0')
		b.restart()
		assert b.ids() & b.directories() == {grant['lease']}
		end(p)
		until(lambda: not b.leases())
	END
}

@test "a rule that names a GPU by what is known of one that is here takes nothing away while it is gone" {
	python <<-'END'
		gpus = json.load(open(os.environ['SIMULATED_GPUS']))['gpus']
		def machine(*has):
		    b.fixture = b.dir + '/gpus.json'
		    json.dump({'gpus': list(has)}, open(b.fixture, 'w'))
		igpu, arc = gpus
		for rule in 'driver:i915', 'renderD128':
		    b = Broker(start=False, policy=[{'allow': {'gpu': rule}}])
		    machine(igpu, arc)
		    b.start()
		    p = activate(b, Client(b).acquire('one', detached=True)['lease'])
		    # Another takes its number.
		    machine({**arc, 'render': igpu['render']})
		    b.call('Reload')
		    assert b.leases() == {'one': 'lost'}, b.leases()
		    b.restart()
		    assert b.leases() == {'one': 'lost'}, b.leases()
		    machine(igpu, arc)
		    b.call('Reload')
		    assert b.leases() == {'one': 'active'}, b.leases()
		    # What was forbidden meanwhile is when it is back.
		    machine(arc)
		    b.configure(policy=[{'allow': {'gpu': 'driver:xe'}}])
		    b.restart()
		    machine(igpu, arc)
		    b.call('Reload')
		    assert b.leases() == {'one': 'revoked'}, b.leases()
		    b.kill()
		    end(p)
	END
}

@test "a policy that changed while the broker was away counts for those who run without a GPU, too" {
	python <<-'END'
		b = Broker()
		def acquire(name, gpu, **more):
		    return b.call('Acquire', {'container': {'id': name, 'name': name}, 'workload': {'uid': 0, 'gid': 0}, 'detached': True,
		                              'request': {'enable': 'true', 'gpu': gpu, **more}})['grant']['lease']
		held = {gpu: activate(b, acquire(gpu, gpu, access='exclusive')) for gpu in ('igpu', 'arc')}
		p = activate(b, acquire('late', 'any', **{'on-failure': 'start-without', 'wait': '0s'}))
		early = acquire('unborn', 'any', **{'on-failure': 'start-without', 'wait': '0s'})
		b.kill()
		b.configure(policy=[{'who': {'container': ['late', 'unborn']}, 'allow': {'gpu': 'arc'}}])
		b.start()
		q = activate(b, early)
		end(held['igpu'])
		until(lambda: 'igpu' not in b.leases())
		assert b.leases() == {'arc': 'active', 'late': 'without', 'unborn': 'without'}, b.leases()
		end(held['arc'])
		until(lambda: b.leases() == {'late': 'active', 'unborn': 'active'})
	END
}

@test "that a container was put off is forgotten after what came of it is in the journal" {
	python <<-'END'
		b = Broker(docker_socket='/nonexistent/docker.sock')
		def acquire():
		    return b.call('Acquire', {'container': {'id': 'two', 'engine': 'docker'}, 'workload': {'uid': 0, 'gid': 0}, 'detached': True,
		                              'request': {'enable': 'true', 'gpu': 'igpu', 'wait': '0s', 'on-failure': 'defer'}})['grant']['lease']
		ops = lambda: [r['op'] for r in map(json.loads, open(b.journal))][1:]
		one = Client(b).acquire('one', detached=True, access='exclusive')['lease']
		refused(acquire)
		refused(acquire)
		assert ops() == ['grant', 'put-off', 'put-off'], ops()
		b.restart()
		assert b.queue() == ['two']
		b.call('Release', {'lease': one})
		lease = acquire()
		assert b.queue() == []  # it has done what follows the answer
		assert ops()[-2:] == ['grant', 'forget'], ops()
		# Killed in between: it is to be started, until it says that it has been.
		b.kill()
		lines = open(b.journal).readlines()
		open(b.journal, 'w').writelines(lines[:-1])
		b.start()
		assert b.queue() == ['two']
		p = activate(b, lease)
		assert b.queue() == []
		b.restart()
		assert b.queue() == []
	END
}

@test "who waits and may be put off is started later if the broker ends meanwhile, and only then" {
	python <<-'END'
		b = Broker(docker_socket='/nonexistent/docker.sock')
		def ask(id='two', **request):
		    c = Client(b)
		    c.send('Acquire', {'container': {'id': id, 'name': id, 'engine': 'docker'}, 'workload': {'uid': 0, 'gid': 0},
		                       'request': {'enable': 'true', 'gpu': 'igpu', 'wait': '60s', 'on-failure': 'defer', **request}})
		    until(lambda: id in b.queue())
		    return c
		def queue():
		    return [(w['container']['id'], w['state'], 'held by one' in w['reason']) for w in b.status()['queue']]
		one = Client(b).acquire('one', detached=True, access='exclusive')['lease']
		p = activate(b, one)
		for signo in signal.SIGKILL, signal.SIGTERM:
		    two, plain = ask(), ask('plain', **{'on-failure': 'fail'})
		    b.restart(signo)
		    assert hung_up(two) and hung_up(plain)
		    assert queue() == [('two', 'put off', True)], queue()
		    # Its next start waits in its turn, and is no other's.
		    two = ask()
		    assert queue() == [('two', 'waiting', True)], queue()
		    # However often the journal was written anew.
		    inode = os.stat(b.journal).st_ino
		    while os.stat(b.journal).st_ino == inode:
		        b.call('Release', {'lease': Client(b).acquire('x' * 100, detached=True, gpu='arc')['lease']})
		    b.restart(signo)
		    assert queue() == [('two', 'put off', True)], queue()
		def forgotten():
		    assert b.queue() == [], b.queue()
		    b.restart()
		    assert b.queue() == [], open(b.journal).read()
		two = ask()
		two.close()
		until(lambda: not b.queue())
		forgotten()
		two = ask()
		b.configure(policy=[{'who': {'container': 'two'}, 'allow': False}])
		b.call('Reload')
		refused(two.receive)
		b.configure()
		forgotten()
		two = ask(wait='1s')
		assert 'will have it started' in refused(two.receive)
		b.restart()
		assert queue() == [('two', 'put off', True)], queue()
		two = ask()
		end(p)
		grant = two.receive()['grant']
		forgotten()
		assert b.leases() == {'two': 'granted'} and b.agree() == {grant['lease']}
	END
}

@test "drictl events: lines for people, JSON lines, and status 3 when the broker ends" {
	start_broker
	run "$BUILD/drictl" events --no-follow
	assert_success
	assert_output ''
	"$BUILD/drictl" events --json >"$BATS_TEST_TMPDIR/json" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
	local watching=$!
	varlink Acquire '{"container": {"id": "0123456789abcdef", "name": "evil\u001b[31m"}, "workload": {"uid": 0, "gid": 0},
		"request": {"enable": "true", "gpu": "igpu"}, "detached": true}'
	run "$BUILD/drictl" events --last all --no-follow
	assert_success
	[[ $output =~ ^20[0-9]{2}-[0-9]{2}-[0-9]{2}\ [0-9:]{8}\.[0-9]{3}\ \ granted\ +evil\?\[31m\ +igpu\ +igpu\ fits ]] || fail "$output"
	run "$BUILD/drictl" events --last x
	assert_failure 2
	# It has begun, or it has not: something that it has seen is behind both.
	seen () { varlink Release '{"container": "0123456789abcdef"}' >/dev/null 2>&1 || :
		varlink Acquire '{"container": {"id": "0123456789abcdef"}, "workload": {"uid": 0, "gid": 0},
			"request": {"enable": "true", "gpu": "igpu"}, "detached": true}' >/dev/null
		grep -q '"released"' "$BATS_TEST_TMPDIR/json"; }
	wait_until 30 seen
	stop_broker
	local code=0
	wait "$watching" || code=$?
	assert_equal "$code" 3
	grep -q 'has ended or cut the connection' "$BATS_TEST_TMPDIR/said"
	jq -es 'all(.time > 1.7e9 and .container.id == "0123456789abcdef" and (.event | IN("granted", "released")))' "$BATS_TEST_TMPDIR/json"
	finish_broker
}

#!/usr/bin/env bats
# broker.bats - dri-broker by its own protocol: who gets a GPU and when, what a client may
# do, and what is left when the broker dies. Clients are python3, and no library of ours.

# What jq, sh and python3 are to run stands in single quotes; bats and the helpers set
# variables that shellcheck does not see set or used.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/common
load lib/clients

setup_file ()
{
	mount_leases
	# Its ten seconds pass while the other tests run.
	watch_an_idle_broker 3>&- &
}

teardown_file () { unmount_leases; }

python () { python_with broker; }

# --- leases ---

@test "a grant lives until the connection that asked for it ends, a detached one beyond" {
	python <<-'END'
		b = Broker(activate_timeout=1)
		c = Client(b)
		grant = c.acquire('held')
		# However long its gate waits for a driver.
		time.sleep(1.5)
		assert grant['directory'] == b.root + '/' + grant['lease'] and len(grant['lease']) == 32
		assert b.leases() == {'held': 'granted'} and b.agree() == {grant['lease']}
		c.close()
		until(lambda: b.leases() == {})
		assert b.agree() == set()
		b = Broker()
		c = Client(b)
		c.acquire('detached', detached=True)
		c.close()
		time.sleep(0.3)
		assert b.leases() == {'detached': 'granted'}
	END
}

@test "a lease directory holds new inodes for the granted nodes only, the alias, and by-path" {
	python <<-'END'
		import stat
		b = Broker()
		grant = Client(b).acquire('c', detached=True, gpu='arc', nodes='render,card', owner='5:6:0640')
		d = grant['directory']
		assert sorted(os.listdir(d)) == ['by-path', 'card1', 'renderD128', 'renderD129'], os.listdir(d)
		for name, minor in ('card1', 1), ('renderD128', 129), ('renderD129', 129):
		    st = os.lstat(d + '/' + name)
		    assert stat.S_ISCHR(st.st_mode) and st.st_rdev == os.makedev(226, minor)
		    assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (5, 6, 0o640)
		links = {l: os.path.realpath(d + '/by-path/' + l) for l in os.listdir(d + '/by-path')}
		assert links == {'pci-0000:03:00.0-render': d + '/renderD129', 'pci-0000:03:00.0-card': d + '/card1'}, links
		st = os.lstat(d)
		assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (0, 0, 0o755)
		assert {(n['name'], n['major'], n['minor']) for n in grant['nodes']} == {('card1', 226, 1), ('renderD128', 226, 129), ('renderD129', 226, 129)}
	END
}

@test "a detached grant that no container takes up expires, and the log says so" {
	python <<-'END'
		b = Broker(activate_timeout=1)
		began = time.monotonic()
		Client(b).acquire('late', detached=True)
		until(lambda: b.leases() == {})
		assert time.monotonic() - began > 0.9
		assert b.agree() == set()
		assert b.messages().count('late') == 1 and len(b.messages().splitlines()) == 1, b.messages()
	END
}

@test "an active lease is a process's: its end ends the lease, however it ends, and nothing else does" {
	python <<-'END'
		b = Broker(activate_timeout=1)
		for signo in signal.SIGKILL, signal.SIGTERM:
		    c = Client(b)
		    lease = c.acquire('c')['lease']
		    p = activate(b, lease)
		    c.close()
		    time.sleep(1.3)
		    assert b.leases() == {'c': 'active'}
		    p.send_signal(signo)
		    # A zombie holds no GPU.
		    until(lambda: b.leases() == {})
		    assert b.agree() == set()
		    p.wait()
	END
}

@test "Activate refuses a process that is gone or a zombie, a lease that is unknown, and what is no pid" {
	python <<-'END'
		b = Broker()
		c = Client(b)
		lease = c.acquire('c')['lease']
		gone, zombie = process(), process()
		end(gone)
		zombie.kill()
		os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
		for pid in gone.pid, zombie.pid:
		    refused(lambda: b.call('Activate', {'lease': lease, 'pid': pid}), 'io.dri.Broker.Refused', 'gone')
		# A process that has the pid since.
		for start in 1, -1, 2**62:
		    refused(lambda: b.call('Activate', {'lease': lease, 'pid': os.getpid(), 'start': start}), 'io.dri.Broker.Refused', 'gone')
		for pid in 0, -1, 2**40, '1', None, 1.5:
		    refused(lambda: b.call('Activate', {'lease': lease, 'pid': pid}), 'org.varlink.service.InvalidParameter')
		for name in 'f' * 32, '', '../' + lease:
		    refused(lambda: b.call('Activate', {'lease': name, 'pid': os.getpid()}), 'io.dri.Broker.NoSuchLease')
		refused(lambda: b.call('Activate', {'pid': os.getpid()}), 'org.varlink.service.InvalidParameter')
		assert b.leases() == {'c': 'granted'}
	END
}

@test "Release of a running container needs force" {
	python <<-'END'
		b = Broker()
		lease = Client(b).acquire('c', detached=True)['lease']
		p = activate(b, lease)
		refused(lambda: b.call('Release', {'container': 'c'}), 'io.dri.Broker.LeaseInUse')
		assert b.agree() == {lease}
		b.call('Release', {'container': 'c', 'force': True})
		assert b.agree() == set()
		refused(lambda: b.call('Release', {'container': 'c'}), 'io.dri.Broker.NoSuchContainer')
		refused(lambda: b.call('Release', {'lease': lease}), 'io.dri.Broker.NoSuchLease')
		refused(lambda: b.call('Release'), 'org.varlink.service.InvalidParameter')
	END
}

# --- who gets what ---

@test "slots: as many as there are, then wait=0s is refused with the names of the holders" {
	python <<-'END'
		b = Broker(slots=3)
		c = Client(b)
		c.acquire('first', slots=2)
		c.acquire('second')
		reason = refused(lambda: c.acquire('third', wait='0s'), 'io.dri.Broker.Refused')
		assert 'igpu' in reason and 'first' in reason and 'second' in reason, reason
		gpu = b.status()['gpus'][0]
		assert gpu['slots'] == {'total': 3, 'used': 3}, gpu
		# What can never be had is not waited for: the client itself does not wait that long.
		assert 'dri.slots' in refused(lambda: c.acquire('greedy', slots=4, wait='60s'))
		# A monitor is no user.
		assert c.acquire('monitor', access='monitor', wait='0s')['gpus'] == 'igpu,arc'
		assert b.status()['gpus'][0]['slots']['used'] == 3
	END
}

@test "exclusive: alone or not at all" {
	python <<-'END'
		b = Broker()
		c, holder = Client(b), Client(b)
		holder.acquire('shared')
		assert 'shared' in refused(lambda: c.acquire('alone', access='exclusive', wait='0s'))
		holder.close()
		until(lambda: not b.leases())
		c.acquire('alone', access='exclusive', wait='0s')
		assert 'alone' in refused(lambda: c.acquire('shared', wait='0s'))
		assert 'alone' in refused(lambda: c.acquire('other', access='exclusive', wait='0s'))
		assert c.acquire('elsewhere', gpu='any', wait='0s')['gpus'] == 'arc'
	END
}

@test "dri.gpu is an order of preference, and all takes all" {
	python <<-'END'
		b = Broker(slots=1)
		c = Client(b)
		assert c.acquire('1', gpu='driver:xe,igpu')['gpus'] == 'arc'
		assert c.acquire('2', gpu='driver:xe,igpu')['gpus'] == 'igpu'
		assert 'no GPU fits' in refused(lambda: c.acquire('3', gpu='driver:amdgpu', wait='0s'))
		c.close()
		until(lambda: not b.leases())
		c = Client(b)
		assert c.acquire('4', gpu='all')['gpus'] == 'igpu,arc'
		refused(lambda: c.acquire('5', gpu='any', wait='0s'))
	END
}

@test "the queue: by class, and in a class by arrival" {
	python <<-'END'
		b = Broker(slots=1)
		holder = Client(b)
		holder.acquire('holder')
		order = ['batch1:batch', 'inter1:interactive', 'real1:realtime', 'inter2:interactive', 'batch2:batch', 'real2:realtime']
		waiting = {}
		for i, entry in enumerate(order):
		    name, kind = entry.split(':')
		    waiting[name] = Client(b)
		    waiting[name].ask(name, **{'class': kind, 'wait': '30s'})
		    until(lambda: len(b.queue()) == i + 1)
		expected = ['real1', 'real2', 'inter1', 'inter2', 'batch1', 'batch2']
		assert b.queue() == expected, b.queue()
		assert [w['position'] for w in b.status()['queue']] == [1, 2, 3, 4, 5, 6]
		for name in expected:
		    holder.close()
		    waiting[name].receive()
		    assert list(b.leases()) == [name], b.leases()
		    holder = waiting[name]
	END
}

@test "whoever waits is not overtaken by one of his class that would fit sooner" {
	python <<-'END'
		b = Broker(slots=4)
		a, c, d = Client(b), Client(b), Client(b)
		a.acquire('a', slots=2)
		c.ask('alone', access='exclusive', wait='30s')
		until(lambda: b.queue() == ['alone'])
		d.ask('small', wait='30s')
		until(lambda: b.queue() == ['alone', 'small'])
		# Of a higher class it would.
		Client(b).acquire('urgent', **{'class': 'realtime', 'wait': '0s'})
		a.close()
		c.receive()
		d.silent()
		c.close()
		d.receive()
	END
}

@test "waiting ends at dri.wait, with the reason and the time" {
	python <<-'END'
		b = Broker(slots=1)
		Client(b).acquire('holder', detached=True)
		began = time.monotonic()
		reason = refused(lambda: Client(b).acquire('late', wait='1s'))
		assert time.monotonic() - began > 0.9 and 'holder' in reason and 'waited 1 s' in reason, reason
		assert b.queue() == []
		# Without a GPU instead, where the label says so.
		c = Client(b)
		grant = c.acquire('without', wait='0s', on_failure='start-without')
		assert grant['nodes'] == [] and 'holder' in grant['reason'] and grant['gpus'] == ''
		assert os.listdir(grant['directory']) == []
	END
}

@test "who gives up waiting leaves the queue, and who is behind him moves" {
	python <<-'END'
		b = Broker(slots=4)
		holder, first, second = Client(b), Client(b), Client(b)
		holder.acquire('holder')
		first.ask('first', access='exclusive', wait='30s')
		until(lambda: b.queue() == ['first'])
		second.ask('second', wait='30s')
		until(lambda: b.queue() == ['first', 'second'])
		first.close()
		second.receive()
		assert b.queue() == []
	END
}

@test "Explain knows who holds, who waits and who was refused" {
	python <<-'END'
		b = Broker(slots=1)
		Client(b).acquire('holder', detached=True)
		waiter = Client(b)
		waiter.ask('waiter', wait='30s')
		until(lambda: b.queue())
		refused(lambda: Client(b).acquire('loser', wait='0s'))
		for name, state in ('holder', 'granted'), ('waiter', 'waiting'), ('loser', 'refused'):
		    e = b.call('Explain', {'container': name})
		    assert e['state'] == state and e['container']['id'] == name and e['decision'], e
		refused(lambda: b.call('Explain', {'container': 'nobody'}), 'io.dri.Broker.NoSuchContainer')
	END
}

@test "256 leases, not one more, and a restart keeps them all" {
	python <<-'END'
		b = Broker(slots=1000, activate_timeout=3600)
		c = Client(b)
		for i in range(256):
		    c.acquire('c%d' % i, detached=True)
		assert '256' in refused(lambda: c.acquire('one more', detached=True))
		assert len(b.agree()) == 256
		b.call('Release', {'container': 'c7'})
		assert c.acquire('one more', detached=True)
		assert '256' in refused(lambda: c.acquire('and another', detached=True))
		before = b.agree()
		b.restart()
		assert b.agree() == before
		assert '256' in refused(lambda: Client(b).acquire('and another', detached=True))
	END
}

@test "a full queue turns the next one away, and everybody else is served meanwhile" {
	python <<-'END'
		b = Broker(slots=1)
		lease = Client(b).acquire('holder', detached=True)['lease']
		waiting = []
		for i in range(70):
		    c = Client(b)
		    c.ask('w%d' % i, wait='60s')
		    while len(b.queue()) == len(waiting) and not c.answered():
		        time.sleep(0.001)
		    if c.answered():
		        assert 'wait for a GPU already' in refused(c.receive)
		        break
		    waiting.append(c)
		assert len(waiting) == 64, len(waiting)
		# A hook, a poststop, and drictl status: else who holds could never let go.
		assert len(b.queue()) == len(waiting)
		p = activate(b, lease)
		b.call('Release', {'lease': lease, 'force': True})
		waiting[0].receive()
	END
}

# --- clients ---

@test "varlink: introspection, errors by their names, pipelining, oneway, a call in pieces" {
	python <<-'END'
		b = Broker()
		c = Client(b)
		info = c.call('org.varlink.service.GetInfo')
		assert info['interfaces'] == ['org.varlink.service', 'io.dri.Broker'] and info['product'] == 'dri-broker', info
		for interface in info['interfaces']:
		    text = c.call('org.varlink.service.GetInterfaceDescription', {'interface': interface})['description']
		    assert re.search('^interface ' + re.escape(interface) + '$', text, re.M)
		methods = set(re.findall(r'^method (\w+)', c.call('org.varlink.service.GetInterfaceDescription', {'interface': 'io.dri.Broker'})['description'], re.M))
		assert methods >= {'Acquire', 'Activate', 'Report', 'Release', 'Status', 'Explain', 'Probe', 'Reload'}, methods
		for method, error in (('io.dri.Broker.Nothing', 'MethodNotFound'), ('org.varlink.service.Nothing', 'MethodNotFound'),
		                      ('io.dri.Other.Status', 'InterfaceNotFound'), ('.', 'InterfaceNotFound'), ('a.b', 'InterfaceNotFound')):
		    refused(lambda: c.call(method), 'org.varlink.service.' + error)
		refused(lambda: c.call('org.varlink.service.GetInterfaceDescription', {'interface': 'x.y'}), 'org.varlink.service.InterfaceNotFound')
		refused(lambda: c.call('Explain'), 'org.varlink.service.InvalidParameter')
		for ready in None, {}, {'level': 'x', 'ok': True, 'reason': ''}, {'level': 'node', 'ok': 1, 'reason': ''}:
		    refused(lambda: c.call('Report', {'lease': 'x', 'ready': ready}), 'org.varlink.service.InvalidParameter')
		# Three calls in one packet are answered in their order, the one without a word.
		calls = [{'method': 'org.varlink.service.GetInfo'}, {'method': 'io.dri.Broker.Status', 'oneway': True}, {'method': 'io.dri.Broker.Status'}]
		c.raw(b''.join(json.dumps(call).encode() + b'\0' for call in calls))
		assert 'vendor' in c.receive() and 'gpus' in c.receive()
		c.silent(0.1)
		for byte in b'{"method":"org.varlink.service.GetInfo","parameters":null}\0':
		    c.raw(bytes([byte]))
		assert 'vendor' in c.receive()
		assert b.messages() == ''
	END
}

@test "what is no call: one line in the log, the end of the connection, and the next is served" {
	python <<-'END'
		b = Broker()
		bad = [b'garbage', b'', b'[]', b'7', b'"text"', b'{}', b'{"method": 7}', b'{"method": ""', b'\xff\xfe', b'{"method": "a.b", "method": "a.c"}',
		       b'{"method": "io.dri.Broker.Status", "parameters": []}', b'{"method": "io.dri.Broker.Status", "parameters": "x"}',
		       b'{"method": "' + b'a' * 1000 + b'"}', b'[' * 60000, b'{"a":' * 10000, b'{"method": "\\u0000"}x', b'\n\n']
		for i, text in enumerate(bad):
		    c = Client(b)
		    c.raw(text + b'\0')
		    assert hung_up(c), text[:50]
		    assert len(b.messages().splitlines()) == i + 1, (text[:50], b.messages())
		    assert b.messages().isprintable() or '\n' in b.messages()
		assert b.status()['gpus']
	END
}

@test "a request of 64 KiB is read, of more it is the end, whether its end comes or not" {
	python <<-'END'
		b = Broker()
		def message(size):
		    head, tail = b'{"method": "org.varlink.service.GetInfo", "x": "', b'"}\0'
		    return head + b'A' * (size - len(head) - len(tail)) + tail
		c = Client(b)
		c.raw(message(65536))
		assert 'vendor' in c.receive()
		assert b.messages() == ''
		for data in message(65537), message(1000000), b'A' * 65537, b'A' * 1000000:
		    c = Client(b)
		    try:
		        c.raw(data)
		    except (BrokenPipeError, ConnectionResetError):
		        pass
		    assert hung_up(c), len(data)
		lines = b.messages().splitlines()
		assert len(lines) == 4 and all('64 KiB' in l for l in lines), lines
	END
}

@test "orders that are none are refused, and leave nothing" {
	python <<-'END'
		b = Broker()
		good = {'container': {'id': 'c'}, 'workload': {'uid': 0, 'gid': 0}, 'request': {'enable': 'true'}}
		changes = [('container', None), ('container', {}), ('container', {'id': 7}), ('container', {'id': ''}), ('workload', None), ('workload', []),
		           ('workload', {'uid': -1, 'gid': 0}), ('workload', {'uid': 0}), ('workload', {'uid': 2**32 - 1, 'gid': 0}), ('workload', {'uid': 0, 'gid': 0, 'gids': [-1]}),
		           ('workload', {'uid': 0, 'gid': 0, 'gids': list(range(5000))}), ('workload', {'uid': 0, 'gid': 0, 'uid_map': [[0]]}),
		           ('workload', {'uid': 0, 'gid': 0, 'uid_map': [{'container': 0, 'host': 0, 'size': 1}] * 400}), ('request', None), ('request', []), ('request', {'gpu': 7}),
		           ('request', {'x': 'y'}), ('request', {'gpu': '../..'}), ('request', {'slots': '-1'}), ('request', {'wait': '99999s'})]
		c = Client(b)
		for key, value in changes:
		    order = dict(good)
		    order.pop(key) if value is None else order.update({key: value})
		    refused(lambda: c.call('Acquire', order), 'io.dri.Broker.Refused')
		assert b.agree() == set()
		assert c.call('Acquire', good)['grant']['lease']
		# A name is text and nothing else.
		c.call('Acquire', {**good, 'container': {'id': '../../x\n\x1b[31m', 'name': 'A' * 10000}})
		assert len(b.agree()) == 2
		assert os.listdir(LEASES + '/..').count('x') == 0
	END
}

@test "320 connections are served, 64 and one for each lease; the next waits until one goes" {
	python <<-'END'
		b = Broker(slots=256)
		# None of them is disconnected for its silence: they hold leases, or wait for one.
		clients = [Client(b) for _ in range(256)]
		for i, c in enumerate(clients):
		    c.acquire('holder%d' % i)
		for i in range(64):
		    clients.append(Client(b))
		    clients[-1].ask('waiter%d' % i, wait='60s')
		late = Client(b)
		late.send('Status')
		late.silent(0.5)
		clients[-1].close()
		assert 'gpus' in late.receive()
	END
}

@test "other users: Status and Explain, and no more; eight connections each, 32 together; root is served meanwhile" {
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	python <<-'END'
		b = Broker()
		os.chmod(b.socket, 0o666)
		lease = Client(b).acquire('c', detached=True)['lease']
		def connect(uid, n):
		    clients = []
		    os.setresuid(uid, uid, 0)
		    try:
		        for _ in range(n):
		            clients.append(Client(b))
		    finally:
		        os.setresuid(0, 0, 0)
		    return clients
		alice = connect(1234, 8)
		assert alice[0].call('Status')['leases'] and alice[1].call('Explain', {'container': 'c'})
		assert alice[2].call('org.varlink.service.GetInfo')
		good = {'container': {'id': 'x'}, 'workload': {'uid': 1234, 'gid': 1234}, 'request': {'enable': 'true'}}
		for method, parameters in (('Acquire', good), ('Activate', {'lease': lease, 'pid': 1}), ('Release', {'container': 'c', 'force': True}),
		                           ('Release', {'lease': lease}), ('Reload', {}), ('Probe', {}), ('Report', {'lease': lease, 'ready': {'level': 'node', 'ok': False, 'reason': ''}})):
		    refused(lambda: alice[3].call(method, parameters), 'io.dri.Broker.PermissionDenied')
		assert b.leases() == {'c': 'granted'}
		ninth = connect(1234, 1)[0]
		refused(ninth.receive, 'io.dri.Broker.Refused', 'too many')
		assert hung_up(ninth)
		others = [c for uid in (1235, 1236, 1237) for c in connect(uid, 8)]
		for c in others:
		    c.call('org.varlink.service.GetInfo')
		refused(connect(1238, 1)[0].receive, 'io.dri.Broker.Refused', 'too many')
		for c in [Client(b) for _ in range(20)]:
		    assert c.call('Status')
		alice[0].close()
		def again():
		    try:
		        return connect(1234, 1)[0].call('Status')
		    except (Refused, OSError):
		        return None
		until(again)
	END
}

@test "the socket is root's alone: mode 0660" {
	python <<-'END'
		b = Broker()
		st = os.stat(b.socket)
		assert (st.st_uid, st.st_mode & 0o777) == (0, 0o660), oct(st.st_mode)
		assert os.stat(b.journal).st_mode & 0o777 == 0o600
	END
}

@test "five seconds: for a request to arrive whole, for a reply to be taken, for a client that sits there" {
	python <<-'END'
		b = Broker(slots=1000)
		for i in range(100):
		    Client(b).acquire('A' * 60 + str(i), detached=True)
		half, drip, idle, deaf, sated, holder, activated = [Client(b) for _ in range(7)]
		began = time.monotonic()
		half.raw(b'{"method": "io.dri.')
		holder.acquire('held')
		p = activate(b, activated.acquire('activated')['lease'])
		def speak():
		    try:
		        while True:
		            drip.raw(b' ')
		            time.sleep(0.5)
		    except OSError:
		        pass
		threading.Thread(target=speak, daemon=True).start()
		# They ask for more than the socket holds, of what is answered at once and of what is not, and read nothing.
		for _ in range(100):
		    deaf.send('org.varlink.service.GetInterfaceDescription', {'interface': 'io.dri.Broker'})
		for _ in range(30):
		    sated.send('Status')
		ends = {}
		def watch(name, client):
		    ends[name] = time.monotonic() - began if hung_up(client, 30) else None
		clients = dict(half=half, drip=drip, idle=idle, activated=activated)
		threads = [threading.Thread(target=watch, args=item) for item in clients.items()]
		for t in threads: t.start()
		for t in threads: t.join()
		for name, seconds in ends.items():
		    assert seconds and seconds > 4, ends
		# Who holds a grant may be silent; once it is the container's, the connection is nobody's.
		holder.silent(1)
		assert 'held' in b.leases() and b.leases()['activated'] == 'active'
		until(lambda: len(b.messages().splitlines()) >= 4)
		# What has been sent to the deaf one is all it gets.
		assert hung_up(deaf)
		lines = b.messages().splitlines()
		assert len(lines) == 4 and sum('whole request' in l for l in lines) == 2 and sum('reply' in l for l in lines) == 2, lines
	END
}

# --- the broker's end and beginning ---

@test "kill -9: leases of living containers stay, those of dead ones and grants never taken up go" {
	python <<-'END'
		b = Broker(slots=2)
		living, dying = process(), process()
		waiter = Client(b)
		for name, p in ('living', living), ('dying', dying):
		    b.call('Activate', {'lease': Client(b).acquire(name, detached=True)['lease'], 'pid': p.pid})
		Client(b).acquire('detached', detached=True, gpu='arc')
		held = Client(b)
		held.acquire('held', gpu='arc')
		waiter.ask('waiter', wait='30s')
		until(lambda: b.queue())
		b.call('Report', {'lease': [l['id'] for l in b.status()['leases'] if l['container']['id'] == 'living'][0],
		                  'ready': {'level': 'driver', 'ok': True, 'reason': 'i915 1.6.0'}})
		before = {l['container']['id']: l for l in b.status()['leases']}
		b.kill()
		end(dying)
		assert len(b.directories()) == 4
		assert b.start(), b.messages()
		after = {l['container']['id']: l for l in b.status()['leases']}
		assert set(after) == {'living', 'detached', 'held'}
		# All but how busy it is: its control group is the machine's, where anybody may have a GPU open.
		measured = 'over', 'engines', 'busy', 'memory'
		before, after = ({k: v for k, v in leases['living'].items() if k not in measured} for leases in (before, after))
		assert after == before, (before, after)
		assert b.queue() == []
		# The slots of the living still count.
		assert b.status()['gpus'][0]['slots']['used'] == 1
		b.agree()
		b.configure(slots=2, activate_timeout=1)
		b.restart()
		until(lambda: set(b.leases()) == {'living'})
		b.restart()
		assert b.leases() == {'living': 'active'}
		end(living)
		until(lambda: b.leases() == {})
		assert b.agree() == set()
	END
}

@test "kill -9 under a real container: it keeps its node, and its end is seen by the next broker" {
	start_broker
	quick_bundle live /bin/sh -c 'while :; do : <>/dev/dri/renderD128 && echo opened; sleep 0.1; done'
	opt_in "$bundle"
	dri_runtime run -d --bundle "$bundle" live </dev/null >>"$BATS_TEST_TMPDIR/out" 2>&1
	local before
	before=$(leases)
	stop_broker KILL
	start_broker
	assert_equal "$(leases)" "$before"
	: >"$BATS_TEST_TMPDIR/out"
	wait_until 20 test -s "$BATS_TEST_TMPDIR/out"
	assert_equal "$(sort -u "$BATS_TEST_TMPDIR/out")" opened
	stop_broker KILL
	dri_runtime delete --force live
	assert_equal "$(lease_directories | wc -l)" 1
	start_broker
	assert_equal "$(leases)$(lease_directories)" '[]'
	finish_broker
}

@test "an orderly stop keeps the leases too" {
	python <<-'END'
		b = Broker()
		lease = Client(b).acquire('c', detached=True)['lease']
		p = activate(b, lease)
		b.restart(signal.SIGTERM)
		assert b.leases() == {'c': 'active'} and b.agree() == {lease}
		# One that a door is about to take up, too.
		door = Client(b)
		held = door.acquire('d')['lease']
		b.restart(signal.SIGTERM)
		assert b.leases() == {'c': 'active', 'd': 'granted'} and b.agree() == {lease, held}
		q = activate(b, held)
		end(q)
		until(lambda: b.ids() == {lease})
		assert b.agree() == {lease}
		assert b.process.poll() is None and b.messages() == '', b.messages()
		b.restart(signal.SIGINT)
		assert b.agree() == {lease}
	END
}

# a_journal: a broker of three leases and its journal, for the scripts below
a_journal ()
{
	cat <<-'END'
		b = Broker(activate_timeout=60)
		living, dead = process(), process()
		ids = {}
		for name in 'living', 'dead', 'granted', 'released':
		    ids[name] = Client(b).acquire(name, detached=True)['lease']
		for name, p in ('living', living), ('dead', dead):
		    b.call('Activate', {'lease': ids[name], 'pid': p.pid})
		b.call('Report', {'lease': ids['living'], 'ready': {'level': 'node', 'ok': True, 'reason': 'ready'}})
		b.call('Release', {'lease': ids['released']})
		b.kill()
		end(dead)
		journal = open(b.journal, 'rb').read()

		def expected(text):
		    """What a journal leaves, by the records that are whole in it."""
		    leases, pids = set(), {}
		    for line in text.split(b'\n')[:-1]:
		        try:
		            r = json.loads(line)
		        except ValueError:
		            continue
		        if r.get('op') == 'grant': leases.add(r['lease'])
		        if r.get('op') == 'activate': pids[r['lease']] = r['pid']
		        if r.get('op') == 'release': leases.discard(r['lease'])
		    return {l for l in leases if pids.get(l) != dead.pid}

		def start_with(b, text):
		    """Every directory is there, as if the death of the broker had come late."""
		    open(b.journal, 'wb').write(text)
		    for lease in ids.values():
		        os.makedirs(b.root + '/' + lease + '/by-path', exist_ok=True)
		        open(b.root + '/' + lease + '/renderD128', 'w').close()
		    assert b.start(), b.messages()
	END
}

@test "a journal cut at any byte: the broker starts, whole records count, no directory is without its lease" {
	{
		a_journal
		cat <<-'END'
			from concurrent.futures import ThreadPoolExecutor
			assert expected(journal) == {ids['living'], ids['granted']}

			def cut(part):
			    c = Broker(start=False, activate_timeout=60)
			    for n in range(part, len(journal) + 1, 3):
			        start_with(c, journal[:n])
			        want = expected(journal[:n])
			        got = c.agree()
			        assert got == want, (n, journal[:n], got, want)
			        if ids['living'] in want:
			            active = b'"activate","lease":"' + ids['living'].encode() in journal[:n].rpartition(b'\n')[0].replace(b' ', b'')
			            assert c.leases()['living'] == ('active' if active else 'granted')
			        c.kill()

			with ThreadPoolExecutor(3) as pool:
			    list(pool.map(cut, range(3)))
			print(len(journal))
		END
	} | python
}

@test "a journal with lines that are none: they are passed over with one line in the log" {
	{
		a_journal
		cat <<-'END'
			lines = journal.split(b'\n')[:-1]
			l = ids['living'].encode()
			for bad in (b'garbage', b'', b'[]', b'{}', b'\xff\xfe\x00', b'{"op": "grant"}', b'{"op": "grant", "lease": "../../etc", "order": {}}', b'A' * 100000,
			            b'{"op": "grant", "lease": "' + b'f' * 32 + b'", "order": 7}', b'{"op": "activate", "lease": "' + b'e' * 32 + b'", "pid": 1}',
			            b'{"op": "report", "lease": "' + l + b'", "level": 99, "ok": 7}', b'{"op": 7, "lease": []}'):
			    start_with(b, b'\n'.join(x for line in lines for x in (bad, line)) + b'\n' + bad + b'\n' + bad)
			    assert b.agree() == {ids['living'], ids['granted']}, (bad[:60], b.leases())
			    b.kill()
			assert b.messages().count('damaged') >= 5
			# A process of the same number that began at another time is another.
			for field in b'"pid"', b'"start"':
			    text = re.sub(field + rb':\s*(\d+)', lambda m: field + b':' + str(int(m[1]) + 1).encode(), journal)
			    start_with(b, text)
			    assert b.agree() == {ids['granted']}, (field, b.leases())
			    b.kill()
		END
	} | python
}

@test "a journal of another boot counts for nothing" {
	{
		a_journal
		cat <<-'END'
			boot = open('/proc/sys/kernel/random/boot_id', 'rb').read().strip()
			assert journal.count(boot) == 1
			start_with(b, journal.replace(boot, b'00000000-0000-4000-8000-000000000000'))
			assert b.agree() == set()
		END
	} | python
}

@test "a grant whose directory is gone is gone, a running container's is revoked" {
	{
		a_journal
		cat <<-'END'
			import shutil
			start_with(b, journal)
			b.kill()
			for name in 'living', 'granted':
			    shutil.rmtree(b.root + '/' + ids[name])
			assert b.start()
			assert b.agree() == {ids['living']}
			assert b.leases()['living'] == 'revoked'
		END
	} | python
}

@test "what is not a lease's is left alone in the lease root" {
	python <<-'END'
		b = Broker()
		b.kill()
		for name in 'notes', 'F' * 32, 'f' * 31:
		    os.mkdir(b.root + '/' + name)
		os.mkdir(b.root + '/' + 'f' * 32)
		assert b.start()
		assert b.directories() == {'notes', 'F' * 32, 'f' * 31}
	END
}

@test "a journal that cannot be read or written is told, and the broker does not start" {
	python <<-'END'
		b = Broker()
		b.kill()
		os.unlink(b.journal)
		os.mkdir(b.journal)
		assert not b.start()
		assert b.journal in b.messages() and len(b.messages().splitlines()) == 1, b.messages()
	END
}

@test "the journal does not grow for ever, and what was rewritten is what was" {
	python <<-'END'
		b = Broker()
		lease = Client(b).acquire('stays', detached=True)['lease']
		p = activate(b, lease)
		c = Client(b)
		written = largest = last = 0
		for i in range(4000):
		    c.call('Release', {'lease': c.acquire('c' * 60)['lease']})
		    if i % 50 == 0:
		        size = os.stat(b.journal).st_size
		        written += max(0, size - last)
		        last = size
		        largest = max(largest, size)
		assert written > 1200000, written
		assert largest < 1200000, largest
		assert b.agree() == {lease}
		b.restart()
		assert b.leases() == {'stays': 'active'} and b.messages() == '', b.messages()
	END
}

@test "the socket of a dead broker is taken over, that of a living one, or of something else, is not" {
	python <<-'END'
		b = Broker()
		second = subprocess.run([BUILD + '/dri-broker', '--simulate', b.fixture, '--lease-root', b.root], env={**os.environ, 'DRI_BROKER_SOCKET': b.socket},
		                        capture_output=True, text=True, timeout=10)
		assert second.returncode == 1 and 'another dri-broker' in second.stderr, second
		assert b.status()
		b.kill()
		assert os.path.exists(b.socket)
		assert b.start() and b.status()
		b.kill()
		os.unlink(b.socket)
		open(b.socket, 'w').write('precious')
		assert not b.start()
		assert open(b.socket).read() == 'precious' and b.socket in b.messages()
	END
}

@test "a second broker that is refused has touched neither leases nor journal of the first" {
	python <<-'END'
		b = Broker()
		lease = Client(b).acquire('c', detached=True)['lease']
		before = open(b.journal).read()
		subprocess.run([BUILD + '/dri-broker', '--simulate', b.fixture, '--lease-root', b.root], env={**os.environ, 'DRI_BROKER_SOCKET': b.socket}, capture_output=True)
		assert b.agree() == {lease} and open(b.journal).read() == before
	END
}

@test "SIGHUP and Reload read the configuration again, and the queue moves; a broken one changes nothing" {
	python <<-'END'
		b = Broker(slots=1)
		Client(b).acquire('holder', detached=True)
		waiters = []
		for i, reload in enumerate((lambda: b.process.send_signal(signal.SIGHUP), lambda: b.call('Reload'))):
		    waiter = Client(b)
		    waiters.append(waiter)
		    waiter.ask('waiter%d' % i, wait='30s')
		    until(lambda: b.queue())
		    b.configure(slots=i + 2)
		    reload()
		    waiter.receive()
		    assert b.status()['gpus'][0]['slots'] == {'total': i + 2, 'used': i + 2}
		open(b.dir + '/config.json', 'w').write('{"slots": "x"}')
		assert 'slots' in refused(lambda: b.call('Reload'))
		assert b.messages() == ''
		b.process.send_signal(signal.SIGHUP)
		until(lambda: 'not reloaded' in b.messages())
		assert b.status()['gpus'][0]['slots']['total'] == 3 and len(b.leases()) >= 1
	END
}

@test "a fixture that is none is refused, with its file and the place" {
	python <<-'END'
		good = json.load(open(os.environ['SIMULATED_GPUS']))
		def change(**keys):
		    gpu = {**good['gpus'][0], **keys}
		    return json.dumps({'gpus': [{k: v for k, v in gpu.items() if v is not None}]})
		b = Broker(start=False)
		b.fixture = b.dir + '/fixture.json'
		cases = [('{', 'line 1'), ('[]', 'object'), ('{}', 'gpus'), ('{"gpus": {}}', 'gpus'), ('{"gpus": [7]}', 'gpus[0]'), ('{"gpu": []}', 'gpu'),
		         (change(colour='red'), 'colour'), (change(pci='02.0'), 'pci'), (change(vendor='8086'), 'vendor'), (change(vendor=None), 'vendor'),
		         (change(driver=None), 'driver'), (change(render=None), 'render'), (change(render={'name': '../x', 'device': '1:1'}), 'render'),
		         (change(render={'name': 'renderD128', 'device': 'null'}), 'device'), (change(render={'name': 'renderD128', 'device': '1:99999999'}), 'device'),
		         (change(card={'name': 'renderD1', 'device': '1:1'}), 'card'), (change(name='a b'), 'name'), (change(gid=-1), 'gid'),
		         (json.dumps({'gpus': good['gpus'] * 2}), 'gpus[2]'), (json.dumps({'gpus': good['gpus'] * 40}), 'gpus')]
		for text, word in cases:
		    open(b.fixture, 'w').write(text)
		    open(b.log, 'w').close()
		    assert not b.start(), text
		    message = b.messages()
		    assert b.fixture in message and word in message and len(message.splitlines()) == 1, (text, message)
		open(b.fixture, 'w').write('{"gpus": []}')
		assert b.start() and b.status()['gpus'] == []
		b.kill()
		b.fixture += '.none'
		assert not b.start()
	END
}

@test "Status tells of simulated GPUs that they are" {
	python <<-'END'
		gpus = Broker().status()['gpus']
		assert [g['name'] for g in gpus] == ['igpu', 'arc'] and all('simulated' in json.dumps(g).lower() for g in gpus), gpus
		assert gpus[0]['pci'] == '0000:00:02.0' and gpus[0]['driver'] == 'i915' and gpus[0]['render'] and gpus[0]['card'], gpus[0]
		assert gpus[0]['engines'] is None and gpus[0]['memory'] is None
	END
}

@test "the broker keeps three capabilities and cannot gain others" {
	python <<-'END'
		b = Broker()
		status = dict(line.split(':\t', 1) for line in open('/proc/%d/status' % b.process.pid).read().splitlines() if ':\t' in line)
		needed = 1 << 27 | 1 << 0  # CAP_MKNOD, CAP_CHOWN
		assert int(status['CapPrm'], 16) == int(status['CapEff'], 16) == needed, status
		assert int(status['CapInh'], 16) == 0 and status['NoNewPrivs'].strip() == '1'
	END
}

@test "a verdict that is cut in the middle of a character leaves the lease in Status" {
	python <<-'END'
		b = Broker()
		c = Client(b)
		lease = c.acquire('c')['lease']
		p = activate(b, lease)
		b.call('Report', {'lease': lease, 'ready': {'level': 'node', 'ok': False, 'reason': '\u00e9' * 400}})
		assert [l['id'] for l in b.status()['leases'] if l] == [lease], b.status()
		p.kill()
		p.wait()
	END
}

@test "thousand leases leave no descriptor, directory or memory behind" {
	python <<-'END'
		b = Broker()
		def descriptors():
		    return len(os.listdir('/proc/%d/fd' % b.process.pid))
		def private():
		    return sum(int(l.split()[1]) for l in open('/proc/%d/smaps_rollup' % b.process.pid) if l.startswith('Private_Dirty'))
		def round():
		    c = Client(b)
		    lease = c.acquire('c')['lease']
		    p = activate(b, lease)
		    b.call('Report', {'lease': lease, 'ready': {'level': 'node', 'ok': False, 'reason': 'x' * 300}})
		    b.call('Release', {'lease': lease, 'force': True})
		    c.close()
		    p.kill()
		    p.wait()
		for _ in range(100): round()
		until(lambda: not b.leases())
		before = descriptors(), private()
		for _ in range(400): round()
		c = Client(b)
		for _ in range(600):
		    c.call('Release', {'lease': c.acquire('c')['lease']})
		c.close()
		until(lambda: not b.leases())
		until(lambda: descriptors() <= before[0])  # the last client's goes after its answer
		after = private()
		# What is freed stays a while with the address sanitizer.
		sanitized = b'__asan_init' in open(BUILD + '/dri-broker', 'rb').read()
		assert sanitized or after < before[1] + 256, (before, after)
		assert b.agree() == set()
	END
}

# watch_an_idle_broker: one with a lease and a past; what it does in ten seconds is in
# idle.trace, once idle.done is there
watch_an_idle_broker ()
{
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR python >"$BATS_FILE_TMPDIR/idle.log" 2>&1 <<-'END'
		b = Broker()
		lease = Client(b).acquire('c', detached=True)['lease']
		p = activate(b, lease)
		b.call('Release', {'lease': Client(b).acquire('d', detached=True)['lease']})
		# The one timer that clients leave behind runs out in five seconds.
		time.sleep(8)
		trace = os.environ['BATS_FILE_TMPDIR'] + '/idle.trace'
		subprocess.run(['timeout', '-s', 'INT', '10', 'strace', '-f', '-q', '-tt', '-o', trace, '-p', str(b.process.pid)])
		assert b.status()['leases'][0]['state'] == 'active'
		open(os.environ['BATS_FILE_TMPDIR'] + '/idle.done', 'w').close()
	END
}

@test "a broker with a running container makes no system call in ten seconds" {
	wait_until 60 test -e "$BATS_FILE_TMPDIR/idle.done" || fail "$(<"$BATS_FILE_TMPDIR/idle.log")"
	# strace itself wakes it once; from then on it sleeps.
	local first last
	first=$(head -1 "$BATS_FILE_TMPDIR/idle.trace")
	last=$(tail -1 "$BATS_FILE_TMPDIR/idle.trace")
	[[ $last == *epoll_*wait*detached* ]] || fail "$(<"$BATS_FILE_TMPDIR/idle.trace")" || return
	(($(seconds_of "$last") - $(seconds_of "$first") <= 3)) || fail "$(<"$BATS_FILE_TMPDIR/idle.trace")"
}

# seconds_of LINE: of the day
seconds_of () { awk '{ split($2, t, ":"); print int(t[1] * 3600 + t[2] * 60 + t[3]) }' <<<"$1"; }
